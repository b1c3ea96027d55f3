//! Any bytes as `train.csv` of `prepared-csv`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("prepared_csv", bytes));
