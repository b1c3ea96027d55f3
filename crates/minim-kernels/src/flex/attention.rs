use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::{Autodiff, TensorMetadata};
use burn::tensor::{Bool, Shape, Tensor};
use rayon::prelude::*;

use super::dropout::Mask;
use super::memory::tensor;
use super::product::{Cores, Matrix, Place, multiply};
use super::vector::{exp, largest, sum, sum_of};
use super::wide::wide;
use super::{Flex, Operation, run};

/// Scores that a task holds at once: rows of queries by all keys, so few that they stay in a core's own memory.
const SCORES: usize = 1 << 15;

/// Far below any score: its weight is exactly 0.
const HIDDEN: f32 = -1e30;

/// `drop(softmax(Q·Kᵀ/√size))·V` of every head.
///
/// Nothing of the size of the scores outlives a task: the backward pass makes them again, a few rows at a time, which costs one more
/// product. Rabe and Staats 2021, arXiv 2112.05682; Dao et al. 2022, arXiv 2205.14135.
#[derive(Debug, Clone)]
struct Attention {
    hide: Option<Hide>,
    mask: Option<Mask>,
    scale: f32,
}

/// Where not to look.
#[derive(Debug, Clone)]
struct Hide {
    hidden: FlexTensor,
    /// From a batch entry to the next, from a query to the next, from a key to the next.
    strides: [usize; 3],
}

impl Hide {
    fn new(hide: Tensor<4, Bool>) -> Self {
        let hidden = match hide.clone().try_into_primitive::<Autodiff<Flex>>() {
            Ok(hidden) => hidden,
            Err(_) => hide.try_into_primitive::<Flex>().expect("a mask lies where its queries lie"),
        };
        let hidden = hidden.to_contiguous();
        let shape = hidden.shape();
        let [rows, queries, keys] = [shape[0], shape[2], shape[3]];
        let along = |count: usize, stride: usize| if count == 1 { 0 } else { stride };
        Self { strides: [along(rows, queries * keys), along(queries, keys), 1], hidden }
    }

    fn row(&self, entry: usize, query: usize, keys: usize) -> &[u8] {
        let start = entry * self.strides[0] + query * self.strides[1];
        &self.hidden.storage::<u8>()[start..start + keys]
    }
}

#[derive(Debug, Clone)]
struct Kept {
    query: FlexTensor,
    key: FlexTensor,
    value: FlexTensor,
}

pub(crate) fn attention(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    hide: Option<&Tensor<4, Bool>>,
    dropout: f64,
) -> Tensor<3> {
    let ([batch, heads, seq, size], [_, _, keys, _]) = (query.dims(), key.dims());
    assert_eq!(key.dims(), [batch, heads, keys, size], "a key for each head of the queries");
    assert_eq!(value.dims(), key.dims(), "a value for each key");
    if let Some([rows, one, queries, hidden]) = hide.map(Tensor::dims) {
        let fits = (rows == 1 || rows == batch) && one == 1 && (queries == 1 || queries == seq) && hidden == keys;
        assert!(fits, "a mask [{rows}, {one}, {queries}, {hidden}]; expected [1 or {batch}, 1, 1 or {seq}, {keys}]");
    }
    let operation = Attention {
        hide: hide.cloned().map(Hide::new),
        mask: Mask::new(dropout, &query.device()),
        scale: (query.dims()[3] as f64).powf(-0.5) as f32,
    };
    run(operation, [query.into(), key.into(), value.into()])
}

/// The matrices `[seq, size]` of the heads of `[batch, heads, seq, size]`, whichever way they lie in memory.
struct Heads {
    tensor: FlexTensor,
    dims: [usize; 4],
    strides: [usize; 4],
}

impl Heads {
    fn of(tensor: FlexTensor) -> Self {
        let tensor =
            if tensor.layout().strides().iter().any(|&stride| stride < 0) { tensor.to_contiguous() } else { tensor };
        let (shape, strides) = (tensor.shape(), tensor.layout().strides());
        let dims = std::array::from_fn(|axis| shape[axis]);
        let strides = std::array::from_fn(|axis| strides[axis].unsigned_abs());
        Self { dims, strides, tensor }
    }

