//! Any bytes as `labels.json` of `jsonl`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("labels_json", bytes));
