use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, gelu_approximate, relu, silu, tanh};
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
        match self {
            Activation::Gelu => gelu(x),
            Activation::GeluNew => gelu_approximate(x),
            Activation::Relu => relu(x),
            Activation::Silu => silu(x),
            Activation::Tanh => tanh(x),
        }
    }
}
