//! Logits on the device to predictions on the host.

use std::collections::HashMap;

use burn::tensor::Tensor;

use crate::pool::Pool;
use crate::{Batch, EncodedExample, Error, Place};

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

/// Takes logits batch by batch, and decides about an example as soon as those of its last window are there.
#[derive(Debug)]
pub struct Predictions<'a> {
    examples: &'a [EncodedExample],
    rule: Rule,
    /// Texts of several windows that have not all come.
    texts: HashMap<usize, Vec<Vec<f32>>>,
    /// Words of examples whose windows have not all come, with the number of those that are missing.
    words: HashMap<usize, (Prediction, usize)>,
    decided: Vec<Prediction>,
}

/// What is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// One label an example, from logits `[batch, labels]`.
    Example(Pool),
    /// One label a word, from logits `[batch, seq, labels]` at its first piece; `unseen` for a word without one.
    Words { unseen: usize },
}

impl<'a> Predictions<'a> {
    pub(crate) fn new(rule: Rule, examples: &'a [EncodedExample]) -> Self {
        let decided = Vec::with_capacity(examples.len());
        Self { examples, rule, texts: HashMap::new(), words: HashMap::new(), decided }
    }

    /// Adds the logits of a batch; each window of the split comes once.
    ///
    /// # Shapes
    ///
    /// - logits: `[batch, labels]`, or `[batch, seq, labels]` for tokens
    ///
    /// # Errors
    ///
    /// A logit that is not finite, or a device that cannot be read.
    pub fn add<const D: usize>(&mut self, logits: Tensor<D>, batch: &Batch) -> Result<(), Error> {
        let width = logits.dims()[D - 1];
        let [_, seq] = batch.tokens.dims();
        let logits = to_host(logits)?;
        for (row, &Place { example, window }) in batch.places.iter().enumerate() {
            match self.rule {
                Rule::Example(pool) => {
                    self.add_text(&logits[row * width..][..width], example, window, pool)?;
                }
                Rule::Words { unseen } => {
                    let logits = &logits[row * seq * width..][..seq * width];
                    self.add_words(logits, example, &batch.first_pieces[row], width, unseen)?;
                }
            }
        }
        Ok(())
    }

    fn add_text(&mut self, logits: &[f32], example: usize, window: usize, pool: Pool) -> Result<(), Error> {
        let windows = self.examples[example].windows.len();
        let pooled = match windows {
            1 => decide(logits),
            _ => {
                let rows = self.texts.entry(example).or_insert_with(|| vec![Vec::new(); windows]);
                rows[window] = logits.to_vec();
                if rows.iter().any(Vec::is_empty) {
                    return Ok(());
                }
                let rows = self.texts.remove(&example).unwrap_or_default();
                decide(&pool.logits(&rows))
            }
        };
        let (label, probabilities) = pooled.ok_or(Error::NotFinite { example })?;
        self.decided.push(Prediction { example, labels: vec![label], probabilities: vec![probabilities] });
        Ok(())
    }

    fn add_words(
        &mut self,
        logits: &[f32],
        example: usize,
        first_pieces: &[(usize, usize)],
        width: usize,
        unseen: usize,
    ) -> Result<(), Error> {
        let EncodedExample { windows, labels } = &self.examples[example];
        let (prediction, missing) = self.words.entry(example).or_insert_with(|| {
            let (labels, probabilities) = (vec![unseen; labels.len()], vec![Vec::new(); labels.len()]);
            (Prediction { example, labels, probabilities }, windows.len())
        });
        for &(word, position) in first_pieces {
            (prediction.labels[word], prediction.probabilities[word]) =
                decide(&logits[position * width..][..width]).ok_or(Error::NotFinite { example })?;
        }
        *missing -= 1;
        if *missing == 0 {
            self.decided.extend(self.words.remove(&example).map(|(prediction, _)| prediction));
        }
        Ok(())
    }

    /// The predictions, in the order in which they were decided; none for an example of which a window has not come.
    pub fn finish(self) -> Vec<Prediction> {
        self.decided
    }
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
    use crate::Encoded;

    fn examples(windows: &[usize], labels: &[usize]) -> Vec<EncodedExample> {
        let pieces = Encoded { ids: vec![], types: vec![], words: vec![], truncated: false };
        let example =
            |(&windows, &labels)| EncodedExample { windows: vec![pieces.clone(); windows], labels: vec![0; labels] };
        windows.iter().zip(labels).map(example).collect()
    }

    fn batch(seq: usize, places: &[(usize, usize)], first_pieces: Vec<Vec<(usize, usize)>>) -> Batch {
        let device = Device::flex();
        let rows = places.len();
        Batch {
            tokens: TokenBatch {
                ids: Tensor::<2, Int>::zeros([rows, seq], &device),
                types: Tensor::<2, Int>::zeros([rows, seq], &device),
                mask: Tensor::<2, Int>::ones([rows, seq], &device).bool(),
                padded: false,
            },
            targets: Tensor::<2, Int>::zeros([rows, 1], &device),
            weights: None,
            target_weight: rows as f64,
            token_count: rows * seq,
            places: places.iter().map(|&(example, window)| Place { example, window }).collect(),
            first_pieces,
        }
    }

