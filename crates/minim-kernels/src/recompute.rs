//! Operations through burn's own whose backward passes keep less than burn would and compute the rest again, on backends whose memory only
//! their own kernels reach.
//!
//! What is kept: of attention the queries, keys and values, and which weights were dropped, a byte for each; of LoRA's update the input, which of
//! its values were dropped, and what A made of it; of normalisation and of a scaled non-linearity the input, of
//! scaling the output.

use std::marker::PhantomData;

use burn::backend::tensor::FloatTensor;
use burn::tensor::{Bool, DType, Tensor, module};

use crate::Activation;
use crate::autodiff::{Home, Operation, run};
use crate::portable::{self, Mask, attention_weights, curve, in_precision};

/// The operations on a backend.
pub(crate) struct On<B>(PhantomData<B>);

/// A mask for what has this shape and lies where x does, if x is in training.
fn mask<const D: usize, const E: usize>(x: &Tensor<D>, shape: [usize; E], probability: f64) -> Option<Mask<E>> {
    let device = x.device();
    if device.is_autodiff() { Mask::new(shape.into(), probability, &device.inner()) } else { None }
}

fn dropped<const D: usize>(x: Tensor<D>, mask: Option<&Mask<D>>) -> Tensor<D> {
    match mask {
        Some(mask) => mask.on(x),
        None => x,
    }
}

fn lower<B: Home, const D: usize>(x: Tensor<D>) -> FloatTensor<B> {
    B::plain(x).expect("what comes of a backend's tensors lies on it")
}

/// `y + s·(drop(x)·A)·B`
#[derive(Debug, Clone)]
struct LowRank<const D: usize> {
    scale: f64,
    mask: Option<Mask<D>>,
}

#[derive(Debug, Clone)]
struct LowRankKept<const D: usize> {
    /// Before dropout; if A is trained.
    x: Option<Tensor<D>>,
    a: Tensor<2>,
    b: Tensor<2>,
    /// `s·drop(x)·A`, if B is trained.
    down: Option<Tensor<D>>,
    /// Those of x.
    dims: [usize; D],
    dtype: DType,
}

impl<B: Home> On<B> {
    pub(crate) fn low_rank<const D: usize>(
        y: Tensor<D>,
        x: Tensor<D>,
        a: Tensor<2>,
        b: Tensor<2>,
        scale: f64,
        dropout: f64,
    ) -> Tensor<D> {
        let operation = LowRank { scale, mask: mask(&x, x.dims(), dropout) };
        run::<B, _, 4, D>(operation, [y.into(), x.into(), a.into(), b.into()])
    }
}

impl<B: Home, const D: usize> Operation<B, 4> for LowRank<D> {
    type Kept = LowRankKept<D>;

    fn forward(
        &self,
        [y, x, a, b]: [FloatTensor<B>; 4],
        [_, _, of_a, of_b]: [bool; 4],
    ) -> (FloatTensor<B>, Self::Kept) {
        let [y, x] = [y, x].map(B::lift::<D>);
        let [a, b] = [a, b].map(B::lift::<2>);
        let (dims, dtype) = (x.dims(), x.dtype());
        let into = dropped(in_precision(x.clone(), a.dtype()), self.mask.as_ref());
        let down = module::linear(into, a.clone(), None) * self.scale;
        let update = in_precision(module::linear(down.clone(), b.clone(), None), y.dtype());
        let kept = LowRankKept { x: of_a.then_some(x), a, b, down: of_b.then_some(down), dims, dtype };
        (lower::<B, D>(y + update), kept)
    }