    fn matrix(&self, number: usize) -> Matrix<'_> {
        let ([_, heads, seq, size], [of_entry, of_head, down, right]) = (self.dims, self.strides);
        let start = self.tensor.layout().start_offset() + number / heads * of_entry + number % heads * of_head;
        Matrix::new(&self.tensor.storage::<f32>()[start..], [seq, size], [down, right])
    }
}

/// Rows of queries that a task takes at once.
fn rows_at_once(seq: usize, keys: usize) -> usize {
    (SCORES / keys.max(1)).clamp(1, seq.max(1))
}

impl Attention {
    /// The weights of some queries before dropout, `[rows, keys]`.
    fn weights(&self, scores: &mut [f32], query: Matrix<'_>, key: Matrix<'_>, keys: usize, entry: usize, first: usize) {
        multiply(Place::of_rows(scores, keys), query, key.transposed(), self.scale, false, Cores::One);
        for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
            let hidden = self.hide.as_ref().map(|hide| hide.row(entry, first + row, keys));
            wide(
                #[inline(always)]
                || {
                    if let Some(hidden) = hidden {
                        for (score, &hidden) in scores.iter_mut().zip(hidden) {
                            *score = if hidden != 0 { HIDDEN } else { *score };
                        }
                    }
                    let top = largest(scores);
                    for score in scores.iter_mut() {
                        *score = exp(*score - top);
                    }
                    let share = 1.0 / sum(scores);
                    for weight in scores.iter_mut() {
                        *weight *= share;
                    }
                },
            );
        }
    }
}

impl Operation<Flex, 3> for Attention {
    type Kept = Kept;

    fn forward(&self, [query, key, value]: [FlexTensor; 3], _: [bool; 3]) -> (FlexTensor, Kept) {
        let kept = Kept { query: query.clone(), key: key.clone(), value: value.clone() };
        let [query, key, value] = [query, key, value].map(Heads::of);
        let ([batch, heads, seq, size], keys) = (query.dims, key.dims[2]);
        let mut output = vec![0.0; batch * seq * heads * size];
        let rows = rows_at_once(seq, keys);
        let places = Place::of_heads(&mut output, [batch, seq, heads, size]);
        places.into_par_iter().enumerate().for_each_init(
            || vec![0.0; rows * keys],
            |scores, (number, mut place)| {
                for first in (0..seq).step_by(rows) {
                    let range = first..seq.min(first + rows);
                    let scores = &mut scores[..range.len() * keys];
                    let query = query.matrix(number).rows(range.clone());
                    self.weights(scores, query, key.matrix(number), keys, number / heads, first);
                    if let Some(mask) = self.mask {
                        for (row, weights) in scores.chunks_exact_mut(keys).enumerate() {
                            wide(
                                #[inline(always)]
                                || mask.drop_in(number * seq + first + row, weights),
                            );
                        }
                    }
                    let weights = Matrix::of_rows(scores, keys);
                    multiply(place.rows(range), weights, value.matrix(number), 1.0, false, Cores::One);
                }
            },
        );
        (tensor(output, Shape::new([batch, seq, heads * size])), kept)
    }

