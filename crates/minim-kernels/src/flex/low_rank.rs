use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, Tensor};

use super::autodiff::{Operation, run};
use super::dropout::Mask;
use super::linear::with_matrix;
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
}

impl Operation<4> for LowRank {
    type Kept = Kept;

    fn forward(&self, inputs: [FlexTensor; 4], [_, _, of_a, of_b]: [bool; 4]) -> (FlexTensor, Kept) {
        let [y, x, a, b] = inputs;
        let shape = x.shape();
        let [rank, outputs] = [b.shape()[0], b.shape()[1]];
        let mut down = self.with_input(x.clone(), |x| with_matrix(&a, |a| product(x, a)));
        down.iter_mut().for_each(|value| *value *= self.scale);
        let mut y = owned(y);
        let place = Place::of_rows(y.storage_mut::<f32>(), outputs);
        with_matrix(&b, |b| multiply(place, Matrix::of_rows(&down, rank), b, 1.0, true, Cores::All));
        (y, Kept { x: of_a.then_some(x), a, b, down: of_b.then_some(down), shape })
    }

    fn backward(&self, kept: Kept, gradient: FlexTensor, wanted: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let [_, of_x, of_a, _] = wanted;
        let Kept { x, a, b, down, shape } = kept;
        let [rank, outputs] = [b.shape()[0], b.shape()[1]];
        let values = Values::of(gradient.clone());
        let of_y = Matrix::of_rows(values.as_slice(), outputs);
        let db = down.map(|down| tensor(product(Matrix::of_rows(&down, rank).transposed(), of_y), b.shape()));
        if !of_x && !of_a {
            return [Some(gradient), None, None, db];
        }
        let mut of_down = with_matrix(&b, |b| product(of_y, b.transposed()));
        of_down.iter_mut().for_each(|value| *value *= self.scale);
        let of_down = Matrix::of_rows(&of_down, rank);
        let da = x.map(|x| tensor(self.with_input(x, |x| product(x.transposed(), of_down)), a.shape()));
        let dx = of_x.then(|| {
            let dx = with_matrix(&a, |a| product(of_down, a.transposed()));
            let dx = tensor(dx, shape);
            match self.mask {
                None => dx,
                Some(mask) => mask.dropped(dx),
            }
        });
        [Some(gradient), dx, da, db]
    }
}
