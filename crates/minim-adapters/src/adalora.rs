//! AdaLoRA: adaptive budget allocation. Zhang et al. 2023, arXiv 2303.10512, equations 3 and 4. Its schedule is in `rank_allocator.rs`.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::parameter::{lazy, like, zeros};
use crate::rank_allocator::Factors;
use crate::{Draw, Dropout, Error, Restriction, Targets, Weight};

/// Standard deviation of fresh A and B, as in peft.
const START: f64 = 0.02;

/// How to attach AdaLoRA, and how its ranks are taken away while training.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaLoraConfig {
    /// The rank of each update at the start.
    pub init_rank: usize,
    /// The mean rank at the end.
    pub target_rank: usize,
    /// Scaling numerator: the update is multiplied by alpha / `init_rank`, whatever is left of the rank.
    pub alpha: f64,
    /// Probability of zeroing an input of the update while training.
    pub dropout: f64,
    /// The layers to adapt.
    pub targets: Targets,
    /// Those of them that are left out.
    pub restriction: Restriction,
    /// Steps before the first rank is taken away.
    pub tinit: usize,
    /// Steps at the end, in which the ranks that are left stay.
    pub tfinal: usize,
    /// Steps between two allocations (peft: `deltaT`).
    pub delta_t: usize,
    /// Of the mean of sensitivities, in (0, 1).
    pub beta1: f64,
    /// Of the mean of how far a sensitivity is from its mean, in (0, 1).
    pub beta2: f64,
    /// Factor of the [regularisation](Self::penalised).
    pub orth_reg_weight: f64,
    /// Optimiser steps in all; 0 as long as nobody knows.
    pub total_steps: usize,
    /// Which ranks are left of a module in an adapter folder of peft; others have all.
    pub rank_pattern: BTreeMap<String, Vec<bool>>,
}

impl Default for AdaLoraConfig {
    /// peft's defaults, on BERT's query and value.
    fn default() -> Self {
        Self {
            init_rank: 12,
            target_rank: 8,
            alpha: 8.0,
            dropout: 0.0,
            targets: vec!["query".into(), "value".into()].into(),
            restriction: Restriction::default(),
            tinit: 0,
            tfinal: 0,
            delta_t: 1,
            beta1: 0.85,
            beta2: 0.85,
            orth_reg_weight: 0.5,
            total_steps: 0,
            rank_pattern: BTreeMap::new(),
        }
    }
}

/// `y = x·W + b + s·((drop(x)·A) ⊙ E)·B`: the paper's `P·Λ·Q` with A for Q, E for Λ's diagonal and B for P, transposed.
#[derive(Module, Debug)]
pub struct AdaLora {
    /// `[in, r]`, drawn from a normal distribution with standard deviation 0.02.
    pub a: Param<Tensor<2>>,
    /// `[r]`, zero at the start, and zero again where the rank is taken away.
    pub e: Param<Tensor<1>>,
    /// `[r, out]`, drawn as A.
    pub b: Param<Tensor<2>>,
    /// On the update's input only.
    pub dropout: Dropout,
    /// s
    pub scale: f64,
}

