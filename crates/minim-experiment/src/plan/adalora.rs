//! The settings of AdaLoRA's schedule.

use serde::{Deserialize, Serialize};

use super::reader::Table;
use crate::Error;

/// How AdaLoRA's ranks are taken away, under peft's names; all steps are those of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdaLoraSchedule {
    /// Rank of each update at first.
    pub init_r: usize,
    /// Mean rank at last.
    pub target_r: usize,
    /// So many steps go by before the budget falls.
    pub tinit: usize,
    /// And so many after it has fallen.
    pub tfinal: usize,
    /// In between, ranks are taken away at every step of this multiple.
    pub delta_t: usize,
    /// How slowly the mean importance of an element follows, in `(0, 1)`.
    pub beta1: f64,
    /// The same of how much its importance varies.
    pub beta2: f64,
    /// What the distance of the factors from orthonormal ones counts in the loss.
    pub orth_reg_weight: f64,
}

impl AdaLoraSchedule {
    pub(super) const KEYS: [&str; 8] =
        ["init_r", "target_r", "tinit", "tfinal", "delta_t", "beta1", "beta2", "orth_reg_weight"];

    pub(super) fn read(table: &Table) -> Result<Self, Error> {
        let count = |key, default, least| table.get(key).map_or(Ok(default), |value| value.count(least));
        let beta = |key| {
            let inside = |beta: f64| beta > 0.0 && beta < 1.0;
            table.get(key).map_or(Ok(0.85), |value| value.number("a number in (0, 1)", inside))
        };
        let init_r = count("init_r", 12, 1)?;
        let target_r = count("target_r", 8.min(init_r), 1)?;
        if let (Some(value), true) = (table.get("target_r"), target_r > init_r) {
            return Err(value.invalid(format_args!("{target_r} is more than `init_r`, {init_r}")));
        }
        Ok(Self {
            init_r,
            target_r,
            tinit: count("tinit", 0, 0)?,
            tfinal: count("tfinal", 0, 0)?,
            delta_t: count("delta_t", 1, 1)?,
            beta1: beta("beta1")?,
            beta2: beta("beta2")?,
            orth_reg_weight: match table.get("orth_reg_weight") {
                None => 0.5,
                Some(value) => value.number("a number of at least 0", |weight| weight >= 0.0)?,
            },
        })
    }
}
