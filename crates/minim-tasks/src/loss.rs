//! Cross entropy over the targets that count.
//!
//! Source: PyTorch's `CrossEntropyLoss(ignore_index=-100)`, which transformers' classification heads use.

use burn::tensor::activation::log_softmax;
use burn::tensor::{FloatDType, Int, Tensor};

/// Mean of `-log softmax(logits)[target]` over the targets, each row by its weight, which add up to `total`; targets below zero do not
/// count.
///
/// A batch with no target that counts (`total` is 0) has loss 0 and gradient 0, where PyTorch gives NaN and ruins the weights.
///
/// # Shapes
///
/// - logits: `[batch, labels]` with targets `[batch, 1]`, or `[batch, seq, labels]` with targets `[batch, seq]`
/// - weights: `[batch, 1]`, for logits `[batch, labels]` only
/// - output: `[1]`, fp32 whatever the precision of the logits
pub(crate) fn cross_entropy<const D: usize>(
    logits: Tensor<D>,
    targets: Tensor<2, Int>,
    weights: Option<Tensor<2>>,
    total: f64,
) -> Tensor<1> {
    let labels = logits.dims()[D - 1];
    let rows: usize = targets.dims().iter().product();
    let log_probabilities = log_softmax(logits.reshape([rows, labels]).cast(FloatDType::F32), 1);
    let targets = targets.reshape([rows, 1]);
    let ignored = targets.clone().lower_scalar(0);
    let right = log_probabilities.gather(1, targets.clamp_min(0)).mask_fill(ignored, 0.0);
    let right = match weights {
        Some(weights) => right * weights,
        None => right,
    };
    right.sum().neg().div_scalar(if total > 0.0 { total } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn value(loss: Tensor<1>) -> f64 {
        f64::from(loss.into_scalar::<f32>())
    }

    #[test]
    fn is_the_mean_of_the_targets_that_count() {
        let device = Device::flex();
        let logits =
            Tensor::<3>::from_data([[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [[9.0, 9.0, 9.0], [-1.0, 0.5, 0.0]]], &device);
        let targets = Tensor::<2, Int>::from_data([[2, 0], [-100, -100]], &device);
        // ln 3 and ln(e + e^2 + e^3) - 1 = 2.40760596, worked out by hand.
        let expected = (3.0_f64.ln() + 2.407_605_96) / 2.0;
        assert!((value(cross_entropy(logits, targets, None, 2.0)) - expected).abs() < 1e-6);
    }

    #[test]
    fn rows_count_by_their_weights() {
        let device = Device::flex();
        let logits = || Tensor::<2>::from_data([[0.0, 0.0], [1.0, 3.0], [1.0, 3.0]], &device);
        let targets = || Tensor::<2, Int>::from_data([[0], [1], [0]], &device);
        let weights = Tensor::<2>::from_data([[1.0], [0.5], [0.5]], &device);
        // ln 2, ln(1 + e^-2) = 0.12692801 and 2 more, worked out by hand.
        let expected = (std::f64::consts::LN_2 + 0.126_928_01 + 1.0) / 2.0;
        let found = value(cross_entropy(logits(), targets(), Some(weights), 2.0));
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        let ones = Tensor::<2>::ones([3, 1], &device);
        let plain = value(cross_entropy(logits(), targets(), None, 3.0));
        assert_eq!(value(cross_entropy(logits(), targets(), Some(ones), 3.0)), plain);
    }

    #[test]
    fn stays_finite_for_large_logits() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_data([[1e4, -1e4], [-1e4, 1e4]], &device);
        let targets = Tensor::<2, Int>::from_data([[0], [0]], &device);
        assert!((value(cross_entropy(logits, targets, None, 2.0)) - 1e4).abs() < 1e-2);
    }

    #[test]
    fn without_a_target_loss_and_gradient_are_zero() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_data([[1.0, 2.0], [3.0, -1.0]], &device).require_grad();
        let targets = Tensor::<2, Int>::from_data([[-100], [-100]], &device);
        let loss = cross_entropy(logits.clone(), targets, None, 0.0);
        assert_eq!(value(loss.clone()), 0.0);
        let gradients = loss.backward();
        let gradient = logits.grad(&gradients).expect("logits take part in the loss");
        assert!(gradient.into_data().iter::<f32>().all(|g| g == 0.0));
    }

    #[test]
    fn the_gradient_is_softmax_minus_target_over_the_count() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_data([[0.0, 0.0], [5.0, 5.0]], &device).require_grad();
        let targets = Tensor::<2, Int>::from_data([[1], [-100]], &device);
        let gradients = cross_entropy(logits.clone(), targets, None, 1.0).backward();
        let gradient = logits.grad(&gradients).expect("logits take part in the loss");
        let gradient: Vec<f32> = gradient.into_data().iter::<f32>().collect();
        for (found, expected) in gradient.into_iter().zip([0.5, -0.5, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
