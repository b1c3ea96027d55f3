//! Any bytes as `train.csv` of `icd9-triage`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("icd9_csv", bytes));
