//! Any bytes as `train.tsv` of `prepared-relations-tsv`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| minim_fuzz::read("prepared_relations", bytes));
