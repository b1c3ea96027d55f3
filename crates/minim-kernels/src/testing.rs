//! What the tests of this crate share: fixed numbers, an operation's output and gradients, and a generator that one test at a time has.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::{Bool, Device, Tensor, TensorData};

pub(crate) type Flat = Tensor<1>;

pub(crate) fn device() -> Device {
    Device::flex().autodiff()
}

/// Fixed numbers around 0; `salt` gives others.
pub(crate) fn numbers(count: usize, salt: u32) -> Vec<f32> {
    let mut state = 12_345_u32.wrapping_add(salt.wrapping_mul(0x9e37_79b9));
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| 2.0 * (next() + next())).collect()
}

pub(crate) fn flat(values: &[f32], device: &Device) -> Flat {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

/// The device's generator, which is the process's, at the start of a seed: nothing else draws from it before the guard is gone.
pub(crate) fn seeded(seed: u64) -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    let alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    device().seed(seed);
    alone
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The output of `f` on inputs of these sizes, and the gradients of the inputs for a fixed gradient of the output.
pub(crate) fn run<const D: usize>(sizes: &[usize], f: impl Fn(Vec<Flat>) -> Tensor<D>) -> Vec<Vec<f32>> {
    let inputs: Vec<Flat> = (0_u32..).zip(sizes).map(|(salt, &n)| flat(&numbers(n, salt), &device())).collect();
    let inputs: Vec<Flat> = inputs.into_iter().map(Tensor::require_grad).collect();
    let _alone = seeded(17);
    let output = f(inputs.clone());
    let count = output.shape().num_elements();
    let output = output.reshape([count]);
    let gradients = (output.clone() * flat(&numbers(count, 99), &device())).sum().backward();
    let gradient = |input: &Flat| values(input.grad(&gradients).expect("every input has a gradient"));
    std::iter::once(values(output.clone().detach())).chain(inputs.iter().map(gradient)).collect()
}

pub(crate) fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>], name: &str) {
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{name}: {number}");
        let largest = expected.iter().fold(0.1_f32, |largest, x| largest.max(x.abs()));
        for (place, (a, b)) in found.iter().zip(expected).enumerate() {
            assert!((a - b).abs() < 1e-5 * largest, "{name}, tensor {number}, place {place}: {a}, expected {b}");
        }
    }
}

pub(crate) fn heads(t: &Flat, [batch, rows, heads, size]: [usize; 4]) -> Tensor<4> {
    t.clone().reshape([batch, rows, heads, size]).swap_dims(1, 2)
}

/// A mask that hides every third key, and from the first query all keys where it says so by query.
pub(crate) fn hidden([rows, queries, keys]: [usize; 3]) -> Tensor<4, Bool> {
    let hide = |place: usize| place % 3 == 1 || (queries > 1 && (place / keys).is_multiple_of(queries));
    let values: Vec<bool> = (0..rows * queries * keys).map(hide).collect();
    Tensor::from_data(TensorData::new(values, [rows, 1, queries, keys]), &device())
}
