use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, Tensor};
use rayon::prelude::*;

use super::dropout::Mask;
use super::linear::{self, sum_of_rows, with_matrix};
use super::memory::{Values, owned, rows_of, tensor, total};
use super::product::{Cores, Matrix, Place, multiply};
use super::wide::wide;
use super::{Flex, Operation, run};

/// `y + s·(drop(x)·A)·B`
#[derive(Debug, Clone)]
struct LowRank {
    scale: f32,
    mask: Option<Mask>,
}

#[derive(Debug, Clone)]
struct Kept {
    /// Before dropout, which is made again; if A is trained.
    x: Option<FlexTensor>,
    a: FlexTensor,
    b: FlexTensor,
    /// `s·drop(x)·A`, if B is trained.
    down: Option<Vec<f32>>,
    /// That of x.
    shape: Shape,
}

/// The same onto `x·W + b`.
#[derive(Debug, Clone)]
struct LowRankLinear(LowRank);

pub(crate) fn low_rank_linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    [a, b]: [Tensor<2>; 2],
    scale: f64,
    dropout: f64,
) -> Tensor<D> {
    let operation = LowRankLinear(LowRank { scale: scale as f32, mask: Mask::new(dropout, &x.device()) });
    match bias {
        None => run(operation, [x.into(), weight.into(), a.into(), b.into()]),
        Some(bias) => run(operation, [x.into(), weight.into(), a.into(), b.into(), bias.into()]),
    }
}

pub(crate) fn low_rank<const D: usize>(
    y: Tensor<D>,
    x: Tensor<D>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
    dropout: f64,
) -> Tensor<D> {
    let operation = LowRank { scale: scale as f32, mask: Mask::new(dropout, &x.device()) };
    run(operation, [y.into(), x.into(), a.into(), b.into()])
}

/// Elements of the widest matrix that are brought through the factors at once: a core keeps them near until it is done with them.
const AT_ONCE: usize = 1 << 15;

/// Rows over which one task adds up the gradients of the factors, up to a rank of 32.
const SUMMED: usize = 256;

/// The same at any rank: what tasks add up, as wide as the rank, stays small beside x. By the shapes alone, so that sums do not depend on how many cores
/// there are.
fn summed(rank: usize) -> usize {
    SUMMED * (rank / 32).max(1)
}

/// Rows that are brought through the factors at once: a power of two, so that no few are left at the end of a task.
fn rows_at_once(inputs: usize, outputs: usize) -> usize {
    1 << (AT_ONCE / inputs.max(outputs).max(1)).clamp(16, SUMMED).ilog2()
}

/// What one task of the backward pass writes.
struct Sums<'a> {
    dx: Option<&'a mut [f32]>,
    da: Option<&'a mut [f32]>,
    db: Option<&'a mut [f32]>,
}

impl LowRank {
    /// Rows of x, the first of which is row number `first`, behind dropout; `room` has space for them.
    fn dropped<'a>(&self, x: &'a [f32], width: usize, first: usize, room: &'a mut [f32]) -> Matrix<'a> {
        let Some(mask) = self.mask else { return Matrix::of_rows(x, width) };
        let room = &mut room[..x.len()];
        room.copy_from_slice(x);
        for (number, row) in room.chunks_exact_mut(width.max(1)).enumerate() {
            wide(
                #[inline(always)]
                || mask.drop_in(first + number, row),
            );
        }
        Matrix::of_rows(room, width)
    }

    /// Space for what [`LowRank::dropped`] makes of so many elements.
    fn room(&self, elements: usize) -> Vec<f32> {
        vec![0.0; if self.mask.is_some() { elements } else { 0 }]
    }

