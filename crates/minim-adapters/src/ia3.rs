//! IA3: infused adapter by inhibiting and amplifying inner activations. Liu et al. 2022, arXiv 2205.05638, section 3.3.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use minim_kernels::{Activation, activation, activation_scale};

use crate::method::Matcher;
use crate::parameter::{lazy, like};
use crate::{Error, Restriction, Targets, Weight};

/// How to attach IA3.
#[derive(Debug, Clone, PartialEq)]
pub struct Ia3Config {
    /// The layers to adapt.
    pub targets: Targets,
    /// peft's `exclude_modules`: these are not adapted.
    pub exclude: Option<Targets>,
    /// Those of the targets whose input, not output, is rescaled: names, maybe none, are matched by their end, without a dot, as in peft; a
    /// pattern matches whole names.
    pub feedforward: Targets,
}

impl Default for Ia3Config {
    /// peft's defaults for BERT. `output.dense` matches the attention's output projection as well as the feed-forward one.
    fn default() -> Self {
        Self {
            targets: vec!["key".into(), "value".into(), "output.dense".into()].into(),
            exclude: None,
            feedforward: vec!["output.dense".into()].into(),
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
    /// [`Error::Setting`] where a feed-forward name is empty, as it would match every layer, or a pattern is no regular expression.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |found: String| {
            Err(Error::Setting { setting: "feedforward", found, expected: "module names or a regular expression" })
        };
        match &self.feedforward {
            Targets::Names(names) if names.iter().any(String::is_empty) => wrong("\"\"".into()),
            Targets::Names(_) => Ok(()),
            Targets::Pattern(pattern) => self.feedforward.matcher().map(drop).or_else(|_| wrong(pattern.clone())),
            Targets::AllLinear => wrong(self.feedforward.to_string()),
        }
    }

    pub(crate) fn matcher(&self) -> Result<Matcher, Error> {
        excluding(&self.targets, self.exclude.as_ref())
    }

    pub(crate) fn init(&self, module: &str, inputs: usize, outputs: usize, device: &Device) -> Ia3 {
        let ones = |n| Some(lazy([n], device, move || vec![1.0; n]));
        match self.is_feedforward(module) {
            true => Ia3 { input: ones(inputs), output: None },
            false => Ia3 { input: None, output: ones(outputs) },
        }
    }

    pub(crate) fn is_feedforward(&self, module: &str) -> bool {
        match &self.feedforward {
            Targets::Names(names) => names.iter().any(|name| module.ends_with(name.as_str())),
            pattern => pattern.matcher().is_ok_and(|matches| matches(module)),
        }
    }
}

/// A test for the targets that are not left out by name: what peft has for methods without numbers of layers.
pub(crate) fn excluding(targets: &Targets, exclude: Option<&Targets>) -> Result<Matcher, Error> {
    let restriction = Restriction { exclude: exclude.cloned(), ..Restriction::default() };
    Ok(Box::new(restriction.matcher(targets)?))
}

impl Ia3 {
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>, weight: &Weight, bias: Option<Tensor<1>>) -> Tensor<D> {
        self.forward_scaled(scale(x, &self.input), weight, bias)
    }

    /// The layer behind its input vector.
    pub(crate) fn forward_scaled<const D: usize>(
        &self,
        x: Tensor<D>,
        weight: &Weight,
        bias: Option<Tensor<1>>,
    ) -> Tensor<D> {
        scale(weight.product(x, bias), &self.output)
    }

    /// `f(x) ⊙ l` with the input vector, if there is one.
    pub(crate) fn activated<const D: usize>(&self, x: Tensor<D>, kind: Activation) -> Tensor<D> {
        match &self.input {
            None => activation(x, kind),
            Some(l) => {
                let l = like(l.val(), &x);
                activation_scale(x, kind, l)
            }
        }
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
            let l = like(l.val(), &x);
            minim_kernels::scale(x, l)
        }
    }
}
