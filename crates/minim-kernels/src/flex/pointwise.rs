use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::autodiff::{Operation, run};
use super::memory::{Values, mapped, tensor, zipped};
use super::vector::{logistic, normal};
use crate::Activation;

/// `f(x)`, by the input of which its slope is found again.
#[derive(Debug, Clone)]
struct Pointwise(Activation);

pub(crate) fn activation<const D: usize>(x: Tensor<D>, kind: Activation) -> Tensor<D> {
    run(Pointwise(kind), [x.into()])
}

impl Activation {
    pub(super) fn of(self, x: &[f32]) -> Vec<f32> {
        match self {
            Activation::Gelu => mapped(x, |x| gelu(x).0),
            Activation::GeluTanh => mapped(x, |x| gelu_tanh(x).0),
            Activation::Relu => mapped(x, |x| if x < 0.0 { 0.0 } else { x }),
            Activation::Silu => mapped(x, |x| silu(x).0),
            Activation::Tanh => mapped(x, |x| tanh(x).0),
        }
    }

    /// The gradient of x from that of f(x).
    pub(super) fn back(self, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        match self {
            Activation::Gelu => zipped(x, gradient, |x, g| g * gelu(x).1),
            Activation::GeluTanh => zipped(x, gradient, |x, g| g * gelu_tanh(x).1),
            Activation::Relu => zipped(x, gradient, |x, g| if x > 0.0 { g } else { 0.0 }),
            Activation::Silu => zipped(x, gradient, |x, g| g * silu(x).1),
            Activation::Tanh => zipped(x, gradient, |x, g| g * tanh(x).1),
        }
    }
}

impl Operation<1> for Pointwise {
    type Kept = Option<FlexTensor>;

    fn forward(&self, [x]: [FlexTensor; 1], [wanted]: [bool; 1]) -> (FlexTensor, Self::Kept) {
        let y = tensor(self.0.of(Values::of(x.clone()).as_slice()), x.shape());
        // Of max(0, x) the output says as much, and what comes next is likely to keep it as well.
        let kept = if self.0 == Activation::Relu { y.clone() } else { x };
        (y, wanted.then_some(kept))
    }

    fn backward(&self, kept: Self::Kept, gradient: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        [kept.map(|x| {
            let shape = x.shape();
            tensor(self.0.back(Values::of(x).as_slice(), Values::of(gradient).as_slice()), shape)
        })]
    }
}

/// The value and the slope.
#[inline(always)]
fn gelu(x: f32) -> (f32, f32) {
    let (probability, density) = normal(x);
    (x * probability, probability + x * density)
}

#[inline(always)]
fn gelu_tanh(x: f32) -> (f32, f32) {
    // (1 + tanh u)/2 is the logistic function of 2·u.
    const TWICE: f32 = 1.595_769_1;
    let twice_u = TWICE * x * (1.0 + 0.044_715 * x * x);
    let share = logistic(twice_u);
    let slope = TWICE * (1.0 + 3.0 * 0.044_715 * x * x);
    (x * share, share + x * share * (1.0 - share) * slope)
}

#[inline(always)]
fn silu(x: f32) -> (f32, f32) {
    let share = logistic(x);
    (x * share, share + x * share * (1.0 - share))
}

#[inline(always)]
fn tanh(x: f32) -> (f32, f32) {
    // Near 0 the difference of two shares would lose its bits; the series' next term is below 1e-8 of the sum.
    let squared = x * x;
    let series = x * (1.0 - squared * (1.0 / 3.0 - squared * (2.0 / 15.0 - squared * (17.0 / 315.0))));
    let y = if x.abs() < 0.15 { series } else { 1.0 - 2.0 * logistic(-2.0 * x) };
    (y, 1.0 - y * y)
}
