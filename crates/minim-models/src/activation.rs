use burn::tensor::Tensor;
use minim_kernels::Activation as Kernel;
use serde::{Deserialize, Serialize};

/// A non-linearity, by transformers' name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The exact one, by the error function.
    #[default]
    Gelu,
    /// The tanh approximation.
    #[serde(alias = "gelu_pytorch_tanh")]
    GeluNew,
    /// max(0, x)
    Relu,
    /// x · sigmoid(x)
    Silu,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        minim_kernels::activation(x, self.into())
    }
}

impl From<Activation> for Kernel {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Gelu => Kernel::Gelu,
            Activation::GeluNew => Kernel::GeluTanh,
            Activation::Relu => Kernel::Relu,
            Activation::Silu => Kernel::Silu,
            Activation::Tanh => Kernel::Tanh,
        }
    }
}
