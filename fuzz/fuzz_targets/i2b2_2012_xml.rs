//! Any bytes as a `.xml` file of `i2b2-2012-events`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("i2b2_2012_xml", bytes));
