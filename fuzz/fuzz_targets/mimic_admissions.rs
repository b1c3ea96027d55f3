//! Any bytes as `ADMISSIONS.csv` of `mimic3-los`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("mimic_admissions", bytes));
