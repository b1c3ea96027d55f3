//! Any bytes as `0.xml` of `ddi-2013`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("ddi_xml", bytes));
