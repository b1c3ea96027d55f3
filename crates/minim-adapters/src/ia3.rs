//! IA3: infused adapter by inhibiting and amplifying inner activations. Liu et al. 2022, arXiv 2205.05638, section 3.3.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::parameter::{lazy, like};
use crate::{Error, Targets, Weight};

/// How to attach IA3.
#[derive(Debug, Clone, PartialEq)]
pub struct Ia3Config {
    /// The layers to adapt.
    pub targets: Targets,
    /// Those of them whose input, not output, is rescaled: names are matched by their end, without a dot, as in peft.
    pub feedforward: Vec<String>,
}

impl Default for Ia3Config {
    /// peft's defaults for BERT. `output.dense` matches the attention's output projection as well as the feed-forward one.
    fn default() -> Self {
        Self {
            targets: vec!["key".into(), "value".into(), "output.dense".into()].into(),
            feedforward: vec!["output.dense".into()],
        }
    }
}

/// `y = (x·W + b) ⊙ l` with an output vector, `y = (x ⊙ l)·W + b` with an input vector; `l` starts at 1.
#[derive(Module, Debug)]
pub struct Ia3 {
    /// `[in]`, on feed-forward layers.
    pub input: Option<Param<Tensor<1>>>,
    /// `[out]`, on all others.
    pub output: Option<Param<Tensor<1>>>,
}

impl Ia3Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] where a feed-forward name is empty: it would match every layer.
    pub fn check(&self) -> Result<(), Error> {
        if self.feedforward.iter().any(String::is_empty) {
            return Err(Error::Setting { setting: "feedforward", found: "\"\"".into(), expected: "module names" });
        }
        Ok(())
    }

    pub(crate) fn init(&self, module: &str, inputs: usize, outputs: usize, device: &Device) -> Ia3 {
        let ones = |n| Some(lazy([n], device, move || vec![1.0; n]));
        match self.is_feedforward(module) {
            true => Ia3 { input: ones(inputs), output: None },
            false => Ia3 { input: None, output: ones(outputs) },
        }
    }

    pub(crate) fn is_feedforward(&self, module: &str) -> bool {
        self.feedforward.iter().any(|name| module.ends_with(name.as_str()))
    }
}

impl Ia3 {
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>, weight: &Weight, bias: Option<Tensor<1>>) -> Tensor<D> {
        let y = weight.product(scale(x, &self.input), bias);
        scale(y, &self.output)
    }

    pub(crate) fn merged(&self, base: Tensor<2>) -> Tensor<2> {
        let base = match &self.input {
            Some(l) => {
                let l = like(l.val(), &base).unsqueeze_dim::<2>(1);
                base * l
            }
            None => base,
        };
        scale(base, &self.output)
    }
}

fn scale<const D: usize>(x: Tensor<D>, vector: &Option<Param<Tensor<1>>>) -> Tensor<D> {
    match vector {
        None => x,
        Some(l) => {
            let l = like(l.val(), &x).unsqueeze::<D>();
            x * l
        }
    }
}
