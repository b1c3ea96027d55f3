//! Any bytes as `annotations.tsv` of `negex`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("negex_tsv", bytes));
