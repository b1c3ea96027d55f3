//! Any bytes as `NOTEEVENTS.csv` of `mimic3-mortality`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("mimic_notes", bytes));
