//! Any bytes as a `.con` file of `i2b2-2010-concepts`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("i2b2_2010_con", bytes));