    fn backward(&self, kept: Kept, gradient: FlexTensor, wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let [query, key, value] = [kept.query, kept.key, kept.value].map(Heads::of);
        let ([batch, heads, seq, size], keys) = (query.dims, key.dims[2]);
        let gradient = gradient.to_contiguous();
        let gradient =
            gradient.with_layout(Layout::contiguous(Shape::new([batch, seq, heads, size])).permute(&[0, 2, 1, 3]));
        let gradient = Heads::of(gradient);
        // The lowest adapted layer asks for two of the three.
        let room = |rows: usize, wanted: bool| wanted.then(|| vec![0.0; batch * rows * heads * size]);
        let [mut dq, mut dk, mut dv] = [room(seq, wanted[0]), room(keys, wanted[1]), room(keys, wanted[2])];
        let rows = rows_at_once(seq, keys);
        let places = places(&mut dq, [batch, seq, heads, size])
            .into_par_iter()
            .zip(places(&mut dk, [batch, keys, heads, size]))
            .zip(places(&mut dv, [batch, keys, heads, size]));
        places.enumerate().for_each_init(
            || [rows * keys, rows * keys, keys].map(|length| vec![0.0; length]),
            |[weights, gradients, undropped], (number, ((mut dq, mut dk), mut dv))| {
                let [of_query, of_key, of_value, of_output] =
                    [&query, &key, &value, &gradient].map(|heads| heads.matrix(number));
                for first in (0..seq).step_by(rows) {
                    let range = first..seq.min(first + rows);
                    let [weights, gradients] = [&mut *weights, &mut *gradients].map(|v| &mut v[..range.len() * keys]);
                    let (query, output) = (of_query.rows(range.clone()), of_output.rows(range.clone()));
                    self.weights(weights, query, of_key, keys, number / heads, first);
                    multiply(Place::of_rows(gradients, keys), output, of_value.transposed(), 1.0, false, Cores::One);
                    for (row_number, (weights, gradients)) in
                        weights.chunks_exact_mut(keys).zip(gradients.chunks_exact_mut(keys)).enumerate()
                    {
                        let hidden = self.hide.as_ref().map(|hide| hide.row(number / heads, first + row_number, keys));
                        let row = Row { weights, gradients, undropped, hidden };
                        self.through_softmax(number * seq + first + row_number, row);
                    }
                    let (weights, gradients) = (Matrix::of_rows(weights, keys), Matrix::of_rows(gradients, keys));
                    let later = first > 0;
                    if let Some(dv) = &mut dv {
                        multiply(dv.rows(0..keys), weights.transposed(), output, 1.0, later, Cores::One);
                    }
                    if let Some(dq) = &mut dq {
                        multiply(dq.rows(range), gradients, of_key, self.scale, false, Cores::One);
                    }
                    if let Some(dk) = &mut dk {
                        multiply(dk.rows(0..keys), gradients.transposed(), query, self.scale, later, Cores::One);
                    }
                }
            },
        );
        [(dq, seq), (dk, keys), (dv, keys)].map(|(values, rows)| {
            let layout = Layout::contiguous(Shape::new([batch, rows, heads, size])).permute(&[0, 2, 1, 3]);
            values.map(|values| tensor(values, Shape::new([batch, rows, heads, size])).with_layout(layout))
        })
    }
}

/// A place for each head's gradients, if they are wanted.
fn places(values: &mut Option<Vec<f32>>, dims: [usize; 4]) -> Vec<Option<Place<'_>>> {
    match values {
        None => (0..dims[0] * dims[2]).map(|_| None).collect(),
        Some(values) => Place::of_heads(values, dims).into_iter().map(Some).collect(),
    }
}

/// What the backward pass has of one query.
struct Row<'a> {
    /// Before dropout; after it at the end.
    weights: &'a mut [f32],
    /// Of what dropout gave; of the scores at the end.
    gradients: &'a mut [f32],
    /// Room for the weights before dropout.
    undropped: &'a mut [f32],
    hidden: Option<&'a [u8]>,
}

impl Attention {
    fn through_softmax(&self, stretch: usize, row: Row<'_>) {
        let Row { weights, gradients, undropped, hidden } = row;
        wide(
            #[inline(always)]
            || {
                undropped.copy_from_slice(weights);
                if let Some(mask) = self.mask {
                    mask.factors(
                        stretch,
                        weights.len(),
                        #[inline(always)]
                        |first, factors| {
                            let row = weights[first..].iter_mut().zip(&mut gradients[first..]).zip(factors);
                            for ((weight, gradient), factor) in row {
                                *weight *= factor;
                                *gradient *= factor;
                            }
                        },
                    );
                }
                let along = sum_of(undropped, gradients, |weight, gradient| weight * gradient);
                for (weight, gradient) in undropped.iter().zip(gradients.iter_mut()) {
                    *gradient = weight * (*gradient - along);
                }
                // Their scores are not asked for, even where all are hidden and all weigh the same.
                if let Some(hidden) = hidden {
                    for (gradient, &hidden) in gradients.iter_mut().zip(hidden) {
                        *gradient = if hidden != 0 { 0.0 } else { *gradient };
                    }
                }
            },
        );
    }
}
