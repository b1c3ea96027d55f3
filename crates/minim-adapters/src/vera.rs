//! VeRA: vector-based random matrix adaptation. Kopiczko et al. 2023, arXiv 2310.11454, equation 2.

use std::sync::{Arc, OnceLock};

use burn::module::{Module, Param, ParamId};
use burn::tensor::module::linear;
use burn::tensor::{Device, Shape, Tensor, TensorData};

use crate::parameter::{lazy, like, zeros};
use crate::{Draw, Dropout, Error, Restriction, Targets, Weight};

/// How to attach VeRA.
#[derive(Debug, Clone, PartialEq)]
pub struct VeraConfig {
    /// Rank r of the update; larger than LoRA's, as a layer has r + out parameters of it.
    pub rank: usize,
    /// Probability of zeroing an input of the update while training.
    pub dropout: f64,
    /// Where the elements of λd start.
    pub d_initial: f64,
    /// Decides A and B, whatever the run's seed. peft's generator draws others from the same key, so that they are in every file.
    pub projection_prng_key: u64,
    /// The layers to adapt.
    pub targets: Targets,
    /// Those of them that are left out; peft has no `exclude_modules` here.
    pub restriction: Restriction,
}

impl Default for VeraConfig {
    /// peft's defaults, on BERT's query and value.
    fn default() -> Self {
        Self {
            rank: 256,
            dropout: 0.0,
            d_initial: 0.1,
            projection_prng_key: 0,
            targets: vec!["query".into(), "value".into()].into(),
            restriction: Restriction::default(),
        }
    }
}

/// `y = x·W + b + λb ⊙ ((λd ⊙ (drop(x)·A))·B)`
#[derive(Module, Debug)]
pub struct Vera {
    /// `[r]`, `d_initial` at the start.
    pub lambda_d: Param<Tensor<1>>,
    /// `[out]`, zero at the start.
    pub lambda_b: Param<Tensor<1>>,
    /// `[in, r]`, frozen and one for all layers: `in` is that of the widest, and a layer takes its first rows. Drawn uniformly from
    /// ±√(6/in) (Kaiming-uniform, as in peft).
    pub a: Param<Tensor<2>>,
    /// `[r, out]`, frozen and one for all layers: a layer takes its first columns. Drawn uniformly from ±√(6/r).
    pub b: Param<Tensor<2>>,
    /// On the update's input only.
    pub dropout: Dropout,
}

/// A and B of all layers, drawn when the first layer needs them.
pub(crate) struct Projections {
    a: Arc<Projection>,
    b: Arc<Projection>,
}

struct Projection {
    shape: [usize; 2],
    bound: f64,
    key: u64,
    name: &'static str,
    drawn: OnceLock<Tensor<2>>,
}

impl Projection {
    fn new(shape: [usize; 2], fan_in: usize, key: u64, name: &'static str) -> Arc<Self> {
        Arc::new(Self { shape, bound: (6.0 / fan_in as f64).sqrt(), key, name, drawn: OnceLock::new() })
    }

    fn param(self: &Arc<Self>, device: &Device) -> Param<Tensor<2>> {
        let this = self.clone();
        let init = move |device: &Device, _: bool| {
            let draw = || {
                let values = Draw::new(this.key, this.name).uniform(this.shape.iter().product(), this.bound);
                Tensor::from_data(TensorData::new(values, this.shape), device)
            };
            this.drawn.get_or_init(draw).clone().to_device(device)
        };
        Param::uninitialized(ParamId::new(), init, device.clone(), false, Shape::new(self.shape))
    }
}

impl VeraConfig {
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
        if !self.d_initial.is_finite() {
            return wrong("d_initial", self.d_initial.to_string(), "a number");
        }
        match &self.restriction.exclude {
            Some(exclude) => wrong("exclude_modules", exclude.to_string(), "none: peft's VeRA has no such setting"),
            None => Ok(()),
        }
    }

    /// The shared matrices for layers of at most so many inputs and outputs.
    pub(crate) fn projections(&self, inputs: usize, outputs: usize) -> Projections {
        let key = self.projection_prng_key;
        Projections {
            a: Projection::new([inputs, self.rank], inputs, key, "vera_A"),
            b: Projection::new([self.rank, outputs], self.rank, key, "vera_B"),
        }
    }

    pub(crate) fn init(&self, shared: &Projections, outputs: usize, device: &Device) -> Vera {
        let (rank, start) = (self.rank, self.d_initial as f32);
        Vera {
            lambda_d: lazy([rank], device, move || vec![start; rank]),
            lambda_b: zeros([outputs], device),
            a: shared.a.param(device),
            b: shared.b.param(device),
            dropout: Dropout::new(self.dropout),
        }
    }
}

impl Vera {
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>, weight: &Weight, bias: Option<Tensor<1>>) -> Tensor<D> {
        let (a, b) = self.part(weight.dims());
        let base = weight.product(x.clone(), bias);
        let x = self.dropout.forward(like(x, &a));
        let down = linear(x, a, None) * self.lambda_d.val().unsqueeze::<D>();
        let update = linear(down, b, None) * self.lambda_b.val().unsqueeze::<D>();
        let update = like(update, &base);
        base + update
    }

    /// What a layer of this shape takes of A and B.
    fn part(&self, [inputs, outputs]: [usize; 2]) -> (Tensor<2>, Tensor<2>) {
        (self.a.val().narrow(0, 0, inputs), self.b.val().narrow(1, 0, outputs))
    }

    pub(crate) fn merged(&self, base: Tensor<2>) -> Tensor<2> {
        let (a, b) = self.part(base.dims());
        let down = a * self.lambda_d.val().unsqueeze::<2>();
        let delta = down.matmul(b * self.lambda_b.val().unsqueeze::<2>());
        let sum = like(base.clone(), &delta) + delta;
        like(sum, &base)
    }
}
