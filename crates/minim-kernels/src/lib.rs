//! What a transformer computes between its embeddings and its loss, one function for each operation: [`linear`], [`low_rank`], [`attention`],
//! [`gelu`] and other activations, [`layer_norm`], [`scale`], [`dropout`].
//!
//! Each works on every burn backend, through burn's own operations. With the feature `flex` and tensors of 32-bit floats in this process's
//! memory (burn's CPU backend), each is a pass or two of this crate's own over all cores, and its backward pass keeps less: attention keeps no
//! scores and dropout no mask; both are made again. `docs/benchmarks/training.md` says what that is worth. With the feature `cuda` and tensors on
//! such a device, attention, LoRA's update, normalisation and scaling stay burn's operations and have backward passes that keep less:
//! `docs/benchmarks/cuda-emulated.md`. burn's own gradient checkpointing, where it is on, decides for itself.
//!
//! On the CPU results are the same on any number of threads: no sum is split by how many there are.

#[cfg(any(feature = "flex", feature = "cuda", test))]
mod autodiff;
#[cfg(feature = "flex")]
mod flex;
mod portable;
#[cfg(any(feature = "cuda", test))]
mod recompute;
#[cfg(test)]
mod testing;

#[cfg(feature = "cuda")]
use burn::backend::Cuda;

use burn::tensor::{Bool, Tensor};

/// A non-linearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x·Φ(x)` with the normal distribution's Φ. Hendrycks and Gimpel 2016, arXiv 1606.08415.
    Gelu,
    /// The same by the hyperbolic tangent: `x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2`.
    GeluTanh,
    /// `max(0, x)`
    Relu,
    /// `x·σ(x)` with the logistic σ.
    Silu,
    /// The hyperbolic tangent.
    Tanh,
}

#[cfg(any(feature = "flex", test))]
autodiff::home!(burn::backend::Flex);
#[cfg(feature = "cuda")]
autodiff::home!(Cuda);

/// Runs a pass of this crate's own where the tensors' memory can be reached, else burn's; with `keep` in front, on CUDA, one of burn's operations
/// that keeps less.
macro_rules! pass {
    ([$($x:ident),*], $name:ident($($argument:expr),*)) => {{
        #[cfg(feature = "flex")]
        if $(flex::holds(&$x))&&* {
            return flex::$name($($argument),*);
        }
        portable::$name($($argument),*)
    }};
    (keep [$($x:ident),*], $name:ident($($argument:expr),*)) => {{
        #[cfg(feature = "flex")]
        if $(flex::holds(&$x))&&* {
            return flex::$name($($argument),*);
        }
        #[cfg(feature = "cuda")]
        if $(<Cuda as autodiff::Home>::holds(&$x))&&* {
            return recompute::On::<Cuda>::$name($($argument),*);
        }
        portable::$name($($argument),*)
    }};
}

/// `x·W + b`.
///
/// # Shapes
/// - `x`: `[.., in]`
/// - `weight`: `[in, out]`
/// - `bias`: `[out]`
/// - output: `[.., out]`
pub fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    pass!([x, weight], linear(x, weight, bias))
}

/// `y + s·(drop(x)·A)·B`, LoRA's update of a layer's output, computed in the precision of the factors and given in that of y.
///
/// # Shapes
/// - `y`, output: `[.., out]`
/// - `x`: `[.., in]`
/// - `a`: `[in, r]`
/// - `b`: `[r, out]`
pub fn low_rank<const D: usize>(
    y: Tensor<D>,
    x: Tensor<D>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
    dropout: f64,
) -> Tensor<D> {
    pass!(keep [y, x, a, b], low_rank(y, x, a, b, scale, dropout))
}

/// `x·W + b + s·(drop(x)·A)·B`, a linear layer with LoRA's update: [`low_rank`] of [`linear`], whose backward pass makes one gradient of x
/// instead of two.
///
/// # Shapes
/// As those two have them.
pub fn low_rank_linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    [a, b]: [Tensor<2>; 2],
    scale: f64,
    dropout: f64,
) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if flex::holds(&x) && flex::holds(&weight) && flex::holds(&a) && flex::holds(&b) {
        return flex::low_rank_linear(x, weight, bias, [a, b], scale, dropout);
    }
    low_rank(linear(x.clone(), weight, bias), x, a, b, scale, dropout)
}

/// `softmax(query·keyᵀ/√size)·value` of every head, its weights dropped with a probability, and the heads joined. Vaswani et al. 2017,
/// arXiv 1706.03762, section 3.2.
///
/// The softmax is taken in 32 bits whatever the precision of the inputs is. A query that must not look at any key looks at all alike.
///
/// # Shapes
/// - `query`: `[batch, heads, seq, size]`
/// - `key`, `value`: `[batch, heads, keys, size]`
/// - `hide`: `[batch or 1, 1, seq or 1, keys]`, true where a query (third axis) must not look at a key (fourth)
/// - output: `[batch, seq, heads * size]`
pub fn attention(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    hide: Option<&Tensor<4, Bool>>,
    dropout: f64,
) -> Tensor<3> {
    pass!(keep [query, key, value], attention(query, key, value, hide, dropout))
}

/// A non-linearity of each element.
///
/// # Shapes
/// - `x` and output: any
pub fn activation<const D: usize>(x: Tensor<D>, kind: Activation) -> Tensor<D> {
    pass!([x], activation(x, kind))
}

/// Layer normalisation over the last axis. Ba, Kiros and Hinton 2016, arXiv 1607.06450. The statistics are taken in the precision of
/// `gamma`.
///
/// # Shapes
/// - `x` and output: `[.., width]`
/// - `gamma`, `beta`: `[width]`
pub fn layer_norm<const D: usize>(x: Tensor<D>, gamma: Tensor<1>, beta: Option<Tensor<1>>, epsilon: f64) -> Tensor<D> {
    pass!(keep [x, gamma], layer_norm(x, gamma, beta, epsilon))
}

/// `x ⊙ l`, each vector of the last axis by the same `l`.
///
/// # Shapes
/// - `x` and output: `[.., width]`
/// - `l`: `[width]`
pub fn scale<const D: usize>(x: Tensor<D>, l: Tensor<1>) -> Tensor<D> {
    pass!(keep [x, l], scale(x, l))
}

/// `f(x) ⊙ l`, for what follows a non-linearity: with a pass of this crate's own f(x) is made again for the gradient of l, and not kept beside
/// x.
///
/// # Shapes
/// - `x` and output: `[.., width]`
/// - `l`: `[width]`
pub fn activation_scale<const D: usize>(x: Tensor<D>, kind: Activation, l: Tensor<1>) -> Tensor<D> {
    pass!(keep [x, l], activation_scale(x, kind, l))
}

/// Zeroes values with a probability and scales the others by its complement. Srivastava et al. 2014, JMLR 15. The device's generator
/// decides, so that seeding the device decides every mask.
///
/// # Shapes
/// - `x` and output: any
pub fn dropout<const D: usize>(x: Tensor<D>, probability: f64) -> Tensor<D> {
    pass!([x], dropout(x, probability))
}

/// `residual + drop(x)`.
///
/// # Shapes
/// - `x`, `residual` and output: the same
pub fn dropout_add<const D: usize>(x: Tensor<D>, residual: Tensor<D>, probability: f64) -> Tensor<D> {
    pass!([x, residual], dropout_add(x, residual, probability))
}
