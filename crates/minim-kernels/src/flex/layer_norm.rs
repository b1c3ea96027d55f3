use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::memory::{ROWS, Values, filled, partial_sums, rewritten, rows_of, tensor};
use super::vector::{sum, sum_of, sum_of_three};
use super::wide::wide;
use super::{Flex, Operation, run};

/// `γ·x̂ + β`, `x̂ = (x - mean)/√(variance + ε)`.
#[derive(Debug, Clone)]
struct LayerNorm {
    epsilon: f32,
}

#[derive(Debug, Clone)]
pub(super) struct Kept {
    x: FlexTensor,
    gamma: FlexTensor,
    /// Of each row: the mean, and the reciprocal of the deviation.
    rows: Vec<[f32; 2]>,
}

pub(crate) fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Option<Tensor<1>>,
    epsilon: f64,
) -> Tensor<D> {
    let operation = LayerNorm { epsilon: epsilon as f32 };
    match beta {
        None => run(operation, [x.into(), gamma.into()]),
        Some(beta) => run(operation, [x.into(), gamma.into(), beta.into()]),
    }
}

impl LayerNorm {
    fn forward_of(&self, x: FlexTensor, gamma: FlexTensor, beta: Option<FlexTensor>) -> (FlexTensor, Kept) {
        let shape = x.shape();
        let [_, width] = rows_of(&shape);
        let (values, weights, shift) = (Values::of(x.clone()), Values::of(gamma.clone()), beta.map(Values::of));
        let (values, weights) = (values.as_slice(), weights.as_slice());
        let shift = shift.as_ref().map(Values::as_slice);
        assert!(weights.len() == width && shift.is_none_or(|shift| shift.len() == width), "γ and β as long as a row");
        let statistics = |row: &[f32]| {
            wide(
                #[inline(always)]
                || {
                    let mean = sum(row) / width as f32;
                    let variance = sum_of(row, row, |x, _| (x - mean) * (x - mean)) / width as f32;
                    [mean, 1.0 / (variance + self.epsilon).sqrt()]
                },
            )
        };
        let rows: Vec<[f32; 2]> = values.par_chunks_exact(width).map(statistics).collect();
        // SAFETY: parts are whole rows, and each row is as long as its input row, as γ and as β.
        let y = unsafe {
            filled(
                values.len(),
                ROWS * width,
                #[inline(always)]
                |start, part| {
                    for (number, out) in part.chunks_exact_mut(width).enumerate() {
                        let start = start + number * width;
                        let [mean, rate] = rows[start / width];
                        let row = out.iter_mut().zip(&values[start..start + width]).zip(weights);
                        match shift {
                            None => {
                                for ((y, x), w) in row {
                                    y.write((x - mean) * rate * w);
                                }
                            }
                            Some(shift) => {
                                for (((y, x), w), shift) in row.zip(shift) {
                                    y.write((x - mean) * rate * w + shift);
                                }
                            }
                        }
                    }
                },
            )
        };
        (tensor(y, shape), Kept { x, gamma, rows })
    }

    /// The gradients of the input, of γ and of β.
    fn backward_of(kept: Kept, gradient: FlexTensor, [of_x, of_gamma, of_beta]: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let Kept { x, gamma, rows } = kept;
        let (shape, vector) = (x.shape(), gamma.shape());
        let [count, width] = rows_of(&shape);
        let (x, gamma) = (Values::of(x), Values::of(gamma));
        let (x, gamma) = (x.as_slice(), gamma.as_slice());
        let [dgamma, dbeta] = {
            let gradient = Values::of(gradient.clone());
            let gradient = gradient.as_slice();
            let dgamma = of_gamma.then(|| {
                let sums = partial_sums(
                    count,
                    width,
                    #[inline(always)]
                    |range, sums| {
                        for row in range {
                            let [mean, rate] = rows[row];
                            let (x, g) = (&x[row * width..][..width], &gradient[row * width..][..width]);
                            for ((sum, &x), &g) in sums.iter_mut().zip(x).zip(g) {
                                *sum += (x - mean) * rate * g;
                            }
                        }
                    },
                );
                tensor(sums, vector.clone())
            });
            let dbeta = of_beta.then(|| tensor(super::linear::sum_of_rows(gradient, width), vector));
            [dgamma, dbeta]
        };
        let dx = of_x.then(|| {
            // dx = (g·γ - mean(g·γ) - x̂·mean(g·γ·x̂))/deviation, written where g is
            rewritten(
                gradient,
                ROWS * width,
                #[inline(always)]
                |start, part| {
                    for (number, g) in part.chunks_exact_mut(width).enumerate() {
                        let start = start + number * width;
                        let [mean, rate] = rows[start / width];
                        let x = &x[start..start + width];
                        let share = sum_of(g, gamma, |g, w| g * w) / width as f32;
                        let along = sum_of_three(x, g, gamma, |x, g, w| (x - mean) * rate * g * w) / width as f32;
                        for ((g, &x), &w) in g.iter_mut().zip(x).zip(gamma) {
                            *g = (*g * w - share - (x - mean) * rate * along) * rate;
                        }
                    }
                },
            )
        });
        [dx, dgamma, dbeta]
    }
}

impl Operation<Flex, 2> for LayerNorm {
    type Kept = Kept;

    fn forward(&self, [x, gamma]: [FlexTensor; 2], _: [bool; 2]) -> (FlexTensor, Kept) {
        self.forward_of(x, gamma, None)
    }

    fn backward(&self, kept: Kept, gradient: FlexTensor, [x, gamma]: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let [x, gamma, _] = Self::backward_of(kept, gradient, [x, gamma, false]);
        [x, gamma]
    }
}

impl Operation<Flex, 3> for LayerNorm {
    type Kept = Kept;

    fn forward(&self, [x, gamma, beta]: [FlexTensor; 3], _: [bool; 3]) -> (FlexTensor, Kept) {
        self.forward_of(x, gamma, Some(beta))
    }

    fn backward(&self, kept: Kept, gradient: FlexTensor, wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        Self::backward_of(kept, gradient, wanted)
    }
}
