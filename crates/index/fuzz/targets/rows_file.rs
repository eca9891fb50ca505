#![no_main]
#[path = "../forging.rs"]
mod forging;

libfuzzer_sys::fuzz_target!(|edits: &[u8]| forging::forged_rows(edits));
