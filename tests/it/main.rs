//! Integration tests of the workspace, in one binary: equality with transformers and peft by committed fixtures, and what only shows when
//! the crates work together.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod checkpointer;
mod checkpoints;
mod combine;
mod counts;
mod curves;
mod fixtures;
mod flops;
mod gradients;
mod interchange;
mod logits;
mod memory;
mod quantised;
mod virtual_tokens;