    /// y with the update, and what [`LowRank::back`] needs for the gradients of A and B that are wanted.
    fn onto(&self, y: FlexTensor, [x, a, b]: [FlexTensor; 3], [of_a, of_b]: [bool; 2]) -> (FlexTensor, Kept) {
        let shape = x.shape();
        let [rows, inputs] = rows_of(&shape);
        let [rank, outputs] = [b.shape()[0], b.shape()[1]];
        assert_eq!(rows_of(&y.shape()), [rows, outputs], "an update has the shape of what it is added to");
        let at_once = rows_at_once(inputs, outputs);
        let mut down = vec![0.0; rows * rank];
        let mut y = owned(y);
        let of_x = Values::of(x.clone());
        let parts = y
            .storage_mut::<f32>()
            .par_chunks_mut((at_once * outputs).max(1))
            .zip(down.par_chunks_mut((at_once * rank).max(1)))
            .zip(of_x.as_slice().par_chunks((at_once * inputs).max(1)));
        with_matrix(&a, |a| {
            with_matrix(&b, |b| {
                parts.enumerate().for_each_init(
                    || self.room(at_once * inputs),
                    |room, (number, ((y, down), x))| {
                        let x = self.dropped(x, inputs, number * at_once, room);
                        multiply(Place::of_rows(down, rank), x, a, self.scale, false, Cores::One);
                        let down = Matrix::of_rows(down, rank);
                        multiply(Place::of_rows(y, outputs), down, b, 1.0, true, Cores::One);
                    },
                );
            });
        });
        (y, Kept { x: of_a.then_some(x), a, b, down: of_b.then_some(down), shape })
    }

    /// The gradients of x, A and B from that of y; `dx` is what x has from elsewhere.
    fn back(&self, kept: Kept, gradient: &[f32], dx: Dx) -> [Option<FlexTensor>; 3] {
        let Kept { x, a, b, down, shape } = kept;
        let [rows, inputs] = rows_of(&shape);
        let [rank, outputs] = [b.shape()[0], b.shape()[1]];
        let mut dx = match dx {
            Dx::Unwanted => None,
            Dx::Alone => Some(tensor(vec![0.0; rows * inputs], shape)),
            Dx::Onto(dx) => Some(owned(dx)),
        };
        let summed = summed(rank);
        let tasks = if rank == 0 { 0 } else { rows.div_ceil(summed) };
        let x = x.map(Values::of);
        let mut da = x.as_ref().map(|_| vec![0.0; tasks * inputs * rank]);
        let mut db = down.as_ref().map(|_| vec![0.0; tasks * rank * outputs]);
        {
            let x = x.as_ref().map(Values::as_slice);
            let mut dx = dx.as_mut().map(|dx| dx.storage_mut::<f32>().chunks_mut((summed * inputs).max(1)));
            let mut da = da.as_mut().map(|da| da.chunks_mut((inputs * rank).max(1)));
            let mut db = db.as_mut().map(|db| db.chunks_mut((rank * outputs).max(1)));
            let sums = (0..tasks).map(|_| Sums {
                dx: dx.as_mut().and_then(Iterator::next),
                da: da.as_mut().and_then(Iterator::next),
                db: db.as_mut().and_then(Iterator::next),
            });
            let sums: Vec<Sums<'_>> = sums.collect();
            let at_once = rows_at_once(inputs, outputs);
            let rows_of_task = |task: usize| task * summed..rows.min((task + 1) * summed);
            with_matrix(&a, |a| {
                with_matrix(&b, |b| {
                    sums.into_par_iter().enumerate().for_each_init(
                        || [self.room(at_once * inputs), vec![0.0; at_once * rank]],
                        |[room, of_down], (task, mut sums)| {
                            let all = rows_of_task(task);
                            for first in all.clone().step_by(at_once) {
                                let range = first..all.end.min(first + at_once);
                                let part = |values, width| Matrix::of_rows(values, width).rows(range.clone());
                                let of_y = part(gradient, outputs);
                                if let (Some(db), Some(down)) = (&mut sums.db, &down) {
                                    let down = part(down, rank).transposed();
                                    multiply(Place::of_rows(db, outputs), down, of_y, 1.0, true, Cores::One);
                                }
                                if sums.da.is_none() && sums.dx.is_none() {
                                    continue;
                                }
                                let of_down = &mut of_down[..range.len() * rank];
                                let place = Place::of_rows(of_down, rank);
                                multiply(place, of_y, b.transposed(), self.scale, false, Cores::One);
                                let of_down = Matrix::of_rows(of_down, rank);
                                if let (Some(da), Some(x)) = (&mut sums.da, x) {
                                    let x = &x[range.start * inputs..range.end * inputs];
                                    let x = self.dropped(x, inputs, range.start, room).transposed();
                                    multiply(Place::of_rows(da, rank), x, of_down, 1.0, true, Cores::One);
                                }
                                if let Some(dx) = &mut sums.dx {
                                    let inside = range.start - all.start..range.end - all.start;
                                    let dx = &mut dx[inside.start * inputs..inside.end * inputs];
                                    self.through(a, of_down, dx, range.start, room);
                                }
                            }
                        },
                    );
                });
            });
        }
        let sum = |partial: Vec<f32>, width| total(&partial, width);
        let da = da.map(|da| tensor(sum(da, inputs * rank), a.shape()));
        let db = db.map(|db| tensor(sum(db, rank * outputs), b.shape()));
        [dx, da, db]
    }

