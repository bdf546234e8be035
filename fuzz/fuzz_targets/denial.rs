//! Any bytes as a text that was pasted.

#![no_main]

include!("../harness.rs");

libfuzzer_sys::fuzz_target!(|data: &[u8]| denial(data));