    fn backward(
        &self,
        kept: Self::Kept,
        gradient: FloatTensor<B>,
        [_, of_x, of_a, of_b]: [bool; 4],
    ) -> [Option<FloatTensor<B>>; 4] {
        let LowRankKept { x, a, b, down, dims, dtype } = kept;
        let rows = dims[..D - 1].iter().product::<usize>();
        let [inputs, rank, outputs] = [dims[D - 1], b.dims()[0], b.dims()[1]];
        let of_y = in_precision(B::lift::<D>(gradient.clone()), a.dtype()).reshape([rows, outputs]);
        let db = down.filter(|_| of_b).map(|down| down.reshape([rows, rank]).transpose().matmul(of_y.clone()));
        let of_down = (of_x || of_a).then(|| of_y.matmul(b.transpose()) * self.scale);
        let of_x = if of_x { of_down.clone() } else { None };
        let da = of_down.zip(x).map(|(of_down, x)| {
            let into = dropped(in_precision(x, a.dtype()), self.mask.as_ref());
            into.reshape([rows, inputs]).transpose().matmul(of_down)
        });
        let dx = of_x.map(|of_down| {
            let dx = of_down.matmul(a.transpose()).reshape(dims);
            in_precision(dropped(dx, self.mask.as_ref()), dtype)
        });
        [Some(gradient), dx.map(lower::<B, D>), da.map(lower::<B, 2>), db.map(lower::<B, 2>)]
    }
}

/// `drop(softmax(Q·Kᵀ/√size))·V` of every head, whose weights are made again. Rabe and Staats 2021, arXiv 2112.05682.
#[derive(Debug, Clone)]
struct Attention {
    hide: Option<Tensor<4, Bool>>,
    mask: Option<Mask<4>>,
}

impl<B: Home> On<B> {
    pub(crate) fn attention(
        query: Tensor<4>,
        key: Tensor<4>,
        value: Tensor<4>,
        hide: Option<&Tensor<4, Bool>>,
        dropout: f64,
    ) -> Tensor<3> {
        let [batch, heads, seq, _] = query.dims();
        let mask = mask(&query, [batch, heads, seq, key.dims()[2]], dropout);
        let operation = Attention { hide: hide.map(|hide| hide.clone().inner()), mask };
        run::<B, _, 3, 3>(operation, [query.into(), key.into(), value.into()])
    }
}

impl<B: Home> Operation<B, 3> for Attention {
    type Kept = [Tensor<4>; 3];

    fn forward(&self, inputs: [FloatTensor<B>; 3], _: [bool; 3]) -> (FloatTensor<B>, Self::Kept) {
        let [query, key, value] = inputs.map(B::lift::<4>);
        let kept = [query.clone(), key.clone(), value.clone()];
        let ([batch, heads, seq, size], dtype) = (query.dims(), query.dtype());
        let weights = in_precision(attention_weights(query, key, self.hide.as_ref()), dtype);
        let output = dropped(weights, self.mask.as_ref()).matmul(value);
        (lower::<B, 3>(output.swap_dims(1, 2).reshape([batch, seq, heads * size])), kept)
    }

    fn backward(
        &self,
        [query, key, value]: Self::Kept,
        gradient: FloatTensor<B>,
        [of_query, of_key, of_value]: [bool; 3],
    ) -> [Option<FloatTensor<B>>; 3] {
        let ([batch, heads, seq, size], dtype) = (query.dims(), query.dtype());
        let scale = (size as f64).powf(-0.5);
        let of_output = B::lift::<3>(gradient).reshape([batch, seq, heads, size]).swap_dims(1, 2);
        let weights = attention_weights(query.clone(), key.clone(), self.hide.as_ref());
        let dv = of_value.then(|| {
            let weights = dropped(in_precision(weights.clone(), dtype), self.mask.as_ref());
            weights.swap_dims(2, 3).matmul(of_output.clone())
        });
        let of_scores = (of_query || of_key).then(|| {
            let of_weights = dropped(of_output.matmul(value.swap_dims(2, 3)), self.mask.as_ref());
            let of_weights = in_precision(of_weights, DType::F32);
            let along = (of_weights.clone() * weights.clone()).sum_dim(3);
            let of_scores = in_precision(weights * (of_weights - along), dtype);
            // Hidden scores are not asked for, even where all are hidden and all weigh the same.
            match &self.hide {
                Some(hide) => {
                    let dims = of_scores.dims();
                    of_scores.mask_fill(hide.clone().expand(dims), 0.0)
                }
                None => of_scores,
            }
        });
        let dq = of_scores.clone().filter(|_| of_query).map(|of_scores| of_scores.matmul(key) * scale);
        let dk = of_scores.filter(|_| of_key).map(|of_scores| of_scores.swap_dims(2, 3).matmul(query) * scale);
        [dq, dk, dv].map(|gradient| gradient.map(lower::<B, 4>))
    }
}

