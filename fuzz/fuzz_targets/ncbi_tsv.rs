//! Any bytes as `train.tsv` of `ncbi-disease`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("ncbi_tsv", bytes));
