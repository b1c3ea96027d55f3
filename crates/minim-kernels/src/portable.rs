//! The operations through burn's own, for any backend and precision.

use burn::nn::DropoutConfig;
use burn::tensor::activation::{gelu, gelu_approximate, relu, silu, softmax, tanh};
use burn::tensor::{Bool, FloatDType, Tensor, module};

use crate::Activation;

pub(crate) fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    module::linear(x, weight, bias)
}

pub(crate) fn low_rank<const D: usize>(
    y: Tensor<D>,
    x: Tensor<D>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
    dropout: f64,
) -> Tensor<D> {
    let x = self::dropout(x, dropout);
    // The scale goes on the narrow side: [.., r] instead of [.., out].
    let update = module::linear(module::linear(x, a, None) * scale, b, None);
    let dtype = y.dtype();
    y + if update.dtype() == dtype { update } else { update.cast(dtype) }
}

pub(crate) fn low_rank_linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    [a, b]: [Tensor<2>; 2],
    scale: f64,
    dropout: f64,
) -> Tensor<D> {
    low_rank(linear(x.clone(), weight, bias), x, a, b, scale, dropout)
}

pub(crate) fn attention(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    hide: Option<&Tensor<4, Bool>>,
    dropout: f64,
) -> Tensor<3> {
    let ([batch, heads, seq, size], dtype) = (query.dims(), query.dtype());
    let keys = key.dims()[2];
    // The query is scaled, not the scores: the same to rounding, and fewer products.
    let mut scores = (query * (size as f64).powf(-0.5)).matmul(key.swap_dims(2, 3));
    if let Some(hide) = hide {
        // Far below any score, yet finite in bf16 too: softmax makes it exactly 0.
        scores = scores.mask_fill(hide.clone().expand([batch, heads, seq, keys]), -1e30);
    }
    // The sum of a row needs more bits than its terms; transformers takes the softmax in fp32 too.
    let weights = self::dropout(softmax(scores.cast(FloatDType::F32), 3).cast(dtype), dropout);
    weights.matmul(value).swap_dims(1, 2).reshape([batch, seq, heads * size])
}

pub(crate) fn activation<const D: usize>(x: Tensor<D>, kind: Activation) -> Tensor<D> {
    match kind {
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => gelu_approximate(x),
        Activation::Relu => relu(x),
        Activation::Silu => silu(x),
        Activation::Tanh => tanh(x),
    }
}

pub(crate) fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Option<Tensor<1>>,
    epsilon: f64,
) -> Tensor<D> {
    let dtype = x.dtype();
    if dtype == gamma.dtype() {
        return module::layer_norm(x, gamma, beta, epsilon);
    }
    // The statistics of a row need more bits than its values.
    module::layer_norm(x.cast(gamma.dtype()), gamma, beta, epsilon).cast(dtype)
}

pub(crate) fn scale<const D: usize>(x: Tensor<D>, l: Tensor<1>) -> Tensor<D> {
    x * l.unsqueeze::<D>()
}

pub(crate) fn activation_scale<const D: usize>(x: Tensor<D>, kind: Activation, l: Tensor<1>) -> Tensor<D> {
    scale(activation(x, kind), l)
}

pub(crate) fn dropout<const D: usize>(x: Tensor<D>, probability: f64) -> Tensor<D> {
    // A new layer's flag says that it is in training; burn asks for autodiff beside it.
    DropoutConfig::new(probability).init().forward(x)
}

pub(crate) fn dropout_add<const D: usize>(x: Tensor<D>, residual: Tensor<D>, probability: f64) -> Tensor<D> {
    dropout(x, probability) + residual
}