    /// Adds to the gradients of some rows of x, the first of which is row number `first`, what comes through A and dropout.
    fn through(&self, a: Matrix<'_>, of_down: Matrix<'_>, dx: &mut [f32], first: usize, room: &mut [f32]) {
        let inputs = a.height();
        let Some(mask) = self.mask else {
            return multiply(Place::of_rows(dx, inputs), of_down, a.transposed(), 1.0, true, Cores::One);
        };
        let room = &mut room[..dx.len()];
        multiply(Place::of_rows(room, inputs), of_down, a.transposed(), 1.0, false, Cores::One);
        for (number, (dx, through)) in dx.chunks_exact_mut(inputs).zip(room.chunks_exact(inputs)).enumerate() {
            wide(
                #[inline(always)]
                || mask.drop_onto(first + number, through, dx),
            );
        }
    }
}

/// Where the gradient of x goes.
enum Dx {
    Unwanted,
    Alone,
    Onto(FlexTensor),
}

impl Operation<Flex, 4> for LowRank {
    type Kept = Kept;

    fn forward(&self, [y, x, a, b]: [FlexTensor; 4], [_, _, of_a, of_b]: [bool; 4]) -> (FlexTensor, Kept) {
        self.onto(y, [x, a, b], [of_a, of_b])
    }

    fn backward(&self, kept: Kept, gradient: FlexTensor, wanted: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let dx = if wanted[1] { Dx::Alone } else { Dx::Unwanted };
        let [dx, da, db] = self.back(kept, Values::of(gradient.clone()).as_slice(), dx);
        [Some(gradient), dx, da, db]
    }
}

impl LowRankLinear {
    fn forward_of(
        &self,
        [x, weight, a, b]: [FlexTensor; 4],
        bias: Option<FlexTensor>,
        [of_x, of_weight, of_a, of_b]: [bool; 4],
    ) -> (FlexTensor, (linear::Kept, Kept)) {
        let (y, layer) = linear::forward(x.clone(), weight, bias, &[of_x, of_weight]);
        let (y, update) = self.0.onto(y, [x, a, b], [of_a, of_b]);
        (y, (layer, update))
    }

    fn backward_of(&self, (layer, update): (linear::Kept, Kept), gradient: &[f32]) -> [Option<FlexTensor>; 4] {
        let outputs = update.b.shape()[1];
        let [dx, dw] = linear::backward(layer, gradient, outputs);
        let [dx, da, db] = self.0.back(update, gradient, dx.map_or(Dx::Unwanted, Dx::Onto));
        [dx, dw, da, db]
    }
}

impl Operation<Flex, 4> for LowRankLinear {
    type Kept = (linear::Kept, Kept);

    fn forward(&self, inputs: [FlexTensor; 4], wanted: [bool; 4]) -> (FlexTensor, Self::Kept) {
        self.forward_of(inputs, None, wanted)
    }

    fn backward(&self, kept: Self::Kept, gradient: FlexTensor, _: [bool; 4]) -> [Option<FlexTensor>; 4] {
        self.backward_of(kept, Values::of(gradient).as_slice())
    }
}

impl Operation<Flex, 5> for LowRankLinear {
    type Kept = (linear::Kept, Kept);

    fn forward(&self, inputs: [FlexTensor; 5], wanted: [bool; 5]) -> (FlexTensor, Self::Kept) {
        let ([x, weight, a, b, bias], [of_x, of_weight, of_a, of_b, _]) = (inputs, wanted);
        self.forward_of([x, weight, a, b], Some(bias), [of_x, of_weight, of_a, of_b])
    }

    fn backward(&self, kept: Self::Kept, gradient: FlexTensor, wanted: [bool; 5]) -> [Option<FlexTensor>; 5] {
        let [_, outputs] = rows_of(&gradient.shape());
        let gradient = Values::of(gradient);
        let dbias = wanted[4].then(|| tensor(sum_of_rows(gradient.as_slice(), outputs), Shape::new([outputs])));
        let [dx, dw, da, db] = self.backward_of(kept, gradient.as_slice());
        [dx, dw, da, db, dbias]
    }
}
