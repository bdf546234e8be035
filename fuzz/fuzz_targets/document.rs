//! Any bytes as a policy document of every kind.

#![no_main]

include!("../harness.rs");

libfuzzer_sys::fuzz_target!(|data: &[u8]| document(data));
