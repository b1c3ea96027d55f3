//! Where LoRA's factors start: at random beside an untouched weight, or as a part that is taken out of it.
//!
//! - PiSSA: Meng et al. 2024, arXiv 2404.02948, section 3. Of `W = U·S·Vᵀ` the r largest singular values start the factors:
//!   `s·A·B = Uᵣ·Sᵣ·Vᵣᵀ`, the root of `Sᵣ / s` in each of both.
//! - OLoRA: Büyükakyüz 2024, arXiv 2406.01775, section 3. Of `W = Q·R` (PyTorch's layout) the first r columns and rows: `B = Qᵣ`, `A = Rᵣ`.
//!
//! The base weight becomes `W - s·A·B`, so that the layer's output is what it was. peft's files of such an adapter mean nothing beside the
//! untouched base weight; so what is saved is peft's conversion: plain LoRA of twice the rank, `s·(A·B - A₀·B₀) = s·[A A₀]·[B; -B₀]`.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use burn::module::{Module, Param};
use burn::tensor::{Device, Shape, Tensor, TensorData};

use crate::decomposition::{Matrix, Singular, about_largest_singular, largest_singular, qr};
use crate::parameter::lazy;
use crate::{Draw, Error, Format, LoraConfig};

/// How LoRA's factors start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoraStart {
    /// A at random, B zero.
    #[default]
    Random,
    /// PiSSA, from all singular values: about a second for a matrix of 768 by 768, and eight times that for twice the width.
    Pissa,
    /// PiSSA, from about the largest singular values, by so many iterations on a random subspace: quick whatever the width.
    PissaNiter(usize),
    /// OLoRA.
    Olora,
}

impl FromStr for LoraStart {
    type Err = ();

    /// peft's `init_lora_weights`: `pissa`, `pissa_niter_16`, `olora`.
    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "pissa" => Ok(Self::Pissa),
            "olora" => Ok(Self::Olora),
            _ => name.strip_prefix("pissa_niter_").and_then(|n| n.parse().ok()).map(Self::PissaNiter).ok_or(()),
        }
    }
}

impl fmt::Display for LoraStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Pissa => f.write_str("pissa"),
            Self::PissaNiter(iterations) => write!(f, "pissa_niter_{iterations}"),
            Self::Olora => f.write_str("olora"),
        }
    }
}

/// The factors as they were when they were taken out of the base weight; frozen, and in no forward pass.
#[derive(Module, Debug)]
pub struct Initial {
    /// `[in, r]`
    pub a: Param<Tensor<2>>,
    /// `[r, out]`
    pub b: Param<Tensor<2>>,
}

type Factors = [Vec<f32>; 2];
type Compute = Box<dyn FnOnce() -> Factors + Send>;

/// Both factors at their start, `[in, r]` and `[r, out]`, computed when they are first asked for.
pub(crate) struct Taken {
    factors: Arc<LazyLock<Factors, Compute>>,
    shape: [usize; 3],
    scale: f64,
}

impl Taken {
    /// What `start`, which is not random, takes out of `base`.
    pub(crate) fn new<const D: usize>(
        start: LoraStart,
        base: &Param<Tensor<D>>,
        rank: usize,
        scale: f64,
        mut draw: Draw,
    ) -> Self {
        let shape = base.lazy_shape();
        let [inputs, outputs] = [shape[0], shape[D - 1]];
        let base = base.clone();
        let factors = move || {
            let weight = Matrix::wide(inputs, outputs, &host(&base));
            factors(start, &weight, rank, scale, &mut draw)
        };
        let factors = Arc::new(LazyLock::new(Box::new(factors) as Compute));
        Self { factors, shape: [inputs, rank, outputs], scale }
    }

    /// Fresh parameters A and B at their start.
    pub(crate) fn params(&self, device: &Device) -> (Param<Tensor<2>>, Param<Tensor<2>>) {
        let [inputs, rank, outputs] = self.shape;
        let (of_a, of_b) = (self.factors.clone(), self.factors.clone());
        (lazy([inputs, rank], device, move || of_a[0].clone()), lazy([rank, outputs], device, move || of_b[1].clone()))
    }

    pub(crate) fn initial(&self, device: &Device) -> Initial {
        let (a, b) = self.params(device);
        Initial { a: a.set_require_grad(false), b: b.set_require_grad(false) }
    }

