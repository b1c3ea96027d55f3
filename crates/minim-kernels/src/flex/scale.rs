use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, Tensor};

use super::memory::{ROWS, Values, rewritten, rewritten_with_sums, rows_of, tensor};
use super::{Flex, Operation, run};
use crate::Activation;

/// `x ⊙ l`
#[derive(Debug, Clone)]
struct Scale;

/// `f(x) ⊙ l`
#[derive(Debug, Clone)]
struct ActivationScale(Activation);

/// Below this a product says too little of its other factor.
const SMALLEST_DIVISOR: f32 = 0.0625;

/// What the gradient of l is made from, if l is trained.
#[derive(Debug, Clone)]
enum Kept {
    Nothing,
    Input(FlexTensor),
    /// The output, which what comes next is likely to keep as well; the input is the output by l.
    Output(FlexTensor),
}

pub(crate) fn scale<const D: usize>(x: Tensor<D>, l: Tensor<1>) -> Tensor<D> {
    run(Scale, [x.into(), l.into()])
}

pub(crate) fn activation_scale<const D: usize>(x: Tensor<D>, kind: Activation, l: Tensor<1>) -> Tensor<D> {
    run(ActivationScale(kind), [x.into(), l.into()])
}

/// The rows by l, written where they are if nothing else sees them.
fn scaled(x: FlexTensor, l: &[f32]) -> FlexTensor {
    let width = l.len();
    rewritten(
        x,
        ROWS * width,
        #[inline(always)]
        |_, values| {
            for row in values.chunks_exact_mut(width) {
                for (x, l) in row.iter_mut().zip(l) {
                    *x *= l;
                }
            }
        },
    )
}

/// # Panics
/// If the vector is not as long as a row.
fn assert_widths(x: &FlexTensor, l: &FlexTensor) {
    assert_eq!(rows_of(&x.shape())[1], l.shape().num_elements(), "a vector as long as the rows it scales");
}

/// The gradients of x and l from that of `x ⊙ l`.
fn back(x: &[f32], gradient: FlexTensor, l: &[f32]) -> (FlexTensor, Vec<f32>) {
    let width = l.len();
    rewritten_with_sums(
        gradient,
        width,
        #[inline(always)]
        |start, values, sums| {
            let x = x[start..start + values.len()].chunks_exact(width);
            for (row, x) in values.chunks_exact_mut(width).zip(x) {
                for (((g, x), l), sum) in row.iter_mut().zip(x).zip(l).zip(sums.iter_mut()) {
                    *sum += *g * x;
                    *g *= l;
                }
            }
        },
    )
}

impl Operation<Flex, 2> for Scale {
    type Kept = (Kept, FlexTensor);

    fn forward(&self, [x, l]: [FlexTensor; 2], [_, of_l]: [bool; 2]) -> (FlexTensor, Self::Kept) {
        assert_widths(&x, &l);
        let factors = Values::of(l.clone());
        let factors = factors.as_slice();
        let (y, kept) = match of_l {
            false => (scaled(x, factors), Kept::Nothing),
            true if factors.iter().all(|l| l.abs() >= SMALLEST_DIVISOR) => {
                let y = scaled(x, factors);
                (y.clone(), Kept::Output(y))
            }
            true => (scaled(x.clone(), factors), Kept::Input(x)),
        };
        (y, (kept, l))
    }

    fn backward(&self, (kept, l): Self::Kept, gradient: FlexTensor, [of_x, _]: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let factors = Values::of(l);
        let factors = factors.as_slice();
        let (dx, dl) = match kept {
            Kept::Nothing => (scaled(gradient, factors), None),
            Kept::Input(x) => {
                let (dx, dl) = back(Values::of(x).as_slice(), gradient, factors);
                (dx, Some(dl))
            }
            Kept::Output(y) => {
                let (dx, mut dl) = back(Values::of(y).as_slice(), gradient, factors);
                dl.iter_mut().zip(factors).for_each(|(dl, l)| *dl /= l);
                (dx, Some(dl))
            }
        };
        [of_x.then_some(dx), dl.map(|dl| tensor(dl, Shape::new([factors.len()])))]
    }
}

impl Operation<Flex, 2> for ActivationScale {
    type Kept = [FlexTensor; 2];

    fn forward(&self, [x, l]: [FlexTensor; 2], _: [bool; 2]) -> (FlexTensor, Self::Kept) {
        assert_widths(&x, &l);
        let y = self.0.scaled(Values::of(x.clone()).as_slice(), Values::of(l.clone()).as_slice());
        (tensor(y, x.shape()), [x, l])
    }

    fn backward(&self, [x, l]: Self::Kept, gradient: FlexTensor, [of_x, of_l]: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let (x, l) = (Values::of(x), Values::of(l));
        let (dx, dl) = self.0.back_scaled(x.as_slice(), gradient, l.as_slice());
        [of_x.then_some(dx), of_l.then(|| tensor(dl, Shape::new([l.as_slice().len()])))]
    }
}