/// Layer normalisation, whose statistics are made again.
#[derive(Debug, Clone)]
struct LayerNorm<const D: usize> {
    epsilon: f64,
}

impl<B: Home> On<B> {
    pub(crate) fn layer_norm<const D: usize>(
        x: Tensor<D>,
        gamma: Tensor<1>,
        beta: Option<Tensor<1>>,
        epsilon: f64,
    ) -> Tensor<D> {
        let operation = LayerNorm::<D> { epsilon };
        match beta {
            None => run::<B, _, 2, D>(operation, [x.into(), gamma.into()]),
            Some(beta) => run::<B, _, 3, D>(operation, [x.into(), gamma.into(), beta.into()]),
        }
    }
}

impl<const D: usize> LayerNorm<D> {
    /// The gradients of x, gamma and beta.
    fn back(
        &self,
        (x, gamma): (Tensor<D>, Tensor<1>),
        gradient: Tensor<D>,
        wanted: [bool; 3],
    ) -> (Option<Tensor<D>>, [Option<Tensor<1>>; 2]) {
        let (width, of_input, of_parameters) = (gamma.dims()[0], x.dtype(), gamma.dtype());
        let gradient = in_precision(gradient, of_parameters);
        let dbeta = wanted[2].then(|| summed(gradient.clone(), width));
        if !wanted[0] && !wanted[1] {
            return (None, [None, dbeta]);
        }
        let x = in_precision(x, of_parameters);
        let centred = x.clone() - x.mean_dim(D - 1);
        let deviation = ((centred.clone() * centred.clone()).mean_dim(D - 1) + self.epsilon).sqrt();
        let normalised = centred / deviation.clone();
        let dgamma = wanted[1].then(|| summed(gradient.clone() * normalised.clone(), width));
        let dx = wanted[0].then(|| {
            let of_normalised = gradient * gamma.unsqueeze::<D>();
            let along = (of_normalised.clone() * normalised.clone()).mean_dim(D - 1);
            let mean = of_normalised.clone().mean_dim(D - 1);
            in_precision((of_normalised - mean - normalised * along) / deviation, of_input)
        });
        (dx, [dgamma, dbeta])
    }
}

impl<B: Home, const D: usize> Operation<B, 2> for LayerNorm<D> {
    type Kept = (Tensor<D>, Tensor<1>);

    fn forward(&self, [x, gamma]: [FloatTensor<B>; 2], _: [bool; 2]) -> (FloatTensor<B>, Self::Kept) {
        let kept = (B::lift::<D>(x), B::lift::<1>(gamma));
        (lower::<B, D>(portable::layer_norm(kept.0.clone(), kept.1.clone(), None, self.epsilon)), kept)
    }

    fn backward(
        &self,
        kept: Self::Kept,
        gradient: FloatTensor<B>,
        [of_x, of_gamma]: [bool; 2],
    ) -> [Option<FloatTensor<B>>; 2] {
        let (dx, [dgamma, _]) = self.back(kept, B::lift(gradient), [of_x, of_gamma, false]);
        [dx.map(lower::<B, D>), dgamma.map(lower::<B, 1>)]
    }
}

impl<B: Home, const D: usize> Operation<B, 3> for LayerNorm<D> {
    type Kept = (Tensor<D>, Tensor<1>);

    fn forward(&self, [x, gamma, beta]: [FloatTensor<B>; 3], _: [bool; 3]) -> (FloatTensor<B>, Self::Kept) {
        let kept = (B::lift::<D>(x), B::lift::<1>(gamma));
        let beta = Some(B::lift::<1>(beta));
        (lower::<B, D>(portable::layer_norm(kept.0.clone(), kept.1.clone(), beta, self.epsilon)), kept)
    }

    fn backward(&self, kept: Self::Kept, gradient: FloatTensor<B>, wanted: [bool; 3]) -> [Option<FloatTensor<B>>; 3] {
        let (dx, [dgamma, dbeta]) = self.back(kept, B::lift(gradient), wanted);
        [dx.map(lower::<B, D>), dgamma.map(lower::<B, 1>), dbeta.map(lower::<B, 1>)]
    }
}

/// `x ⊙ l`, of which the output is kept, as what comes next is likely to keep it as well: the input is the output by l.
#[derive(Debug, Clone)]
struct Scale<const D: usize>;

