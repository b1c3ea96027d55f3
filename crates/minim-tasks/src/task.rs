//! The closed set of tasks, and what all of them share.

use burn::tensor::{Device, Tensor};
use minim_datasets::{Kind, LabelSet};
use minim_metrics::baseline::majority;
use minim_models::HeadKind;
use rayon::prelude::*;

use crate::batch::{self, Batch, EncodedExample, Place};
use crate::decode::{Prediction, Predictions, Rule};
use crate::example_slice::ExampleSlice;
use crate::pool::Pool;
use crate::scores::Scores;
use crate::{Encoded, Error, RelationExtraction, SequenceClassification, TokenClassification, Tokenizer, loss};

/// A task: how its examples are encoded, what its loss is, how its predictions are scored.
#[derive(Clone, Debug)]
pub enum Task {
    /// One label for a text or a pair of texts.
    Sequence(SequenceClassification),
    /// One tag for each word.
    Token(TokenClassification),
    /// One label for two mentions in a text.
    Relation(RelationExtraction),
}

/// What becomes of a text that is longer than the maximum length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Long {
    /// It is cut.
    #[default]
    Cut,
    /// It is read in windows that share so many pieces.
    Windows { overlap: usize },
}

impl Task {
    /// A task over `labels` whose examples are cut to `max_length` pieces, special ones included.
    ///
    /// `negative_label` is for relations alone: the label that means "no relation".
    ///
    /// # Errors
    ///
    /// [`Error::Labels`] for fewer than two labels, NER without `O`, or a negative label that is not in the set or not for this kind.
    pub fn new(kind: Kind, labels: LabelSet, max_length: usize, negative_label: Option<&str>) -> Result<Self, Error> {
        let refuse = |what: String| Err(Error::Labels { task: kind, what });
        if labels.len() < 2 {
            return refuse("expected at least two".to_owned());
        }
        if negative_label.is_some() && kind != Kind::Relations {
            return refuse("only a relation task has a negative label".to_owned());
        }
        Ok(match kind {
            Kind::Sequence => {
                Self::Sequence(SequenceClassification { labels, max_length, long: Long::Cut, pool: Pool::Mean })
            }
            Kind::Tokens => match labels.index("O") {
                None => return refuse("expected `O` among them".to_owned()),
                Some(_) if labels.names().iter().any(|name| !is_bio(name)) => {
                    return refuse("expected `O`, `B-<type>` and `I-<type>` only".to_owned());
                }
                Some(outside) => Self::Token(TokenClassification { labels, max_length, long: Long::Cut, outside }),
            },
            Kind::Relations => {
                let negative = negative_label.map(|name| labels.index(name).ok_or(name));
                match negative.transpose() {
                    Err(name) => {
                        return refuse(format!("the negative label `{name}` is not among them"));
                    }
                    Ok(negative) => Self::Relation(RelationExtraction { labels, max_length, negative }),
                }
            }
        })
    }

    /// The same task, but a text longer than the maximum length is read in windows that share `overlap` pieces instead of being cut. The
    /// logits of a text's windows are pooled; each word is tagged in the window in which it has most context on both sides. Each window
    /// is trained on: by 1/n of the text's weight where a text has n of them, and for words with every word in that one window.
    ///
    /// A pair of texts is cut all the same.
    ///
    /// # Errors
    ///
    /// [`Error::RelationWindows`] for relations.
    pub fn in_windows(mut self, overlap: usize, pool: Pool) -> Result<Self, Error> {
        let windows = Long::Windows { overlap };
        match &mut self {
            Self::Sequence(task) => (task.long, task.pool) = (windows, pool),
            Self::Token(task) => task.long = windows,
            Self::Relation(_) => return Err(Error::RelationWindows),
        }
        Ok(self)
    }

    /// The longest window in pieces, special ones included.
    pub fn max_length(&self) -> usize {
        match self {
            Self::Sequence(task) => task.max_length,
            Self::Token(task) => task.max_length,
            Self::Relation(task) => task.max_length,
        }
    }

    pub(crate) fn long(&self) -> Long {
        match self {
            Self::Sequence(task) => task.long,
            Self::Token(task) => task.long,
            Self::Relation(_) => Long::Cut,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sequence(_) => Kind::Sequence,
            Self::Token(_) => Kind::Tokens,
            Self::Relation(_) => Kind::Relations,
        }
    }

    /// The head that a model needs for it.
    pub fn head(&self) -> HeadKind {
        match self {
            Self::Sequence(_) | Self::Relation(_) => HeadKind::Sequence,
            Self::Token(_) => HeadKind::Token,
        }
    }

    /// Its labels.
    pub fn labels(&self) -> &LabelSet {
        match self {
            Self::Sequence(task) => &task.labels,
            Self::Token(task) => &task.labels,
            Self::Relation(task) => &task.labels,
        }
    }

