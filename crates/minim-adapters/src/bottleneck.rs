//! Bottleneck adapters: Houlsby et al. 2019, arXiv 1902.00751, section 2.1, behind attention and behind the feed-forward block of each layer;
//! Pfeiffer et al. 2020, arXiv 2005.00247, behind the feed-forward block alone.
//!
//! They sit on the output of the linear layer that ends the block, before the residual sum. Where a model has dropout there, it acts on the
//! adapter's output too; in Houlsby's it acts before. Pfeiffer's further normalisation around the adapter is left out: where two
//! adapters stand is what tells the two apart here. peft has neither.

use std::fmt;
use std::str::FromStr;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use minim_kernels::{Activation, activation, dropout_add, linear};

use crate::parameter::{lazy, like, zeros};
use crate::{Draw, Error, Restriction, Targets, Weight};

/// Standard deviation of fresh projections; none is further from 0 than twice that (Houlsby et al., section 3.6).
const START: f64 = 1e-2;

/// How to attach bottleneck adapters.
#[derive(Debug, Clone, PartialEq)]
pub struct BottleneckConfig {
    /// Inner width k.
    pub size: usize,
    /// Between both projections.
    pub non_linearity: NonLinearity,
    /// The layers whose output is adapted.
    pub targets: Targets,
    /// Those of them that are left out.
    pub restriction: Restriction,
}

impl Default for BottleneckConfig {
    /// Houlsby's, on both of BERT's blocks.
    fn default() -> Self {
        Self {
            size: 64,
            non_linearity: NonLinearity::Gelu,
            targets: vec!["attention.output.dense".into(), "output.dense".into()].into(),
            restriction: Restriction::default(),
        }
    }
}

/// What makes a bottleneck more than a low-rank update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonLinearity {
    /// `x·Φ(x)`, exact; in Houlsby's code.
    Gelu,
    /// `max(x, 0)`; in Pfeiffer's code.
    Relu,
    /// `x·σ(x)`, also called swish.
    Silu,
    /// `tanh(x)`
    Tanh,
}

const NAMES: [(&str, NonLinearity); 4] = [
    ("gelu", NonLinearity::Gelu),
    ("relu", NonLinearity::Relu),
    ("silu", NonLinearity::Silu),
    ("tanh", NonLinearity::Tanh),
];

impl FromStr for NonLinearity {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, chosen)| *chosen).ok_or(())
    }
}

impl fmt::Display for NonLinearity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        NAMES.iter().filter(|(_, known)| known == self).try_for_each(|(name, _)| f.write_str(name))
    }
}

/// `y = z + f(z·D + d)·U + u` with `z = x·W + b`.
#[derive(Module, Debug)]
pub struct Bottleneck {
    /// D, `[out, k]`, drawn from a normal distribution with standard deviation 0.01, cut at twice that.
    pub down: Param<Tensor<2>>,
    /// d, `[k]`, zero at the start.
    pub down_bias: Param<Tensor<1>>,
    /// U, `[k, out]`, drawn as D: the layer starts close to what it was, and the gradient of neither is zero.
    pub up: Param<Tensor<2>>,
    /// u, `[out]`, zero at the start.
    pub up_bias: Param<Tensor<1>>,
    #[module(skip)]
    non_linearity: NonLinearity,
}

impl BottleneckConfig {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a width of 0.
    pub fn check(&self) -> Result<(), Error> {
        match self.size {
            0 => Err(Error::Setting { setting: "bottleneck_size", found: "0".into(), expected: "at least 1" }),
            _ => Ok(()),
        }
    }

    pub(crate) fn init(&self, module: &str, seed: u64, outputs: usize, device: &Device) -> Bottleneck {
        let fresh = |name, shape: [usize; 2]| {
            let mut draw = Draw::new(seed, &format!("{module}.{name}"));
            lazy(shape, device, move || draw.cut_normal(shape[0] * shape[1], START))
        };
        Bottleneck {
            down: fresh("bottleneck_down", [outputs, self.size]),
            down_bias: zeros([self.size], device),
            up: fresh("bottleneck_up", [self.size, outputs]),
            up_bias: zeros([outputs], device),
            non_linearity: self.non_linearity,
        }
    }
}

impl Bottleneck {
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>, weight: &Weight, bias: Option<Tensor<1>>) -> Tensor<D> {
        let z = weight.product(x, bias);
        let down = self.down.val();
        let inner = linear(like(z.clone(), &down), down, Some(self.down_bias.val()));
        let kind = match self.non_linearity {
            NonLinearity::Gelu => Activation::Gelu,
            NonLinearity::Relu => Activation::Relu,
            NonLinearity::Silu => Activation::Silu,
            NonLinearity::Tanh => Activation::Tanh,
        };
        let inner = activation(inner, kind);
        let update = like(linear(inner, self.up.val(), Some(self.up_bias.val())), &z);
        dropout_add(update, z, 0.0)
    }
}
