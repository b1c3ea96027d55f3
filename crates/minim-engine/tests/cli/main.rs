//! The binary `minim` as its users meet it: what it writes, what it refuses and in which words.
//!
//! Every example is made by these tests and synthetic, and every text of it holds one made-up word ([`scratch::CANARY`]). No command may
//! ever show that word, and no file of a run may hold it. The models are the small random ones of `tests/fixtures/bert`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_adapters;
mod bad_data;
mod bad_experiments;
mod bad_models;
mod compare;
mod counting;
mod determinism;
mod device;
mod few_shot;
mod help;
mod life;
mod long_text;
mod nothing_lost;
mod pipeline;
mod privacy;
mod scratch;
mod tasks;
mod windows;
