#![no_main]
#![allow(dead_code)]

#[path = "../comparing.rs"]
mod comparing;
#[path = "../../src/wordpiece.rs"]
mod wordpiece;

/// What the module needs of its crate.
mod tokens {
    pub(crate) struct Tokens {
        pub(crate) ids: Vec<u32>,
        pub(crate) truncated: bool,
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| comparing::same_ids(bytes));
