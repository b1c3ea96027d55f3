//! Any bytes as `mli_train_v1.jsonl` of `mednli`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("mednli_jsonl", bytes));
