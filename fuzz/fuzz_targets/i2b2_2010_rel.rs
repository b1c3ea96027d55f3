//! Any bytes as a `.rel` file of `i2b2-2010-relations`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("i2b2_2010_rel", bytes));
