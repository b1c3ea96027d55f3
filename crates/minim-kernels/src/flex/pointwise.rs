use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::memory::{PART, ROWS, Values, filled, rewritten, rewritten_with_sums, tensor};
use super::vector::{logistic, normal};
use super::{Flex, Operation, run};
use crate::Activation;

/// `f(x)`, by the input of which its slope is found again.
#[derive(Debug, Clone)]
struct Pointwise(Activation);

pub(crate) fn activation<const D: usize>(x: Tensor<D>, kind: Activation) -> Tensor<D> {
    run(Pointwise(kind), [x.into()])
}

/// A function and its slope, by a type so that passes over many elements are compiled with it inside.
trait Curve: Sync {
    /// The value and the slope.
    fn at(x: f32) -> (f32, f32);
}

struct Gelu;
struct GeluTanh;
struct Relu;
struct Silu;
struct Tanh;

/// Calls a function of a [`Curve`] by the activation's.
macro_rules! by_curve {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            Activation::Gelu => $function::<Gelu>($($argument),*),
            Activation::GeluTanh => $function::<GeluTanh>($($argument),*),
            Activation::Relu => $function::<Relu>($($argument),*),
            Activation::Silu => $function::<Silu>($($argument),*),
            Activation::Tanh => $function::<Tanh>($($argument),*),
        }
    };
}

impl Activation {
    /// `f(x) ⊙ l` of rows as long as l.
    pub(super) fn scaled(self, x: &[f32], l: &[f32]) -> Vec<f32> {
        by_curve!(self, scaled_values(x, l))
    }

    /// The gradients of x and l from that of `f(x) ⊙ l`.
    pub(super) fn back_scaled(self, x: &[f32], gradient: FlexTensor, l: &[f32]) -> (FlexTensor, Vec<f32>) {
        by_curve!(self, scaled_slopes(x, gradient, l))
    }
}

fn values<C: Curve>(x: &[f32]) -> Vec<f32> {
    // SAFETY: a part is as long as its part of x.
    unsafe {
        filled(
            x.len(),
            PART,
            #[inline(always)]
            |start, values| {
                let x = &x[start..start + values.len()];
                for (value, &x) in values.iter_mut().zip(x) {
                    value.write(C::at(x).0);
                }
            },
        )
    }
}

fn slopes<C: Curve>(x: &[f32], gradient: FlexTensor) -> FlexTensor {
    rewritten(
        gradient,
        PART,
        #[inline(always)]
        |start, values| {
            for (g, &x) in values.iter_mut().zip(&x[start..]) {
                *g *= C::at(x).1;
            }
        },
    )
}

fn scaled_values<C: Curve>(x: &[f32], l: &[f32]) -> Vec<f32> {
    let width = l.len();
    // SAFETY: parts are whole rows, and each row is as long as its row of x and as l.
    unsafe {
        filled(
            x.len(),
            ROWS * width,
            #[inline(always)]
            |start, part| {
                let x = x[start..start + part.len()].chunks_exact(width);
                for (out, x) in part.chunks_exact_mut(width).zip(x) {
                    for ((y, &x), l) in out.iter_mut().zip(x).zip(l) {
                        y.write(C::at(x).0 * l);
                    }
                }
            },
        )
    }
}

fn scaled_slopes<C: Curve>(x: &[f32], gradient: FlexTensor, l: &[f32]) -> (FlexTensor, Vec<f32>) {
    let width = l.len();
    rewritten_with_sums(
        gradient,
        width,
        #[inline(always)]
        |start, values, sums| {
            let x = x[start..start + values.len()].chunks_exact(width);
            for (row, x) in values.chunks_exact_mut(width).zip(x) {
                for (((g, &x), l), sum) in row.iter_mut().zip(x).zip(l).zip(sums.iter_mut()) {
                    let (y, slope) = C::at(x);
                    *sum += *g * y;
                    *g *= l * slope;
                }
            }
        },
    )
}

impl Operation<Flex, 1> for Pointwise {
    type Kept = Option<FlexTensor>;

    fn forward(&self, [x]: [FlexTensor; 1], [wanted]: [bool; 1]) -> (FlexTensor, Self::Kept) {
        let y = tensor(by_curve!(self.0, values(Values::of(x.clone()).as_slice())), x.shape());
        // Of max(0, x) the output says as much, and what comes next is likely to keep it as well.
        let kept = if self.0 == Activation::Relu { y.clone() } else { x };
        (y, wanted.then_some(kept))
    }

    fn backward(&self, kept: Self::Kept, gradient: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        [kept.map(|x| by_curve!(self.0, slopes(Values::of(x).as_slice(), gradient)))]
    }
}

impl Curve for Gelu {
    #[inline(always)]
    fn at(x: f32) -> (f32, f32) {
        let (probability, density) = normal(x);
        (x * probability, probability + x * density)
    }
}

impl Curve for GeluTanh {
    #[inline(always)]
    fn at(x: f32) -> (f32, f32) {
        // (1 + tanh u)/2 is the logistic function of 2·u.
        const TWICE: f32 = 1.595_769;
        let twice_u = TWICE * x * (1.0 + 0.044_715 * x * x);
        let share = logistic(twice_u);
        let slope = TWICE * (1.0 + 3.0 * 0.044_715 * x * x);
        (x * share, share + x * share * (1.0 - share) * slope)
    }
}

impl Curve for Relu {
    #[inline(always)]
    fn at(x: f32) -> (f32, f32) {
        // What is no number stays none, as in PyTorch.
        (if x < 0.0 { 0.0 } else { x }, if x <= 0.0 { 0.0 } else { 1.0 })
    }
}

impl Curve for Silu {
    #[inline(always)]
    fn at(x: f32) -> (f32, f32) {
        let share = logistic(x);
        (x * share, share + x * share * (1.0 - share))
    }
}

impl Curve for Tanh {
    #[inline(always)]
    fn at(x: f32) -> (f32, f32) {
        // Near 0 the difference of two shares would lose its bits; the series' next term is below 1e-8 of the sum.
        let squared = x * x;
        let series = x * (1.0 - squared * (1.0 / 3.0 - squared * (2.0 / 15.0 - squared * (17.0 / 315.0))));
        let y = if x.abs() < 0.15 { series } else { 1.0 - 2.0 * logistic(-2.0 * x) };
        (y, 1.0 - y * y)
    }
}