impl AdaLoraConfig {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first one outside of its range.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |setting, found: String, expected| Err(Error::Setting { setting, found, expected });
        if self.init_rank == 0 {
            return wrong("init_r", "0".into(), "at least 1");
        }
        if self.target_rank == 0 || self.target_rank > self.init_rank {
            return wrong("target_r", self.target_rank.to_string(), "at least 1 and at most init_r");
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return wrong("alpha", self.alpha.to_string(), "a positive number");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong("dropout", self.dropout.to_string(), "a probability in [0, 1)");
        }
        if self.delta_t == 0 {
            return wrong("delta_t", "0".into(), "at least 1");
        }
        for (setting, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(beta > 0.0 && beta < 1.0) {
                return wrong(setting, beta.to_string(), "a number in (0, 1)");
            }
        }
        if !(self.orth_reg_weight.is_finite() && self.orth_reg_weight >= 0.0) {
            return wrong("orth_reg_weight", self.orth_reg_weight.to_string(), "a number of at least 0");
        }
        if self.total_steps > 0 && self.tinit + self.tfinal >= self.total_steps {
            let found = format!("{} + {} of {} steps", self.tinit, self.tfinal, self.total_steps);
            return wrong("tinit + tfinal", found, "fewer than all steps, so that ranks can be taken away between");
        }
        Ok(())
    }

    /// `None` where no rank is left of the module.
    pub(crate) fn init(
        &self,
        module: &str,
        seed: u64,
        [inputs, outputs]: [usize; 2],
        device: &Device,
    ) -> Option<AdaLora> {
        let left = self.rank_pattern.get(module).map(|left| left.iter().filter(|&&left| left).count());
        let rank = left.unwrap_or(self.init_rank);
        let fresh = |name, shape: [usize; 2]| {
            let mut draw = Draw::new(seed, &format!("{module}.{name}"));
            lazy(shape, device, move || draw.normal(shape[0] * shape[1], START))
        };
        (rank > 0).then(|| AdaLora {
            a: fresh("lora_A", [inputs, rank]),
            e: zeros([rank], device),
            b: fresh("lora_B", [rank, outputs]),
            dropout: Dropout::new(self.dropout),
            // peft adds 1e-5 to what may be 0 there.
            scale: self.alpha / (self.init_rank as f64 + 1e-5),
        })
    }

    /// The loss with the regularisation that keeps A and B close to orthonormal, so that E tells how much a rank matters: `orth_reg_weight`
    /// times the mean, over all A and B, of `‖Aᵀ·A - I‖` and `‖B·Bᵀ - I‖` (Frobenius; equation 4, but for the square, as in peft).
    ///
    /// # Shapes
    /// - `loss` and output: `[1]`
    pub fn penalised<M: Module>(&self, model: &M, loss: Tensor<1>) -> Tensor<1> {
        let apart = |by_rank: Tensor<2>| {
            let [rank, _] = by_rank.dims();
            let apart = by_rank.clone().matmul(by_rank.clone().transpose()) - Tensor::eye(rank, &by_rank.device());
            // The root has no slope at 0, where nothing is to be gained.
            (apart.square().sum() + 1e-30).sqrt()
        };
        let factors = Factors::of(model, None).into_iter();
        let apart: Vec<_> =
            factors.filter(|(name, _)| !name.ends_with(".e")).map(|(_, factor)| apart(factor)).collect();
        match apart.is_empty() {
            true => loss,
            false => loss + Tensor::cat(apart, 0).mean() * self.orth_reg_weight,
        }
    }
}

impl AdaLora {
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>, weight: &Weight, bias: Option<Tensor<1>>) -> Tensor<D> {
        let dropout = self.dropout.rate_on(&x);
        weight.updated(x, bias, [self.scaled(), self.b.val()], self.scale, dropout)
    }

    /// A·diag(E), `[in, r]`.
    fn scaled(&self) -> Tensor<2> {
        self.a.val() * self.e.val().unsqueeze::<2>()
    }

    pub(crate) fn merged(&self, base: Tensor<2>) -> Tensor<2> {
        let delta = self.scaled().matmul(self.b.val()) * self.scale;
        let sum = like(base.clone(), &delta) + delta;
        like(sum, &base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_needs_steps_between_its_ends() {
        let config = |total_steps| AdaLoraConfig { tinit: 3, tfinal: 5, total_steps, ..AdaLoraConfig::default() };
        assert!(config(0).check().is_ok() && config(9).check().is_ok());
        let error = config(8).check().unwrap_err().to_string();
        assert!(error.contains("3 + 5 of 8 steps"), "{error}");
        let error = AdaLoraConfig { target_rank: 13, ..config(9) }.check().unwrap_err().to_string();
        assert!(error.contains("target_r is 13; expected at least 1 and at most init_r"), "{error}");
    }
}