/// Stands for elements of l that are nearer to 0 when l is trained, so that one can divide by them. What that adds to the output is below the
/// rounding of whatever it meets there.
const SMALLEST: f32 = 1.0 / (1_u64 << 40) as f32;

impl<B: Home> On<B> {
    pub(crate) fn scale<const D: usize>(x: Tensor<D>, l: Tensor<1>) -> Tensor<D> {
        run::<B, _, 2, D>(Scale::<D>, [x.into(), l.into()])
    }
}

/// The sum over all rows.
fn summed<const D: usize>(x: Tensor<D>, width: usize) -> Tensor<1> {
    let rows = x.shape().num_elements() / width.max(1);
    x.reshape([rows, width]).sum_dim(0).reshape([width])
}

impl<B: Home, const D: usize> Operation<B, 2> for Scale<D> {
    /// The output, if l is trained, and l.
    type Kept = (Option<Tensor<D>>, Tensor<1>);

    fn forward(&self, [x, l]: [FloatTensor<B>; 2], [_, of_l]: [bool; 2]) -> (FloatTensor<B>, Self::Kept) {
        let (x, mut l) = (B::lift::<D>(x), B::lift::<1>(l));
        if of_l {
            let near = l.clone().abs().lower_elem(SMALLEST);
            l = l.mask_fill(near, SMALLEST);
        }
        let y = portable::scale(x, l.clone());
        (lower::<B, D>(y.clone()), (of_l.then_some(y), l))
    }

    fn backward(
        &self,
        (y, l): Self::Kept,
        gradient: FloatTensor<B>,
        [of_x, _]: [bool; 2],
    ) -> [Option<FloatTensor<B>>; 2] {
        let gradient = B::lift::<D>(gradient);
        let dl = y.map(|y| summed(y * gradient.clone(), l.dims()[0]) / l.clone());
        let dx = of_x.then(|| portable::scale(gradient, l));
        [dx.map(lower::<B, D>), dl.map(lower::<B, 1>)]
    }
}

/// `f(x) ⊙ l`
#[derive(Debug, Clone)]
struct ActivationScale<const D: usize>(Activation);

impl<B: Home> On<B> {
    pub(crate) fn activation_scale<const D: usize>(x: Tensor<D>, kind: Activation, l: Tensor<1>) -> Tensor<D> {
        run::<B, _, 2, D>(ActivationScale::<D>(kind), [x.into(), l.into()])
    }
}

impl<B: Home, const D: usize> Operation<B, 2> for ActivationScale<D> {
    type Kept = (Tensor<D>, Tensor<1>);

    fn forward(&self, [x, l]: [FloatTensor<B>; 2], _: [bool; 2]) -> (FloatTensor<B>, Self::Kept) {
        let (x, l) = (B::lift::<D>(x), B::lift::<1>(l));
        let kept = (x.clone(), l.clone());
        let dtype = x.dtype();
        let y = in_precision(portable::activation(in_precision(x, DType::F32), self.0), dtype);
        (lower::<B, D>(portable::scale(y, l)), kept)
    }

