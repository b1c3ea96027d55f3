//! Relation extraction: one label for two mentions, as classification of the text with both marked.
//!
//! Where truncation would cut a mark away, the pieces nearest to the two mentions are kept instead of the first ones: the marks, the
//! mentions, what lies between them (its middle goes first), then the context on both sides.

mod marking;

use minim_datasets::{LabelSet, Related};
use minim_metrics::classification::{Average, Labels, accuracy, averaged, f1, per_class};

use crate::batch::EncodedExample;
use crate::decode::Prediction;
use crate::scores::Scores;
use crate::task::{check_label, one_label_each};
use crate::{Encoded, Error, Tokenizer};

/// One label for two mentions in a text.
#[derive(Clone, Debug)]
pub struct RelationExtraction {
    pub(crate) labels: LabelSet,
    pub(crate) max_length: usize,
    /// Index of the label that means "no relation".
    pub(crate) negative: Option<usize>,
}

impl RelationExtraction {
    pub(crate) fn labels_of(&self, example: &Related) -> Result<Vec<usize>, Error> {
        Ok(vec![check_label(&example.id, example.label, &self.labels)?])
    }

    pub(crate) fn windows_of(&self, example: &Related, tokenizer: &Tokenizer) -> Result<Vec<Encoded>, Error> {
        let marked = marking::mark(example)?;
        Ok(vec![tokenizer.encode_around(&marked.text, &marked.anchors, self.max_length)?])
    }

    /// `micro_f1`, `micro_precision`, `micro_recall`, `macro_f1` (over every label but the negative one), `micro_f1_with_negative` (over
    /// every label, where one is negative) and `accuracy`.
    pub(crate) fn score(&self, predictions: &[&Prediction], truth: &[EncodedExample]) -> Result<Scores, Error> {
        let classes = self.labels.len();
        let (truth, predicted) = one_label_each(predictions, truth);
        let positive = self.negative.map_or(Labels::All, Labels::Except);
        let micro = averaged(&truth, &predicted, classes, Average::Micro, positive)?;
        let mut scores = Scores::default();
        scores.set("micro_f1", micro.f1);
        scores.set("micro_precision", micro.precision);
        scores.set("micro_recall", micro.recall);
        scores.set("macro_f1", f1(&truth, &predicted, classes, Average::Macro, positive)?);
        if self.negative.is_some() {
            scores.set("micro_f1_with_negative", f1(&truth, &predicted, classes, Average::Micro, Labels::All)?);
        }
        scores.set("accuracy", accuracy(&truth, &predicted)?);
        for (label, row) in per_class(&truth, &predicted, classes)?.into_iter().enumerate() {
            scores.add_label(self.labels.name(label), row);
        }
        Ok(scores)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use minim_datasets::{Kind, LabelSet, Mention, Related};

    use crate::{Encoded, EncodedExample, Prediction, Scores, Task, Tokenizer};

    fn task(max_length: usize, negative: Option<&str>) -> Task {
        let labels = ["none", "effect", "advice"].map(str::to_owned);
        let labels = LabelSet::new(labels.to_vec()).unwrap();
        Task::new(Kind::Relations, labels, max_length, negative).unwrap()
    }

    fn tokenizer() -> Tokenizer {
        let folder = "../../tests/fixtures/bert/tokenizer-uncased";
        Tokenizer::from_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap()
    }

    /// `before` fillers, a head, `between` fillers, a tail, `after` fillers; as the pieces that stay within `max_length`.
    fn pieces(before: usize, between: usize, after: usize, max_length: usize) -> Vec<String> {
        let mut text = "the ".repeat(before);
        let mention = |text: &mut String, word: &str| {
            let start = text.len();
            text.push_str(word);
            let end = text.len();
            text.push(' ');
            let kind = "dose".to_owned();
            Some(Mention { start, end, kind })
        };
        let head = mention(&mut text, "aspirin");
        text.push_str(&"of ".repeat(between));
        let tail = mention(&mut text, "heparin");
        text.push_str(&"and ".repeat(after));
        let example = Related { id: "doc#1".to_owned(), text, head, tail, label: 1 };
        let tokenizer = tokenizer();
        let encoded = task(max_length, None).encode_all(&[example][..], &tokenizer).unwrap();
        let ids = &encoded[0].windows[0].ids;
        ids.iter().map(|&id| tokenizer.piece(id).unwrap()).collect()
    }

    const HEAD: &str = "@ * dose * aspirin @";
    const TAIL: &str = "# ^ dose ^ heparin #";

    #[test]
    fn a_short_text_stays_whole() {
        let expected = format!("[CLS] the {HEAD} of of {TAIL} and [SEP]");
        assert_eq!(pieces(1, 2, 1, 32).join(" "), expected);
        // Only the context behind the tail is lost, so the text is cut as usual.
        let expected = format!("[CLS] the the {HEAD} of {TAIL} and [SEP]");
        assert_eq!(pieces(2, 1, 9, 18).join(" "), expected);
    }

    #[test]
    fn a_long_text_is_windowed_around_both_mentions() {
        let expected = format!("[CLS] the the {HEAD} of {TAIL} and and [SEP]");
        assert_eq!(pieces(50, 1, 50, 19).join(" "), expected);
        let expected = format!("[CLS] {HEAD} of of {TAIL} [SEP]");
        assert_eq!(pieces(50, 90, 50, 16).join(" "), expected);
        assert_eq!(pieces(50_000, 90, 50_000, 16).join(" "), expected);
    }

    fn scores(truth: &[usize], predicted: &[usize], negative: Option<&str>) -> Scores {
        let pieces = Encoded { ids: vec![], types: vec![], words: vec![], truncated: false };
        let example = |&label| EncodedExample { windows: vec![pieces.clone()], labels: vec![label] };
        let truth: Vec<EncodedExample> = truth.iter().map(example).collect();
        // From last to first: the order of predictions must not matter.
        let predictions: Vec<Prediction> = predicted
            .iter()
            .enumerate()
            .rev()
            .map(|(example, &label)| Prediction {
                example,
                labels: vec![label],
                probabilities: vec![vec![1.0 / 3.0; 3]],
            })
            .collect();
        task(32, negative).score(&predictions, &truth).unwrap()
    }

    #[test]
    fn the_negative_label_is_left_out() {
        let scores = scores(&[0, 0, 1, 2, 1], &[0, 1, 1, 2, 0], Some("none"));
        let two_thirds = 2.0 / 3.0;
        assert!((scores.values["micro_f1"] - two_thirds).abs() < 1e-12);
        assert!((scores.values["micro_precision"] - two_thirds).abs() < 1e-12);
        assert!((scores.values["micro_recall"] - two_thirds).abs() < 1e-12);
        assert_eq!(scores.values["macro_f1"], 0.75);
        assert_eq!(scores.values["micro_f1_with_negative"], 0.6);
        assert_eq!(scores.values["accuracy"], 0.6);
        assert_eq!(scores.per_label.len(), 3);
    }

    #[test]
    fn without_a_negative_label_all_count() {
        let scores = scores(&[0, 0, 1, 2, 1], &[0, 1, 1, 2, 0], None);
        assert_eq!(scores.values["micro_f1"], 0.6);
        assert!(!scores.values.contains_key("micro_f1_with_negative"));
    }

    #[test]
    fn the_majority_is_mostly_the_negative_label() {
        let scores = scores(&[0, 0, 1, 0], &[0, 0, 0, 0], Some("none"));
        assert_eq!(scores.values["micro_f1"], 0.0);
        assert_eq!(scores.values["accuracy"], 0.75);
    }
}
