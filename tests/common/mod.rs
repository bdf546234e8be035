//! Worlds and the patches that pages make to them.

#[allow(unused_imports, reason = "not every test patches a world")]
pub(crate) use streamkap_doctor::demo::patch::merge;
pub(crate) use streamkap_doctor::demo::{healthy, patch::facts};
