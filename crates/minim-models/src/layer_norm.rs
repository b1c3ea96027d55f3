use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use minim_adapters::zeros;
use minim_kernels::layer_norm;

/// Layer normalisation over the last axis, with burn's names for PyTorch's weight and bias.
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    gamma: Param<Tensor<1>>,
    beta: Option<Param<Tensor<1>>>,
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self { beta: Some(zeros([width], device)), ..Self::without_bias(width, epsilon, device) }
    }

    pub(crate) fn without_bias(width: usize, epsilon: f64, device: &Device) -> Self {
        Self { gamma: zeros([width], device), beta: None, epsilon }
    }

    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.gamma.val(), self.beta.as_ref().map(Param::val), self.epsilon)
    }
}
