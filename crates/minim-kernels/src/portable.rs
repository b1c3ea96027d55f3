//! The operations through burn's own, for any backend and precision.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use burn::tensor::activation::{gelu, gelu_approximate, relu, sigmoid, silu, softmax, tanh};
use burn::tensor::{Bool, DType, Device, Distribution, FloatDType, Shape, Tensor, module};

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
    let x = self::dropout(in_precision(x, a.dtype()), dropout);
    // The scale goes on the narrow side: [.., r] instead of [.., out].
    let update = module::linear(module::linear(x, a, None) * scale, b, None);
    let dtype = y.dtype();
    y + in_precision(update, dtype)
}

/// The tensor in a precision that it may have.
pub(crate) fn in_precision<const D: usize>(x: Tensor<D>, dtype: DType) -> Tensor<D> {
    if x.dtype() == dtype { x } else { x.cast(dtype) }
}

pub(crate) fn attention(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    hide: Option<&Tensor<4, Bool>>,
    dropout: f64,
) -> Tensor<3> {
    let ([batch, heads, seq, size], dtype) = (query.dims(), query.dtype());
    let weights = in_precision(attention_weights(query, key, hide), dtype);
    self::dropout(weights, dropout).matmul(value).swap_dims(1, 2).reshape([batch, seq, heads * size])
}

/// `softmax(query·keyᵀ/√size)` in 32 bits, `[batch, heads, seq, keys]`.
pub(crate) fn attention_weights(query: Tensor<4>, key: Tensor<4>, hide: Option<&Tensor<4, Bool>>) -> Tensor<4> {
    let [batch, heads, seq, size] = query.dims();
    let keys = key.dims()[2];
    // The query is scaled, not the scores: the same to rounding, and fewer products.
    let mut scores = (query * (size as f64).powf(-0.5)).matmul(key.swap_dims(2, 3));
    if let Some(hide) = hide {
        // Far below any score, yet finite in bf16 too: softmax makes it exactly 0.
        scores = scores.mask_fill(hide.clone().expand([batch, heads, seq, keys]), -1e30);
    }
    // The sum of a row needs more bits than its terms; transformers takes the softmax in fp32 too.
    softmax(in_precision(scores, DType::F32), 3)
}

pub(crate) fn activation<const D: usize>(x: Tensor<D>, kind: Activation) -> Tensor<D> {
    match kind {
        Activation::Relu => relu(x),
        Activation::Tanh => tanh(x),
        Activation::Gelu if !x.is_autodiff() => gelu(x),
        Activation::GeluTanh if !x.is_autodiff() => gelu_approximate(x),
        Activation::Silu if !x.is_autodiff() => silu(x),
        kind => {
            let dtype = x.dtype();
            let point = x.clone().detach();
            let (value, slope) = curve(point.clone().cast(FloatDType::F32), kind);
            // The difference is 0, and its gradient is that of x.
            value.cast(dtype) + (x - point) * slope.cast(dtype)
        }
    }
}

/// f(x) and its slope at x.
///
/// Left to itself burn keeps a tensor of each of f's steps, and takes the slope of the tanh approximation for that of GELU wherever a backend
/// has no better one (its default `gelu_backward`; off by up to 1e-3). x is expected in 32 bits, in which PyTorch computes both.
pub(crate) fn curve<const D: usize>(x: Tensor<D>, kind: Activation) -> (Tensor<D>, Tensor<D>) {
    match kind {
        Activation::Gelu => {
            let probability = (x.clone() * FRAC_1_SQRT_2).erf().add_scalar(1.0) * 0.5;
            let density = (x.clone() * x.clone() * -0.5).exp() * (0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI);
            (x.clone() * probability.clone(), probability + x * density)
        }
        Activation::GeluTanh => {
            // (1 + tanh u)/2 is the logistic function of 2·u.
            let squared = x.clone() * x.clone();
            let twice = 2.0 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI;
            let share = sigmoid(x.clone() * (squared.clone() * 0.044_715).add_scalar(1.0) * twice);
            let slope = (squared * (3.0 * 0.044_715)).add_scalar(1.0) * twice;
            let y = x * share.clone();
            (y.clone(), share.clone() + y * share.neg().add_scalar(1.0) * slope)
        }
        Activation::Relu => (relu(x.clone()), x.lower_equal_elem(0.0).bool_not().float()),
        Activation::Silu => {
            let share = sigmoid(x.clone());
            let y = x * share.clone();
            (y.clone(), share.clone() + y * share.neg().add_scalar(1.0))
        }
        Activation::Tanh => {
            let y = tanh(x);
            (y.clone(), (y.clone() * y).neg().add_scalar(1.0))
        }
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

/// Which values are dropped.
#[derive(Debug, Clone)]
pub(crate) struct Mask<const D: usize> {
    /// A byte for each value where a backend has it so, a quarter of what factors would take.
    dropped: Tensor<D, Bool>,
    /// What the others are multiplied with.
    keep: f64,
}

impl<const D: usize> Mask<D> {
    /// A mask on a device, by its generator; none if nothing is to be dropped.
    pub(crate) fn new(shape: Shape, probability: f64, device: &Device) -> Option<Self> {
        let keep = 1.0 / (1.0 - probability);
        (probability > 0.0).then(|| {
            let drawn = Tensor::<D>::random(shape, Distribution::Bernoulli(probability), (device, DType::F32));
            Self { dropped: drawn.greater_elem(0.5), keep }
        })
    }

    /// The values with some of them dropped. Autodiff keeps the mask and nothing else.
    pub(crate) fn on(&self, x: Tensor<D>) -> Tensor<D> {
        x.mask_fill(self.dropped.clone(), 0.0) * self.keep
    }
}

pub(crate) fn dropout<const D: usize>(x: Tensor<D>, probability: f64) -> Tensor<D> {
    let device = x.device();
    let mask = if device.is_autodiff() { Mask::new(x.shape(), probability, &device) } else { None };
    match mask {
        Some(mask) => mask.on(x),
        None => x,
    }
}

pub(crate) fn dropout_add<const D: usize>(x: Tensor<D>, residual: Tensor<D>, probability: f64) -> Tensor<D> {
    dropout(x, probability) + residual
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{device, seeded, values};

    #[test]
    fn dropout_zeroes_its_share_keeps_the_mean_and_sends_gradients_where_values_went() {
        for probability in [0.1, 0.4] {
            let _alone = seeded(11);
            let x = Tensor::<2>::ones([300, 400], &device()).require_grad();
            let y = dropout(x.clone(), probability);
            let found = values(y.clone());
            let zeros = found.iter().filter(|&&value| value == 0.0).count() as f64 / found.len() as f64;
            assert!((zeros - probability).abs() < 5e-3, "{zeros} of {probability}");
            let kept = (1.0 / (1.0 - probability)) as f32;
            assert!(found.iter().all(|&value| value == 0.0 || value == kept));
            assert_eq!(values(x.grad(&y.sum().backward()).expect("a gradient")), found);
        }
        let plain = Tensor::<1>::ones([9], &Device::flex());
        assert_eq!(values(dropout(plain, 0.4)), [1.0; 9], "nothing is dropped where there is no backward pass");
    }
}
