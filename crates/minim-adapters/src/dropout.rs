//! Dropout. Srivastava et al. 2014, JMLR 15; kept values are scaled as they are trained on, so that nothing changes in use.

use burn::module::Module;
use burn::nn::DropoutConfig;
use burn::tensor::Tensor;

/// Zeroes values with a probability and scales the others by its complement, where a backward pass is possible and this layer takes part in
/// training; does nothing otherwise.
///
/// burn's layer in what it holds; the operation is [`minim_kernels::dropout`].
#[derive(Module, Debug)]
pub struct Dropout {
    burn: burn::nn::Dropout,
}

impl Dropout {
    /// # Panics
    /// If `probability` is outside of [0, 1).
    pub fn new(probability: f64) -> Self {
        Self { burn: DropoutConfig::new(probability).init() }
    }

    /// The probability of a zero.
    pub fn probability(&self) -> f64 {
        self.burn.prob
    }

    /// The probability with which values of `x` are zeroed: 0 where dropout does not act.
    pub fn rate_on<const D: usize>(&self, x: &Tensor<D>) -> f64 {
        if self.burn.training.is_enabled() && x.is_autodiff() { self.burn.prob } else { 0.0 }
    }

    /// # Shapes
    /// - `x` and output: any
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self.rate_on(&x) {
            0.0 => x,
            rate => minim_kernels::dropout(x, rate),
        }
    }

    /// `residual + drop(x)`.
    ///
    /// # Shapes
    /// - `x`, `residual` and output: the same
    pub fn add<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        let rate = self.rate_on(&x);
        minim_kernels::dropout_add(x, residual, rate)
    }
}
