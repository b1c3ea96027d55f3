use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, Tensor};

use super::autodiff::{Operation, run};
use super::dropout::Mask;
use super::linear::{self, sum_of_rows, with_matrix};
use super::memory::{Values, owned, rows_of, tensor};
use super::product::{Cores, Matrix, Place, multiply, product};

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

impl LowRank {
    /// What `work` makes of x behind dropout, a row for each vector.
    fn with_input<T>(&self, x: FlexTensor, work: impl FnOnce(Matrix<'_>) -> T) -> T {
        let [rows, width] = rows_of(&x.shape());
        let x = Values::of(x);
        let dropped = self.mask.map(|mask| mask.dropped_copy(x.as_slice()));
        work(Matrix::new(dropped.as_deref().unwrap_or(x.as_slice()), [rows, width], [width, 1]))
    }

    /// y with the update, and what [`LowRank::back`] needs for the gradients of A and B that are wanted.
    fn onto(&self, y: FlexTensor, [x, a, b]: [FlexTensor; 3], [of_a, of_b]: [bool; 2]) -> (FlexTensor, Kept) {
        let shape = x.shape();
        let [rank, outputs] = [b.shape()[0], b.shape()[1]];
        let mut down = self.with_input(x.clone(), |x| with_matrix(&a, |a| product(x, a)));
        down.iter_mut().for_each(|value| *value *= self.scale);
        let mut y = owned(y);
        let place = Place::of_rows(y.storage_mut::<f32>(), outputs);
        with_matrix(&b, |b| multiply(place, Matrix::of_rows(&down, rank), b, 1.0, true, Cores::All));
        (y, Kept { x: of_a.then_some(x), a, b, down: of_b.then_some(down), shape })
    }

    /// The gradients of x, A and B from that of y; `dx` is what x has from elsewhere.
    fn back(&self, kept: Kept, gradient: &[f32], dx: Dx) -> [Option<FlexTensor>; 3] {
        let Kept { x, a, b, down, shape } = kept;
        let [rank, outputs] = [b.shape()[0], b.shape()[1]];
        let of_y = Matrix::of_rows(gradient, outputs);
        let db = down.map(|down| tensor(product(Matrix::of_rows(&down, rank).transposed(), of_y), b.shape()));
        if matches!(dx, Dx::Unwanted) && x.is_none() {
            return [None, None, db];
        }
        let mut of_down = with_matrix(&b, |b| product(of_y, b.transposed()));
        of_down.iter_mut().for_each(|value| *value *= self.scale);
        let of_down = Matrix::of_rows(&of_down, rank);
        let da = x.map(|x| tensor(self.with_input(x, |x| product(x.transposed(), of_down)), a.shape()));
        let through_a = || with_matrix(&a, |a| product(of_down, a.transposed()));
        let dx = match (dx, self.mask) {
            (Dx::Unwanted, _) => None,
            (Dx::Alone, None) => Some(tensor(through_a(), shape)),
            (Dx::Alone, Some(mask)) => Some(mask.dropped(tensor(through_a(), shape))),
            (Dx::Onto(dx), None) => {
                let mut dx = owned(dx);
                let [_, inputs] = rows_of(&shape);
                let place = Place::of_rows(dx.storage_mut::<f32>(), inputs);
                with_matrix(&a, |a| multiply(place, of_down, a.transposed(), 1.0, true, Cores::All));
                Some(dx)
            }
            (Dx::Onto(dx), Some(mask)) => Some(mask.dropped_onto(dx, &through_a())),
        };
        [dx, da, db]
    }
}

/// Where the gradient of x goes.
enum Dx {
    Unwanted,
    Alone,
    Onto(FlexTensor),
}

impl Operation<4> for LowRank {
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

impl Operation<4> for LowRankLinear {
    type Kept = (linear::Kept, Kept);

    fn forward(&self, inputs: [FlexTensor; 4], wanted: [bool; 4]) -> (FlexTensor, Self::Kept) {
        self.forward_of(inputs, None, wanted)
    }

    fn backward(&self, kept: Self::Kept, gradient: FlexTensor, _: [bool; 4]) -> [Option<FlexTensor>; 4] {
        self.backward_of(kept, Values::of(gradient).as_slice())
    }
}

impl Operation<5> for LowRankLinear {
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