    /// The score that picks the best epoch where the experiment names none.
    pub fn default_select(&self) -> &'static str {
        match self {
            Self::Sequence(_) => "macro_f1",
            Self::Token(_) => "entity_f1",
            Self::Relation(_) => "micro_f1",
        }
    }

    /// Encodes a whole split on all cores, in its order.
    ///
    /// # Errors
    ///
    /// Examples of another kind of task, or the first example that does not fit: a label outside the set, tags of another number than
    /// words, a mention outside its text.
    pub fn encode_all<'a>(
        &self,
        examples: impl Into<ExampleSlice<'a>>,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<EncodedExample>, Error> {
        match (self, examples.into()) {
            (Self::Sequence(task), ExampleSlice::Sequence(examples)) => {
                in_order(examples, |e| encoded(task.labels_of(e)?, || task.windows_of(e, tokenizer)))
            }
            (Self::Token(task), ExampleSlice::Tokens(examples)) => {
                in_order(examples, |e| encoded(task.labels_of(e)?, || task.windows_of(e, tokenizer)))
            }
            (Self::Relation(task), ExampleSlice::Relations(examples)) => {
                in_order(examples, |e| encoded(task.labels_of(e)?, || task.windows_of(e, tokenizer)))
            }
            (task, examples) => Err(Error::ExampleKind { task: task.kind(), found: examples.kind() }),
        }
    }

    /// The examples' labels with windows that were encoded before, one list an example.
    pub(crate) fn with_windows(
        &self,
        examples: ExampleSlice<'_>,
        windows: Vec<Vec<Encoded>>,
    ) -> Result<Vec<EncodedExample>, Error> {
        fn join<E>(
            examples: &[E],
            windows: Vec<Vec<Encoded>>,
            labels: impl Fn(&E) -> Result<Vec<usize>, Error>,
        ) -> Result<Vec<EncodedExample>, Error> {
            examples.iter().zip(windows).map(|(example, windows)| encoded(labels(example)?, || Ok(windows))).collect()
        }
        match (self, examples) {
            (Self::Sequence(task), ExampleSlice::Sequence(examples)) => join(examples, windows, |e| task.labels_of(e)),
            (Self::Token(task), ExampleSlice::Tokens(examples)) => join(examples, windows, |e| task.labels_of(e)),
            (Self::Relation(task), ExampleSlice::Relations(examples)) => join(examples, windows, |e| task.labels_of(e)),
            (task, examples) => Err(Error::ExampleKind { task: task.kind(), found: examples.kind() }),
        }
    }

    /// Puts the windows at `places` onto the device, padded with `pad_id` to the longest of them.
    ///
    /// # Panics
    ///
    /// If a place is not in `encoded`.
    pub fn collate(&self, encoded: &[EncodedExample], places: &[Place], pad_id: u32, device: &Device) -> Batch {
        let per_word = matches!(self, Self::Token(_));
        batch::collate(encoded, places, per_word, pad_id, device)
    }

    /// Mean cross entropy over the examples, or over the first pieces of all words; 0 for a batch without any. One of n windows of an
    /// example counts as 1/n of it.
    ///
    /// # Shapes
    ///
    /// - logits: `[batch, labels]`, or `[batch, seq, labels]` for tokens
    /// - output: `[1]`, fp32
    pub fn loss<const D: usize>(&self, logits: Tensor<D>, batch: &Batch) -> Tensor<1> {
        loss::cross_entropy(logits, batch.targets.clone(), batch.weights.clone(), batch.target_weight)
    }

    /// Collects the logits of a split, window by window, into the likeliest label of each example, or the tag of each word; a word that
    /// the model did not see is tagged `O`.
    pub fn predictions<'a>(&self, encoded: &'a [EncodedExample]) -> Predictions<'a> {
        let rule = match self {
            Self::Sequence(task) => Rule::Example(task.pool),
            Self::Relation(_) => Rule::Example(Pool::Mean),
            Self::Token(task) => Rule::Words { unseen: task.outside },
        };
        Predictions::new(rule, encoded)
    }

    /// Scores the predictions for a whole split, which may come in any order.
    ///
    /// # Errors
    ///
    /// [`Error::Unmatched`] unless there is one prediction with as many labels for each example.
    pub fn score(&self, predictions: &[Prediction], truth: &[EncodedExample]) -> Result<Scores, Error> {
        let predictions = aligned(predictions, truth)?;
        match self {
            Self::Sequence(task) => task.score(&predictions, truth),
            Self::Token(task) => task.score(&predictions, truth),
            Self::Relation(task) => task.score(&predictions, truth),
        }
    }

    /// The scores of always predicting the commonest training label, or `O` for every word.
    ///
    /// # Errors
    ///
    /// As [`Task::score`].
    pub fn majority(&self, train: &[EncodedExample], truth: &[EncodedExample]) -> Result<Scores, Error> {
        let label = match self {
            Self::Token(task) => task.outside,
            Self::Sequence(_) | Self::Relation(_) => {
                let labels: Vec<usize> = train.iter().map(|example| example.labels[0]).collect();
                majority(&labels, self.labels().len())?
            }
        };
        let mut certain = vec![0.0; self.labels().len()];
        certain[label] = 1.0;
        let predictions: Vec<Prediction> = truth
            .iter()
            .enumerate()
            .map(|(example, EncodedExample { labels, .. })| Prediction {
                example,
                labels: vec![label; labels.len()],
                probabilities: vec![certain.clone(); labels.len()],
            })
            .collect();
        self.score(&predictions, truth)
    }
}

