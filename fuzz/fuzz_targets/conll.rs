//! Any bytes as `train.conll` of `prepared-conll`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("conll", bytes));
