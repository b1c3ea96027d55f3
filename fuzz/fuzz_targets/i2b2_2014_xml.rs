//! Any bytes as a `.xml` file of `i2b2-2014-phi`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("i2b2_2014_xml", bytes));
