//! LoRA: low-rank adaptation. Hu et al. 2021, arXiv 2106.09685, equation 3. Its variants are settings of [`LoraConfig`].

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use minim_kernels::linear;

use crate::by_module::ByModule;
use crate::dora;
use crate::lora_start::{Initial, LoraStart, Taken};
use crate::parameter::{lazy, like, zeros};
use crate::{Draw, Dropout, Error, Restriction, Targets, Weight};

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
    /// Those of them that are left out.
    pub restriction: Restriction,
    /// Other ranks for modules whose names end with a pattern.
    pub rank_pattern: BTreeMap<String, usize>,
    /// Other alphas for modules whose names end with a pattern.
    pub alpha_pattern: BTreeMap<String, f64>,
    /// rsLoRA: the update is multiplied by alpha / √r, so that its size does not fall with the rank. Kalajdzievski 2023, arXiv 2312.03732.
    pub use_rslora: bool,
    /// DoRA: each output's magnitude is trained apart from its direction. Liu et al. 2024, arXiv 2402.09353.
    pub use_dora: bool,
    /// LoRA-FA: A stays at its start and has no gradient. Zhang et al. 2023, arXiv 2308.03303. No setting of peft's files, where it is the
    /// optimiser's affair.
    pub freeze_a: bool,
    /// Which biases are trained beside the factors.
    pub bias: Bias,
    /// Where the factors start.
    pub start: LoraStart,
}

/// Which biases of the base model are trained beside an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bias {
    /// None of them.
    #[default]
    None,
    /// All (BitFit beside LoRA).
    All,
    /// Those of the adapted layers.
    LoraOnly,
}

impl Default for LoraConfig {
    /// The study's settings: r 8, alpha 8, dropout 0.1, on query and value.
    fn default() -> Self {
        Self {
            rank: 8,
            alpha: 8.0,
            dropout: 0.1,
            targets: vec!["query".into(), "value".into()].into(),
            restriction: Restriction::default(),
            rank_pattern: BTreeMap::new(),
            alpha_pattern: BTreeMap::new(),
            use_rslora: false,
            use_dora: false,
            freeze_a: false,
            bias: Bias::None,
            start: LoraStart::Random,
        }
    }
}

/// `y = x·W + b + s·(drop(x)·A)·B`, where s is alpha / r, or alpha / √r with rsLoRA.
#[derive(Module, Debug)]
pub struct Lora {
    /// `[in, r]`, drawn uniformly from ±1/√in (PyTorch's Kaiming-uniform with a = √5, as in peft), or as [`LoraStart`] says.
    pub a: Param<Tensor<2>>,
    /// `[r, out]`, zero at the start, or as [`LoraStart`] says.
    pub b: Param<Tensor<2>>,
    /// `[out]`, with DoRA only: the norms of the base weight at the start.
    pub magnitude: Option<Param<Tensor<1>>>,
    /// On the update's input only.
    pub dropout: Dropout,
    /// s
    pub scale: f64,
    /// Where both factors started, if they were taken out of the base weight.
    pub initial: Option<Initial>,
}

/// The rank and alpha of each module.
pub(crate) struct Sizes {
    ranks: ByModule<usize>,
    alphas: ByModule<f64>,
}

impl Sizes {
    /// alpha / r of a module, or alpha / √r.
    pub(crate) fn scale(&self, module: &str, use_rslora: bool) -> f64 {
        let rank = self.ranks.of(module) as f64;
        self.alphas.of(module) / if use_rslora { rank.sqrt() } else { rank }
    }
}

impl LoraConfig {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first one outside of its range.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |setting, found: String, expected| Err(Error::Setting { setting, found, expected });
        for (setting, rank) in patterned("rank", self.rank, "rank_pattern", &self.rank_pattern) {
            if rank == 0 {
                return wrong(setting, "0".into(), "at least 1");
            }
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong("dropout", self.dropout.to_string(), "a probability in [0, 1)");
        }
        for (setting, alpha) in patterned("alpha", self.alpha, "alpha_pattern", &self.alpha_pattern) {
            if !(alpha.is_finite() && alpha > 0.0) {
                return wrong(setting, alpha.to_string(), "a positive number");
            }
        }
        self.sizes().map(drop)
    }

    pub(crate) fn sizes(&self) -> Result<Sizes, Error> {
        Ok(Sizes {
            ranks: ByModule::new("rank_pattern", &self.rank_pattern, self.rank)?,
            alphas: ByModule::new("alpha_pattern", &self.alpha_pattern, self.alpha)?,
        })
    }

    /// Factors that are drawn when they are first used, so that counting a large model allocates none, and the weight that they leave.
    pub(crate) fn init<const D: usize>(
        &self,
        sizes: &Sizes,
        module: &str,
        base: Param<Tensor<D>>,
        mut draw: Draw,
        device: &Device,
    ) -> (Lora, Param<Tensor<D>>) {
        let shape = base.lazy_shape();
        let [inputs, outputs] = [shape[0], shape[D - 1]];
        let rank = sizes.ranks.of(module);
        let bound = 1.0 / (inputs as f64).sqrt();
        let scale = sizes.scale(module, self.use_rslora);
        let magnitude = self.use_dora.then(|| dora::magnitude(base.clone(), device));
        let lora = |(a, b): (Param<Tensor<2>>, Param<Tensor<2>>), initial| Lora {
            a: a.set_require_grad(!self.freeze_a),
            b,
            magnitude,
            dropout: Dropout::new(self.dropout),
            scale,
            initial,
        };
        if self.start == LoraStart::Random {
            let a = lazy([inputs, rank], device, move || draw.uniform(inputs * rank, bound));
            return (lora((a, zeros([rank, outputs], device)), None), base);
        }
        let taken = Taken::new(self.start, &base, rank, scale, draw);
        (lora(taken.params(device), Some(taken.initial(device))), taken.residual(base, device))
    }
}

fn patterned<'a, T: Copy>(
    setting: &'static str,
    value: T,
    pattern: &'static str,
    exceptions: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'static str, T)> + use<'a, T> {
    std::iter::once((setting, value)).chain(exceptions.values().map(move |value| (pattern, *value)))
}

impl Lora {
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>, weight: &Weight, bias: Option<Tensor<1>>) -> Tensor<D> {
        if let Some(magnitude) = &self.magnitude {
            return self.forward_dora(x, weight, bias, magnitude.val());
        }
        let dropout = self.dropout.rate_on(&x);
        weight.updated(x, bias, [self.a.val(), self.b.val()], self.scale, dropout)
    }

    /// `s·(x·A)·B` in the precision of `base`.
    pub(crate) fn update<const D: usize>(&self, x: Tensor<D>, base: &Tensor<D>) -> Tensor<D> {
        let a = self.a.val();
        let x = like(x, &a);
        // The scale goes on the narrow side: [.., r] instead of [.., out].
        let down = linear(x, a, None) * self.scale;
        like(linear(down, self.b.val(), None), base)
    }

    pub(crate) fn merged(&self, base: Tensor<2>) -> Tensor<2> {
        let delta = self.a.val().matmul(self.b.val()) * self.scale;
        let sum = like(base.clone(), &delta) + delta;
        let sum = match &self.magnitude {
            None => sum,
            Some(magnitude) => sum * self.rescaling(dora::constant(base.clone()), magnitude.val()).unsqueeze::<2>(),
        };
        like(sum, &base)
    }
}
