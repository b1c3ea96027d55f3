use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, Tensor};

use super::autodiff::{Operation, run};
use super::memory::{ROWS, Values, filled, partial_sums, rows_of, tensor};
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

/// # Panics
/// If rows and vector differ in length.
fn scaled(x: &[f32], l: &[f32]) -> Vec<f32> {
    let width = l.len();
    assert!(width > 0 && x.len().is_multiple_of(width), "rows as long as the vector they are scaled by");
    // SAFETY: parts are whole rows, and each row is as long as its input row and as l.
    unsafe {
        filled(
            x.len(),
            ROWS * width,
            #[inline(always)]
            |start, part| {
                let x = x[start..start + part.len()].chunks_exact(width);
                for (out, x) in part.chunks_exact_mut(width).zip(x) {
                    for ((y, x), l) in out.iter_mut().zip(x).zip(l) {
                        y.write(x * l);
                    }
                }
            },
        )
    }
}

/// # Panics
/// If the vector is not as long as a row.
fn assert_widths(x: &FlexTensor, l: &FlexTensor) {
    assert_eq!(rows_of(&x.shape())[1], l.shape().num_elements(), "a vector as long as the rows it scales");
}

/// `Σ g ⊙ x` over all rows.
fn along(x: &[f32], gradient: &[f32], width: usize) -> Vec<f32> {
    partial_sums(
        x.len() / width.max(1),
        width,
        #[inline(always)]
        |rows, sums| {
            let (x, g) = (&x[rows.start * width..rows.end * width], &gradient[rows.start * width..rows.end * width]);
            for (x, g) in x.chunks_exact(width).zip(g.chunks_exact(width)) {
                for ((sum, x), g) in sums.iter_mut().zip(x).zip(g) {
                    *sum += x * g;
                }
            }
        },
    )
}

impl Operation<2> for Scale {
    type Kept = (Kept, FlexTensor);

    fn forward(&self, [x, l]: [FlexTensor; 2], [_, of_l]: [bool; 2]) -> (FlexTensor, Self::Kept) {
        assert_widths(&x, &l);
        let factors = Values::of(l.clone());
        let factors = factors.as_slice();
        let y = tensor(scaled(Values::of(x.clone()).as_slice(), factors), x.shape());
        let kept = match of_l {
            false => Kept::Nothing,
            true if factors.iter().all(|l| l.abs() >= SMALLEST_DIVISOR) => Kept::Output(y.clone()),
            true => Kept::Input(x),
        };
        (y, (kept, l))
    }

    fn backward(&self, (kept, l): Self::Kept, gradient: FlexTensor, [of_x, _]: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let (shape, gradient, factors) = (gradient.shape(), Values::of(gradient), Values::of(l));
        let (gradient, factors) = (gradient.as_slice(), factors.as_slice());
        let dl = match kept {
            Kept::Nothing => None,
            Kept::Input(x) => Some(along(Values::of(x).as_slice(), gradient, factors.len())),
            Kept::Output(y) => {
                let mut dl = along(Values::of(y).as_slice(), gradient, factors.len());
                dl.iter_mut().zip(factors).for_each(|(dl, l)| *dl /= l);
                Some(dl)
            }
        };
        let dl = dl.map(|dl| tensor(dl, Shape::new([factors.len()])));
        [of_x.then(|| tensor(scaled(gradient, factors), shape)), dl]
    }
}

impl Operation<2> for ActivationScale {
    type Kept = [FlexTensor; 2];

    fn forward(&self, [x, l]: [FlexTensor; 2], _: [bool; 2]) -> (FlexTensor, Self::Kept) {
        assert_widths(&x, &l);
        let y = scaled(&self.0.of(Values::of(x.clone()).as_slice()), Values::of(l.clone()).as_slice());
        (tensor(y, x.shape()), [x, l])
    }

    fn backward(&self, [x, l]: Self::Kept, gradient: FlexTensor, [of_x, of_l]: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let (x, l) = (Values::of(x), Values::of(l));
        let (x, l) = (x.as_slice(), l.as_slice());
        let dl = of_l.then(|| {
            let dl = along(&self.0.of(x), Values::of(gradient.clone()).as_slice(), l.len());
            tensor(dl, Shape::new([l.len()]))
        });
        [of_x.then(|| self.0.back_scaled(x, gradient, l)), dl]
    }
}