    fn backward(
        &self,
        (x, l): Self::Kept,
        gradient: FloatTensor<B>,
        [of_x, of_l]: [bool; 2],
    ) -> [Option<FloatTensor<B>>; 2] {
        let gradient = B::lift::<D>(gradient);
        let dtype = x.dtype();
        let point = in_precision(x, DType::F32);
        // One after the other, so that values and slopes, each of which can be computed where it is used, do not lie side by side.
        let dl =
            of_l.then(|| summed(in_precision(curve(point.clone(), self.0).0, dtype) * gradient.clone(), l.dims()[0]));
        let dx = of_x.then(|| gradient * in_precision(curve(point, self.0).1, dtype) * l.unsqueeze::<D>());
        [dx.map(lower::<B, D>), dl.map(lower::<B, 1>)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Flat, assert_close, device, flat, heads, hidden, numbers, run, values};
    use burn::backend::Flex;

    // A generator that starts at the same seed draws the same masks for both.

    #[test]
    fn an_update_is_burn_s() {
        for rate in [0.0, 0.3] {
            let read = |t: &[Flat]| -> (Tensor<3>, Tensor<3>, Tensor<2>, Tensor<2>) {
                let [y, x] =
                    [(0, 23), (1, 19)].map(|(number, width): (usize, _)| t[number].clone().reshape([3, 7, width]));
                (y, x, t[2].clone().reshape([19, 4]), t[3].clone().reshape([4, 23]))
            };
            let sizes = [3 * 7 * 23, 3 * 7 * 19, 19 * 4, 4 * 23];
            let found = run(&sizes, |t| {
                let (y, x, a, b) = read(&t);
                On::<Flex>::low_rank(y, x, a, b, 1.7, rate)
            });
            let expected = run(&sizes, |t| {
                let (y, x, a, b) = read(&t);
                portable::low_rank(y, x, a, b, 1.7, rate)
            });
            assert_close(&found, &expected, &format!("update, dropout {rate}"));
            let none = run(&sizes, |t| {
                let (y, x, a, b) = read(&t);
                portable::low_rank(y, x, a, b, 1.7, 0.0)
            });
            assert_eq!(expected != none, rate > 0.0, "dropout {rate}");
        }
    }

    #[test]
    fn attention_is_burn_s() {
        let (batch, count, seq, keys, size) = (2, 3, 5, 7, 4);
        let sizes = [seq, keys, keys].map(|rows| batch * count * rows * size);
        for hide in [None, Some([batch, 1, keys]), Some([1, seq, keys]), Some([batch, seq, keys])] {
            let hide = hide.map(hidden);
            for rate in [0.0, 0.3] {
                let of = |t: &[Flat]| {
                    let [key, value] = [1, 2].map(|number: usize| heads(&t[number], [batch, keys, count, size]));
                    (heads(&t[0], [batch, seq, count, size]), key, value)
                };
                let found = run(&sizes, |t| {
                    let (query, key, value) = of(&t);
                    On::<Flex>::attention(query, key, value, hide.as_ref(), rate)
                });
                let expected = run(&sizes, |t| {
                    let (query, key, value) = of(&t);
                    portable::attention(query, key, value, hide.as_ref(), rate)
                });
                let name = format!("attention, hidden {:?}, dropout {rate}", hide.as_ref().map(Tensor::dims));
                assert_close(&found, &expected, &name);
            }
        }
    }

    #[test]
    fn normalisation_is_burn_s() {
        for with_bias in [true, false] {
            let read = |t: &[Flat]| (t[0].clone().reshape([2, 3, 7]), t[1].clone(), with_bias.then(|| t[2].clone()));
            let sizes = &[42, 7, 7][..2 + usize::from(with_bias)];
            let found = run(sizes, |t| {
                let (x, gamma, beta): (Tensor<3>, _, _) = read(&t);
                On::<Flex>::layer_norm(x, gamma, beta, 1e-5)
            });
            let expected = run(sizes, |t| {
                let (x, gamma, beta): (Tensor<3>, _, _) = read(&t);
                portable::layer_norm(x, gamma, beta, 1e-5)
            });
            assert_close(&found, &expected, &format!("normalisation, bias {with_bias}"));
        }
    }

    #[test]
    fn scaling_is_burn_s_with_and_without_small_elements() {
        let rows = |t: &[Flat]| t[0].clone().reshape([2, 35, 6]);
        // Far from 0, around 0, 0 itself, and so near that something else stands for it; the slope of each is 1.
        let vectors: [fn(Flat) -> Flat; 4] = [
            |l| l.abs() + 0.5,
            |l| l,
            |l| l.clone() - l.detach(),
            |l| l.clone() - l.detach() - f64::from(SMALLEST) / 2.0,
        ];
        for (number, vector) in vectors.into_iter().enumerate() {
            let found = run(&[420, 6], |t| On::<Flex>::scale(rows(&t), vector(t[1].clone())));
            let expected = run(&[420, 6], |t| portable::scale(rows(&t), vector(t[1].clone())));
            assert_close(&found, &expected, &format!("scaling, vector {number}"));
        }
    }

    #[test]
    fn scaled_activations_are_burn_s() {
        use Activation::{Gelu, GeluTanh, Relu, Silu, Tanh};
        for kind in [Gelu, GeluTanh, Relu, Silu, Tanh] {
            let rows = |t: &[Flat]| t[0].clone().reshape([3, 3, 7]) * 3.0;
            let found = run(&[63, 7], |t| On::<Flex>::activation_scale(rows(&t), kind, t[1].clone()));
            let expected = run(&[63, 7], |t| portable::activation_scale(rows(&t), kind, t[1].clone()));
            assert_close(&found, &expected, &format!("{kind:?}"));
        }
    }

    /// The gradients of the inputs that are asked for.
    fn gradients<const D: usize>(
        sizes: &[usize],
        asked: usize,
        f: impl Fn(Vec<Flat>) -> Tensor<D>,
    ) -> Vec<Option<Vec<f32>>> {
        let inputs = (0_u32..).zip(sizes).enumerate().map(|(number, (salt, &count))| {
            let input = flat(&numbers(count, salt), &device());
            if asked >> number & 1 == 1 { input.require_grad() } else { input }
        });
        let inputs: Vec<Flat> = inputs.collect();
        let output = f(inputs.clone());
        let gradients = (output.clone() * output).sum().backward();
        inputs.iter().map(|input| input.grad(&gradients).map(values)).collect()
    }

    /// Every choice of inputs that have gradients, and the other inputs none.
    fn same_whatever_is_frozen<const D: usize>(
        name: &str,
        sizes: &[usize],
        found: impl Fn(Vec<Flat>) -> Tensor<D>,
        expected: impl Fn(Vec<Flat>) -> Tensor<D>,
    ) {
        for asked in 1..1 << sizes.len() {
            let (found, expected) = (gradients(sizes, asked, &found), gradients(sizes, asked, &expected));
            assert_eq!(found.iter().filter(|gradient| gradient.is_some()).count(), asked.count_ones() as usize);
            let [found, expected] = [found, expected].map(|all| all.into_iter().flatten().collect::<Vec<_>>());
            assert_close(&found, &expected, &format!("{name}, asked {asked:b}"));
        }
    }

    #[test]
    fn whatever_is_frozen_the_rest_has_its_gradients() {
        let update = |t: Vec<Flat>| -> (Tensor<2>, Tensor<2>, Tensor<2>, Tensor<2>) {
            let [y, x] = [(0, 3), (1, 2)].map(|(number, width): (usize, _)| t[number].clone().reshape([2, width]));
            (y, x, t[2].clone().reshape([2, 3]), t[3].clone().reshape([3, 3]))
        };
        let found = |t| {
            let (y, x, a, b) = update(t);
            On::<Flex>::low_rank(y, x, a, b, 0.5, 0.0)
        };
        let expected = |t| {
            let (y, x, a, b) = update(t);
            portable::low_rank(y, x, a, b, 0.5, 0.0)
        };
        same_whatever_is_frozen("update", &[6, 4, 6, 9], found, expected);
        let split = |t: &[Flat]| [0, 1, 2].map(|number: usize| heads(&t[number], [1, 3, 2, 4]));
        let found = |t: Vec<Flat>| {
            let [query, key, value] = split(&t);
            On::<Flex>::attention(query, key, value, None, 0.0)
        };
        let expected = |t: Vec<Flat>| {
            let [query, key, value] = split(&t);
            portable::attention(query, key, value, None, 0.0)
        };
        same_whatever_is_frozen("attention", &[24; 3], found, expected);
        let rows = |t: &[Flat]| t[0].clone().reshape([3, 4]);
        let found = |t: Vec<Flat>| On::<Flex>::layer_norm::<2>(rows(&t), t[1].clone(), Some(t[2].clone()), 1e-5);
        let expected = |t: Vec<Flat>| portable::layer_norm(rows(&t), t[1].clone(), Some(t[2].clone()), 1e-5);
        same_whatever_is_frozen("normalisation", &[12, 4, 4], found, expected);
        let found = |t: Vec<Flat>| On::<Flex>::scale::<2>(rows(&t), t[1].clone());
        let expected = |t: Vec<Flat>| portable::scale(rows(&t), t[1].clone());
        same_whatever_is_frozen("scaling", &[12, 4], found, expected);
        let kind = Activation::Gelu;
        let found = |t: Vec<Flat>| On::<Flex>::activation_scale::<2>(rows(&t), kind, t[1].clone());
        let expected = |t: Vec<Flat>| portable::activation_scale(rows(&t), kind, t[1].clone());
        same_whatever_is_frozen("scaled activation", &[12, 4], found, expected);
    }

    #[test]
    fn tensors_of_another_backend_are_left_to_burn() {
        let plain = burn::tensor::Device::flex();
        assert!(Flex::holds(&Tensor::<1>::ones([2], &plain)));
        assert!(Flex::holds(&Tensor::<1>::ones([2], &device())));
        assert!(!Flex::holds(&Tensor::<1>::ones([2], &plain.autodiff().gradient_checkpointing())));
    }

    #[test]
    fn what_no_gradient_needs_is_not_kept() {
        let plain = |count, shape: [usize; 2]| {
            let tensor = flat(&numbers(count, 0), &burn::tensor::Device::flex()).reshape(shape);
            lower::<Flex, 2>(tensor)
        };
        for (of_a, of_b) in [(true, true), (true, false), (false, true)] {
            let inputs = [plain(6, [2, 3]), plain(4, [2, 2]), plain(6, [2, 3]), plain(9, [3, 3])];
            let operation = LowRank::<2> { scale: 1.0, mask: None };
            let (_, kept) = Operation::<Flex, 4>::forward(&operation, inputs, [true, true, of_a, of_b]);
            assert_eq!((kept.x.is_some(), kept.down.is_some()), (of_a, of_b));
        }
        for of_l in [true, false] {
            let l = lower::<Flex, 1>(flat(&[1.0; 3], &burn::tensor::Device::flex()));
            let (_, (y, _)) = Operation::<Flex, 2>::forward(&Scale::<2>, [plain(6, [2, 3]), l], [true, of_l]);
            assert_eq!(y.is_some(), of_l);
        }
    }

    #[test]
    fn an_input_of_fewer_bits_than_the_factors_is_kept_as_it_is() {
        type Update = fn(Tensor<2>, Tensor<2>, Tensor<2>, Tensor<2>, f64, f64) -> Tensor<2>;
        let gradients = |update: Update| {
            let inputs = [6, 4, 6, 9].map(|count| flat(&numbers(count, 5), &device()).require_grad());
            let [y, x, a, b] = inputs.each_ref().map(Clone::clone);
            let half = |t: Tensor<2>| t.cast(burn::tensor::FloatDType::BF16);
            let (y, x) = (half(y.reshape([2, 3])), half(x.reshape([2, 2])));
            let output = update(y, x, a.reshape([2, 3]), b.reshape([3, 3]), 0.5, 0.0);
            assert_eq!(output.dtype(), DType::BF16);
            let gradients = output.sum().backward();
            inputs.each_ref().map(|input| values(input.grad(&gradients).expect("a gradient")))
        };
        assert_close(&gradients(On::<Flex>::low_rank), &gradients(portable::low_rank), "bf16 beside fp32");
        let operation = LowRank::<2> { scale: 1.0, mask: None };
        let inputs =
            [[2, 3], [2, 2], [2, 3], [3, 3]].map(|shape| Tensor::<2>::ones(shape, &burn::tensor::Device::flex()));
        let [y, x, a, b] = inputs;
        let inputs = [y, x.cast(burn::tensor::FloatDType::BF16), a, b].map(lower::<Flex, 2>);
        let (_, kept) = Operation::<Flex, 4>::forward(&operation, inputs, [true; 4]);
        assert_eq!(kept.x.expect("A is trained").dtype(), DType::BF16);
    }

    #[test]
    fn in_half_precision_a_softmax_over_many_keys_still_sums_to_one() {
        // 1,000 keys that all weigh the same: a sum in bf16 would stop growing at 256 of them.
        let keys = 1_000;
        let [query, key] = [1, keys].map(|rows| Tensor::<4>::zeros([1, 1, rows, 4], &device()));
        let value = Tensor::<4>::ones([1, 1, keys, 4], &device()).require_grad();
        let half = |t: Tensor<4>| t.cast(burn::tensor::FloatDType::BF16);
        let output = On::<Flex>::attention(half(query), half(key), half(value.clone()), None, 0.0);
        assert_eq!(output.dtype(), DType::BF16);
        let gradients = output.sum().backward();
        for gradient in values(value.grad(&gradients).expect("a gradient")) {
            assert!((gradient * keys as f32 - 1.0).abs() < 0.01, "{gradient}");
        }
    }
}
