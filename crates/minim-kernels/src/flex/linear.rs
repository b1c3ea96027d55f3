use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, Tensor};

use super::memory::{ROWS, Values, filled, partial_sums, rows_of, tensor};
use super::product::{Cores, Matrix, Place, multiply, product};
use super::{Flex, Operation, run};

#[derive(Debug, Clone)]
struct Linear;

/// The input if the weight is trained, the weight if the input's gradient is wanted.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) x: Option<FlexTensor>,
    pub(super) weight: Option<FlexTensor>,
    /// That of the input.
    pub(super) shape: Shape,
}

pub(crate) fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    match bias {
        None => run(Linear, [x.into(), weight.into()]),
        Some(bias) => run(Linear, [x.into(), weight.into(), bias.into()]),
    }
}

/// A weight, whichever way it lies in memory: a transposed one is not copied.
pub(super) fn with_matrix<T>(weight: &FlexTensor, work: impl FnOnce(Matrix<'_>) -> T) -> T {
    let (shape, layout) = (weight.shape(), weight.layout());
    let strides: Vec<usize> = layout.strides().iter().filter_map(|&stride| usize::try_from(stride).ok()).collect();
    match strides[..] {
        [down, right] => {
            let values = &weight.storage::<f32>()[layout.start_offset()..];
            work(Matrix::new(values, [shape[0], shape[1]], [down, right]))
        }
        _ => work(Matrix::of_rows(Values::of(weight.clone()).as_slice(), shape[1])),
    }
}

/// The output, and what [`backward`] needs for the gradients of the input and the weight that are `wanted`.
pub(super) fn forward(
    x: FlexTensor,
    weight: FlexTensor,
    bias: Option<FlexTensor>,
    wanted: &[bool],
) -> (FlexTensor, Kept) {
    let mut shape = x.shape();
    let [rows, inputs] = rows_of(&shape);
    let outputs = weight.shape()[1];
    let y = with_matrix(&weight, |weight| {
        let x = Values::of(x.clone());
        let x = Matrix::new(x.as_slice(), [rows, inputs], [inputs, 1]);
        match bias.map(Values::of) {
            None => product(x, weight),
            Some(bias) => {
                let bias = bias.as_slice();
                // SAFETY: parts are whole rows, and each row is written by a bias as long as it.
                let mut y = unsafe {
                    filled(
                        rows * outputs,
                        ROWS * outputs,
                        #[inline(always)]
                        |_, values| {
                            for row in values.chunks_exact_mut(outputs) {
                                row.write_copy_of_slice(bias);
                            }
                        },
                    )
                };
                multiply(Place::of_rows(&mut y, outputs), x, weight, 1.0, true, Cores::All);
                y
            }
        }
    });
    let axes = shape.num_dims();
    let kept = Kept { shape: shape.clone(), x: wanted[1].then_some(x), weight: wanted[0].then_some(weight) };
    shape[axes - 1] = outputs;
    (tensor(y, shape), kept)
}

/// The gradients of the input and the weight.
pub(super) fn backward(kept: Kept, gradient: &[f32], outputs: usize) -> [Option<FlexTensor>; 2] {
    let gradient = Matrix::of_rows(gradient, outputs);
    let Kept { x, weight, shape } = kept;
    let [rows, inputs] = rows_of(&shape);
    let dx = weight.map(|weight| {
        let dx = with_matrix(&weight, |weight| product(gradient, weight.transposed()));
        tensor(dx, shape)
    });
    let dw = x.map(|x| {
        let x = Values::of(x);
        let x = Matrix::new(x.as_slice(), [rows, inputs], [inputs, 1]);
        tensor(product(x.transposed(), gradient), Shape::new([inputs, outputs]))
    });
    [dx, dw]
}

impl Operation<Flex, 2> for Linear {
    type Kept = Kept;

    fn forward(&self, [x, weight]: [FlexTensor; 2], wanted: [bool; 2]) -> (FlexTensor, Kept) {
        forward(x, weight, None, &wanted)
    }

    fn backward(&self, kept: Kept, gradient: FlexTensor, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let [_, outputs] = rows_of(&gradient.shape());
        backward(kept, Values::of(gradient).as_slice(), outputs)
    }
}

impl Operation<Flex, 3> for Linear {
    type Kept = Kept;

    fn forward(&self, [x, weight, bias]: [FlexTensor; 3], wanted: [bool; 3]) -> (FlexTensor, Kept) {
        forward(x, weight, Some(bias), &wanted)
    }

    fn backward(&self, kept: Kept, gradient: FlexTensor, wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let [_, outputs] = rows_of(&gradient.shape());
        let gradient = Values::of(gradient);
        let db = wanted[2].then(|| tensor(sum_of_rows(gradient.as_slice(), outputs), Shape::new([outputs])));
        let [dx, dw] = backward(kept, gradient.as_slice(), outputs);
        [dx, dw, db]
    }
}

/// The sum of all rows, in an order that does not depend on how many cores there are.
pub(super) fn sum_of_rows(values: &[f32], columns: usize) -> Vec<f32> {
    partial_sums(
        values.len() / columns.max(1),
        columns,
        #[inline(always)]
        |rows, sums| {
            for row in values[rows.start * columns..rows.end * columns].chunks_exact(columns) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += value;
                }
            }
        },
    )
}