    #[test]
    fn an_example_gets_its_likeliest_label() {
        let split = examples(&[1, 1], &[1, 1]);
        let mut predictions = Predictions::new(Rule::Example(Pool::Mean), &split);
        let logits = Tensor::<2>::from_data([[0.0, 3.0_f32.ln()], [2.0, 2.0]], &Device::flex());
        predictions.add(logits, &batch(1, &[(1, 0), (0, 0)], Vec::new())).unwrap();
        let predictions = predictions.finish();
        assert_eq!(predictions[0].example, 1);
        assert_eq!(predictions[0].labels, [1]);
        assert!((predictions[0].probabilities[0][1] - 0.75).abs() < 1e-7);
        assert_eq!((predictions[1].example, &predictions[1].labels[..]), (0, &[0][..]));
    }

    #[test]
    fn windows_are_pooled_in_whichever_order_they_come() {
        let split = examples(&[3, 1], &[1, 1]);
        let decided = |pool, order: [usize; 3]| {
            let mut predictions = Predictions::new(Rule::Example(pool), &split);
            let rows = [[0.0_f32, 2.0], [0.0, 2.0], [9.0, 0.0]];
            for (at, window) in order.into_iter().enumerate() {
                let logits = Tensor::<2>::from_data([rows[window]], &Device::flex());
                predictions.add(logits, &batch(1, &[(0, window)], Vec::new())).unwrap();
                assert_eq!(predictions.decided.len(), usize::from(at == 2));
            }
            predictions.finish().remove(0)
        };
        // Logits 3 and 4/3, or 9 and 2.
        let mean = decided(Pool::Mean, [0, 1, 2]);
        assert_eq!(mean.labels, [0]);
        assert!((mean.probabilities[0][0] - 1.0 / (1.0 + (4.0_f64 / 3.0 - 3.0).exp())).abs() < 1e-6);
        assert_eq!(decided(Pool::Mean, [2, 0, 1]), mean);
        assert!((decided(Pool::Max, [1, 2, 0]).probabilities[0][1] - 1.0 / (1.0 + 7.0_f64.exp())).abs() < 1e-9);
    }

    #[test]
    fn a_word_is_judged_at_its_first_piece() {
        let split = examples(&[1, 1], &[3, 2]);
        let mut predictions = Predictions::new(Rule::Words { unseen: 0 }, &split);
        let logits = Tensor::<3>::from_data(
            [[[9.0, 0.0], [0.0, 1.0], [0.0, 9.0]], [[0.0, 9.0], [5.0, 1.0], [0.0, 9.0]]],
            &Device::flex(),
        );
        let words = vec![vec![(0, 1), (2, 2)], vec![(1, 1)]];
        predictions.add(logits, &batch(3, &[(0, 0), (1, 0)], words)).unwrap();
        let predictions = predictions.finish();
        assert_eq!(predictions[0].labels, [1, 0, 1]);
        assert_eq!(predictions[1].labels, [0, 0]);
        assert!(predictions[0].probabilities[1].is_empty());
        assert_eq!(predictions[1].probabilities[1].len(), 2);
    }

    #[test]
    fn windows_of_words_are_stitched() {
        let split = examples(&[2], &[3]);
        let mut predictions = Predictions::new(Rule::Words { unseen: 0 }, &split);
        let first = Tensor::<3>::from_data([[[9.0, 0.0], [0.0, 1.0]]], &Device::flex());
        let second = Tensor::<3>::from_data([[[0.0, 9.0], [5.0, 1.0]]], &Device::flex());
        predictions.add(second, &batch(2, &[(0, 1)], vec![vec![(1, 0), (2, 1)]])).unwrap();
        assert!(predictions.decided.is_empty());
        predictions.add(first, &batch(2, &[(0, 0)], vec![vec![(0, 1)]])).unwrap();
        let predictions = predictions.finish();
        assert_eq!(predictions.len(), 1);
        assert_eq!(predictions[0].labels, [1, 1, 0]);
        assert!(predictions[0].probabilities.iter().all(|word| word.len() == 2), "no word is lost");
    }

    #[test]
    fn diverged_logits_are_an_error() {
        for (windows, pool) in [(1, Pool::Mean), (2, Pool::Mean), (2, Pool::Max)] {
            let split = examples(&[1, windows], &[1, 1]);
            let mut predictions = Predictions::new(Rule::Example(pool), &split);
            let logits = Tensor::<2>::from_data([[0.0, 1.0], [f32::NAN, 2.0], [1.0, 2.0]], &Device::flex());
            let places = [(0, 0), (1, 0), (1, 1)];
            let logits = logits.narrow(0, 0, windows + 1);
            let error = predictions.add(logits, &batch(1, &places[..windows + 1], Vec::new())).unwrap_err();
            assert!(matches!(error, Error::NotFinite { example: 1 }));
        }
    }
}
