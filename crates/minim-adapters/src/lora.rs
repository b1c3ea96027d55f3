//! LoRA: low-rank adaptation. Hu et al. 2021, arXiv 2106.09685, equation 3.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};

use crate::parameter::{lazy, like, zeros};
use crate::{Draw, Error, Targets};

/// How to attach LoRA.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraConfig {
    /// Rank r of the update.
    pub rank: usize,
    /// Scaling numerator: the update is multiplied by alpha / r.
    pub alpha: f64,
    /// Probability of zeroing an input of the update while training.
    pub dropout: f64,
    /// The layers to adapt.
    pub targets: Targets,
}

impl Default for LoraConfig {
    /// The study's settings: r 8, alpha 8, dropout 0.1, on query and value.
    fn default() -> Self {
        Self { rank: 8, alpha: 8.0, dropout: 0.1, targets: vec!["query".into(), "value".into()].into() }
    }
}

/// `y = x·W + b + (alpha / r)·(drop(x)·A)·B`
#[derive(Module, Debug)]
pub struct Lora {
    /// `[in, r]`, drawn uniformly from ±1/√in (PyTorch's Kaiming-uniform with a = √5, as in peft).
    pub a: Param<Tensor<2>>,
    /// `[r, out]`, zero at the start.
    pub b: Param<Tensor<2>>,
    /// On the update's input only.
    pub dropout: Dropout,
    /// alpha / r
    pub scale: f64,
}

impl LoraConfig {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first one outside of its range.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |setting, found: String, expected| Err(Error::Setting { setting, found, expected });
        if self.rank == 0 {
            return wrong("rank", "0".into(), "at least 1");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong("dropout", self.dropout.to_string(), "a probability in [0, 1)");
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return wrong("alpha", self.alpha.to_string(), "a positive number");
        }
        Ok(())
    }

    /// Factors that are drawn when they are first used, so that counting a large model allocates none.
    pub(crate) fn init(&self, inputs: usize, outputs: usize, mut draw: Draw, device: &Device) -> Lora {
        let rank = self.rank;
        let bound = 1.0 / (inputs as f64).sqrt();
        Lora {
            a: lazy([inputs, rank], device, move || draw.uniform(inputs * rank, bound)),
            b: zeros([rank, outputs], device),
            dropout: DropoutConfig::new(self.dropout).init(),
            scale: self.alpha / rank as f64,
        }
    }
}

impl Lora {
    pub(crate) fn forward<const D: usize>(
        &self,
        x: Tensor<D>,
        weight: Tensor<2>,
        bias: Option<Tensor<1>>,
    ) -> Tensor<D> {
        let base = linear(x.clone(), weight, bias);
        let a = self.a.val();
        // A frozen base may be held in fewer bits than the factors.
        let x = like(x, &a);
        // The scale goes on the narrow side: [.., r] instead of [.., out].
        let down = linear(self.dropout.forward(x), a, None) * self.scale;
        let update = linear(down, self.b.val(), None);
        let update = like(update, &base);
        base + update
    }

    pub(crate) fn merged(&self, base: Tensor<2>) -> Tensor<2> {
        let delta = self.a.val().matmul(self.b.val()) * self.scale;
        let sum = like(base.clone(), &delta) + delta;
        like(sum, &base)
    }
}