fn is_bio(tag: &str) -> bool {
    tag == "O" || tag.starts_with("B-") || tag.starts_with("I-")
}

fn encoded(labels: Vec<usize>, windows: impl FnOnce() -> Result<Vec<Encoded>, Error>) -> Result<EncodedExample, Error> {
    Ok(EncodedExample { windows: windows()?, labels })
}

/// Encodes on all cores and reports the first error in the examples' order, whichever core met one first.
fn in_order<E: Sync>(
    examples: &[E],
    encode: impl Fn(&E) -> Result<EncodedExample, Error> + Send + Sync,
) -> Result<Vec<EncodedExample>, Error> {
    let encoded: Vec<Result<EncodedExample, Error>> = examples.par_iter().map(encode).collect();
    encoded.into_iter().collect()
}

/// Gives `label` back if the set has it.
pub(crate) fn check_label(id: &str, label: usize, labels: &LabelSet) -> Result<usize, Error> {
    if label < labels.len() {
        return Ok(label);
    }
    Err(Error::Example {
        id: id.to_owned(),
        what: format!("has label {label}, expected one of 0 to {}", labels.len() - 1),
    })
}

/// Truth and prediction of examples with one label each.
pub(crate) fn one_label_each(predictions: &[&Prediction], truth: &[EncodedExample]) -> (Vec<usize>, Vec<usize>) {
    let pairs = truth.iter().zip(predictions);
    pairs.map(|(example, prediction)| (example.labels[0], prediction.labels[0])).unzip()
}

/// The predictions in the examples' order.
pub(crate) fn aligned<'a>(
    predictions: &'a [Prediction],
    truth: &[EncodedExample],
) -> Result<Vec<&'a Prediction>, Error> {
    let refuse = |what: String| Err(Error::Unmatched { what });
    let mut slots: Vec<Option<&Prediction>> = vec![None; truth.len()];
    for prediction in predictions {
        let example = prediction.example;
        let Some(slot) = slots.get_mut(example) else {
            return refuse(format!("a prediction is for example {example} of {}", truth.len()));
        };
        let (found, expected) = (prediction.labels.len(), truth[example].labels.len());
        if found != expected {
            return refuse(format!("example {example} has {expected} labels and {found} predicted ones"));
        }
        if slot.replace(prediction).is_some() {
            return refuse(format!("example {example} is predicted twice"));
        }
    }
    slots
        .into_iter()
        .enumerate()
        .map(|(example, slot)| {
            slot.ok_or_else(|| Error::Unmatched { what: format!("example {example} has no prediction") })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> LabelSet {
        LabelSet::new(names.iter().map(|&name| name.to_owned()).collect()).unwrap()
    }

    #[test]
    fn labels_that_a_task_cannot_use_are_refused() {
        for (kind, names, negative, what) in [
            (Kind::Sequence, &["a"][..], None, "at least two"),
            (Kind::Sequence, &["a", "b"], Some("a"), "only a relation task"),
            (Kind::Tokens, &["B-x", "I-x"], None, "expected `O`"),
            (Kind::Tokens, &["O", "x"], None, "`B-<type>`"),
            (Kind::Relations, &["a", "b"], Some("c"), "`c` is not among"),
        ] {
            let error = Task::new(kind, labels(names), 8, negative).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
    }

    #[test]
    fn every_example_needs_one_prediction() {
        let task = Task::new(Kind::Sequence, labels(&["a", "b"]), 8, None).unwrap();
        let pieces = Encoded { ids: vec![], types: vec![], words: vec![], truncated: false };
        let truth = [0, 1].map(|label| EncodedExample { windows: vec![pieces.clone()], labels: vec![label] });
        let prediction =
            |example, count| Prediction { example, labels: vec![0; count], probabilities: vec![vec![0.5; 2]; count] };
        for (predictions, what) in [
            (vec![prediction(0, 1)], "example 1 has no prediction"),
            (vec![prediction(2, 1)], "example 2 of 2"),
            (vec![prediction(1, 1), prediction(1, 1)], "twice"),
            (vec![prediction(0, 2), prediction(1, 1)], "1 labels and 2"),
        ] {
            let error = task.score(&predictions, &truth).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
        assert!(task.score(&[prediction(1, 1), prediction(0, 1)], &truth).is_ok());
    }
}
