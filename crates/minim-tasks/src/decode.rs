//! Logits on the device to predictions on the host.

use burn::tensor::Tensor;

use crate::{Batch, Error};

/// What the model says about one example.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the example in the encoded split.
    pub example: usize,
    /// The likeliest label, or the tag of every word.
    pub labels: Vec<usize>,
    /// For each of `labels`, the probability of every label; empty for a word that the model did not see.
    pub probabilities: Vec<Vec<f64>>,
}

/// One label an example, from logits `[batch, labels]`.
pub(crate) fn per_example<const D: usize>(logits: Tensor<D>, batch: &Batch) -> Result<Vec<Prediction>, Error> {
    let width = logits.dims()[D - 1];
    let logits = to_host(logits)?;
    let rows = logits.chunks_exact(width);
    batch
        .examples
        .iter()
        .zip(rows)
        .map(|(&example, row)| {
            let (label, probabilities) = decide(row).ok_or(Error::NotFinite { example })?;
            Ok(Prediction { example, labels: vec![label], probabilities: vec![probabilities] })
        })
        .collect()
}

/// One label a word, from logits `[batch, seq, labels]` at its first piece; `unseen` for a word without one.
pub(crate) fn per_word<const D: usize>(
    logits: Tensor<D>,
    batch: &Batch,
    unseen: usize,
) -> Result<Vec<Prediction>, Error> {
    let width = logits.dims()[D - 1];
    let [_, seq] = batch.tokens.dims();
    let logits = to_host(logits)?;
    let mut predictions = Vec::with_capacity(batch.examples.len());
    for (row, (&example, words)) in batch.examples.iter().zip(&batch.first_pieces).enumerate() {
        let mut labels = vec![unseen; words.len()];
        let mut probabilities = vec![Vec::new(); words.len()];
        for (word, position) in words.iter().enumerate() {
            if let Some(position) = position {
                let at = (row * seq + position) * width;
                (labels[word], probabilities[word]) =
                    decide(&logits[at..at + width]).ok_or(Error::NotFinite { example })?;
            }
        }
        predictions.push(Prediction { example, labels, probabilities });
    }
    Ok(predictions)
}

fn to_host<const D: usize>(logits: Tensor<D>) -> Result<Vec<f32>, Error> {
    logits.try_into_vec_as::<f32>().map_err(|error| Error::Device { what: error.to_string() })
}

/// The first largest logit and the softmax, or `None` if a logit is not finite.
fn decide(logits: &[f32]) -> Option<(usize, Vec<f64>)> {
    let mut best = 0;
    for (index, logit) in logits.iter().enumerate() {
        if !logit.is_finite() {
            return None;
        }
        if *logit > logits[best] {
            best = index;
        }
    }
    let largest = f64::from(*logits.get(best)?);
    let mut probabilities: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).collect();
    let sum: f64 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|p| *p /= sum);
    Some((best, probabilities))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int};
    use minim_models::TokenBatch;

    use super::*;

    fn batch(seq: usize, first_pieces: Vec<Vec<Option<usize>>>) -> Batch {
        let device = Device::flex();
        Batch {
            tokens: TokenBatch {
                ids: Tensor::<2, Int>::zeros([2, seq], &device),
                types: Tensor::<2, Int>::zeros([2, seq], &device),
                mask: Tensor::<2, Int>::ones([2, seq], &device).bool(),
                padded: false,
            },
            targets: Tensor::<2, Int>::zeros([2, 1], &device),
            target_count: 2,
            token_count: 2 * seq,
            examples: vec![5, 3],
            first_pieces,
        }
    }

    #[test]
    fn an_example_gets_its_likeliest_label() {
        let logits = Tensor::<2>::from_data([[0.0, 3.0_f32.ln()], [2.0, 2.0]], &Device::flex());
        let predictions = per_example(logits, &batch(1, Vec::new())).unwrap();
        assert_eq!(predictions[0].example, 5);
        assert_eq!(predictions[0].labels, [1]);
        assert!((predictions[0].probabilities[0][1] - 0.75).abs() < 1e-7);
        assert_eq!((predictions[1].example, &predictions[1].labels[..]), (3, &[0][..]));
    }

    #[test]
    fn a_word_is_judged_at_its_first_piece() {
        let logits = Tensor::<3>::from_data(
            [[[9.0, 0.0], [0.0, 1.0], [0.0, 9.0]], [[0.0, 9.0], [5.0, 1.0], [0.0, 9.0]]],
            &Device::flex(),
        );
        let words = vec![vec![Some(1), None, Some(2)], vec![None, Some(1)]];
        let predictions = per_word(logits, &batch(3, words), 0).unwrap();
        assert_eq!(predictions[0].labels, [1, 0, 1]);
        assert_eq!(predictions[1].labels, [0, 0]);
        assert!(predictions[0].probabilities[1].is_empty());
        assert_eq!(predictions[1].probabilities[1].len(), 2);
    }

    #[test]
    fn diverged_logits_are_an_error() {
        let logits = Tensor::<2>::from_data([[0.0, 1.0], [f32::NAN, 2.0]], &Device::flex());
        let error = per_example(logits, &batch(1, Vec::new())).unwrap_err();
        assert!(matches!(error, Error::NotFinite { example: 3 }));
    }
}
