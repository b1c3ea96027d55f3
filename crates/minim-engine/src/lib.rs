//! Fit, evaluate and predict: the engine behind the binary `minim`, and the only crate that names a backend.
//!
//! [`train`] takes a resolved run of an experiment to its record; [`TrainedRun`] opens what it left behind; [`Evaluation`] scores a split.
//! Training goes through burn-train with a strategy of its own ([`strategy`]); `docs/DESIGN.md` says why.

pub mod assess;
mod base_precision;
pub mod bench;
mod clip;
pub mod combine;
pub mod count;
pub mod device;
mod error;
mod evaluate;
mod examples;
pub mod export;
pub mod flops;
mod learnable;
pub mod lengths;
mod loader;
pub mod logits;
mod method;
mod optimizer;
pub mod origin;
pub mod predict;
pub mod pretrain;
mod recompute;
mod remade;
mod run_folder;
pub mod selfcheck;
mod start;
pub mod strategy;
mod train;

pub use base_precision::{SharedBase, attach_in, attach_kept_in};
pub use clip::{clip, global_norm};
pub use error::Error;
pub use evaluate::{Evaluation, evaluate};
pub use examples::Encoded;
pub use learnable::Learnable;
pub use method::{adapter_method, bottleneck, chosen, ia3, ln_tuning, targets_note};
pub use optimizer::{WarmUp, optimizer};
pub use recompute::recompute;
pub use run_folder::TrainedRun;
pub use train::{Options, train};
