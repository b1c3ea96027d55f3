//! Any bytes as `train.jsonl` of `jsonl`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("jsonl", bytes));