    /// `W - s·A·B` in the precision of W, computed when it is first asked for.
    pub(crate) fn residual<const D: usize>(self, base: Param<Tensor<D>>, device: &Device) -> Param<Tensor<D>> {
        let (id, shape) = (base.id, Shape::from(base.lazy_shape().to_vec()));
        let init = move |device: &Device, _: bool| {
            let [inputs, rank, outputs] = self.shape;
            let [a, b] = &**self.factors;
            let taken = Matrix::wide(inputs, rank, a).matmul(&Matrix::wide(rank, outputs, b));
            let left = host(&base).into_iter().zip(taken.values).map(|(w, t)| (f64::from(w) - self.scale * t) as f32);
            let data = TensorData::new(left.collect::<Vec<f32>>(), base.lazy_shape().to_vec());
            Tensor::<D>::from_data(data, device).cast(base.base().dtype())
        };
        Param::uninitialized(id, init, device.clone(), false, shape)
    }
}

fn host<const D: usize>(base: &Param<Tensor<D>>) -> Vec<f32> {
    base.base().into_data().iter::<f32>().collect()
}

/// A `[in, r]` and B `[r, out]`. A weight of a lower rank than r leaves columns of A and rows of B at 0, where they stay.
fn factors(start: LoraStart, weight: &Matrix, rank: usize, scale: f64, draw: &mut Draw) -> Factors {
    let (left, right) = match start {
        LoraStart::Olora => {
            let (q, r) = qr(&weight.transposed(), rank);
            (r, q)
        }
        _ => {
            let Singular { values, left, right } = match start {
                LoraStart::PissaNiter(iterations) => about_largest_singular(weight, rank, iterations, draw),
                _ => largest_singular(weight, rank),
            };
            let roots = || values.iter().map(|value| (value / scale).sqrt());
            (left.scaled(roots()), right.scaled(roots()))
        }
    };
    [left.padded(rank).transposed().narrow(), right.padded(rank).narrow()]
}

impl LoraConfig {
    /// Refuses factors that are taken out of a weight which is then held in codes: those stand for `W - s·A₀·B₀`, and what is saved stands
    /// beside the codes of W.
    pub(crate) fn check_base(&self, format: Format) -> Result<(), Error> {
        match format {
            Format::Int8 | Format::Nf4 if self.start != LoraStart::Random => Err(Error::Setting {
                setting: "init_lora_weights",
                found: self.start.to_string(),
                expected: "none on a base of int8 or nf4: codes of what the factors leave of a weight are others than those of the \
                           weight, beside which the saved adapter stands",
            }),
            _ => Ok(()),
        }
    }

    /// The LoRA that is saved: this one, or where the factors were taken out of the base weight the plain one of twice the rank, of the same
    /// scale, that gives the same outputs beside the untouched weight.
    pub fn saved(&self) -> Self {
        if self.start == LoraStart::Random {
            return self.clone();
        }
        let wider = if self.use_rslora { 2.0_f64.sqrt() } else { 2.0 };
        Self {
            rank: 2 * self.rank,
            alpha: wider * self.alpha,
            rank_pattern: self.rank_pattern.iter().map(|(pattern, rank)| (pattern.clone(), 2 * rank)).collect(),
            alpha_pattern: self.alpha_pattern.iter().map(|(pattern, alpha)| (pattern.clone(), wider * alpha)).collect(),
            start: LoraStart::Random,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_has_the_scale_of_what_was_trained() {
        for use_rslora in [false, true] {
            let config = LoraConfig {
                rank: 3,
                alpha: 7.0,
                rank_pattern: [("query".into(), 5)].into(),
                alpha_pattern: [("query".into(), 2.0)].into(),
                use_rslora,
                start: LoraStart::Pissa,
                ..LoraConfig::default()
            };
            let scale = |alpha: f64, rank: usize| alpha / if use_rslora { (rank as f64).sqrt() } else { rank as f64 };
            let scales = |config: &LoraConfig| {
                let ranks = [config.rank, config.rank_pattern["query"]];
                let alphas = [config.alpha, config.alpha_pattern["query"]];
                ranks.map(|rank| alphas.map(|alpha| scale(alpha, rank))).concat()
            };
            let saved = config.saved();
            assert_eq!((saved.rank, saved.start), (6, LoraStart::Random));
            for (found, expected) in scales(&saved).into_iter().zip(scales(&config)) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
            assert_eq!(saved.saved(), saved);
        }
    }

    #[test]
    fn names_are_those_of_peft() {
        for name in ["pissa", "pissa_niter_16", "olora"] {
            assert_eq!(name.parse::<LoraStart>().unwrap().to_string(), name);
        }
        assert!("pissa_niter_".parse::<LoraStart>().is_err() && "random".parse::<LoraStart>().is_err());
    }
}
