//! Worlds and the patches that pages make to them.

#![allow(unused_imports, reason = "each test file uses what it needs")]

pub(crate) use streamkap_doctor::demo::healthy;
pub(crate) use streamkap_doctor::demo::patch::{facts, merge};
