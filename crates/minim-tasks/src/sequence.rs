//! Sequence classification: one label for a text or a pair of texts.

use minim_datasets::{LabelSet, Labelled};
use minim_metrics::classification::{Average, Labels, accuracy, f1, per_class};
use minim_metrics::ranking;

use crate::batch::EncodedExample;
use crate::decode::Prediction;
use crate::pool::Pool;
use crate::scores::Scores;
use crate::task::{Long, check_label, one_label_each};
use crate::{Encoded, Error, Tokenizer};

/// One label for a text or a pair of texts.
#[derive(Clone, Debug)]
pub struct SequenceClassification {
    pub(crate) labels: LabelSet,
    pub(crate) max_length: usize,
    pub(crate) long: Long,
    pub(crate) pool: Pool,
}

impl SequenceClassification {
    pub(crate) fn labels_of(&self, example: &Labelled) -> Result<Vec<usize>, Error> {
        Ok(vec![check_label(&example.id, example.label, &self.labels)?])
    }

    pub(crate) fn windows_of(&self, example: &Labelled, tokenizer: &Tokenizer) -> Result<Vec<Encoded>, Error> {
        let (text, pair) = (&example.text, example.text_pair.as_deref());
        match self.long {
            Long::Cut => Ok(vec![tokenizer.encode(text, pair, self.max_length)?]),
            Long::Windows { overlap } => tokenizer.encode_windows(text, pair, self.max_length, overlap),
        }
    }

    /// `accuracy`, `macro_f1`, `micro_f1`, `weighted_f1` (averaged over the labels in truth or prediction, scikit-learn's default),
    /// `auroc` and `average_precision` (of label 1 where there are two, else the mean of each against the rest).
    pub(crate) fn score(&self, predictions: &[&Prediction], truth: &[EncodedExample]) -> Result<Scores, Error> {
        let classes = self.labels.len();
        let (truth, predicted) = one_label_each(predictions, truth);
        let mut scores = Scores::default();
        scores.set("accuracy", accuracy(&truth, &predicted)?);
        for (name, average) in
            [("macro_f1", Average::Macro), ("micro_f1", Average::Micro), ("weighted_f1", Average::Weighted)]
        {
            scores.set(name, f1(&truth, &predicted, classes, average, Labels::Present)?);
        }
        for (label, row) in per_class(&truth, &predicted, classes)?.into_iter().enumerate() {
            scores.add_label(self.labels.name(label), row);
        }
        let rows: Vec<&[f64]> = predictions.iter().map(|prediction| &prediction.probabilities[0][..]).collect();
        rank(&mut scores, &truth, &rows, classes)?;
        Ok(scores)
    }
}

fn rank(scores: &mut Scores, truth: &[usize], rows: &[&[f64]], classes: usize) -> Result<(), Error> {
    let (auroc, average_precision) = if classes == 2 {
        let positive: Vec<bool> = truth.iter().map(|&label| label == 1).collect();
        let score: Vec<f64> = rows.iter().map(|row| row[1]).collect();
        (ranking::auroc(&positive, &score), ranking::average_precision(&positive, &score))
    } else {
        (ranking::auroc_ovr_macro(truth, rows, classes), ranking::average_precision_macro(truth, rows, classes))
    };
    // Without an example of each class a mean average precision would count an arbitrary 0.
    if auroc.is_ok() {
        scores.set_if_defined("average_precision", average_precision)?;
    }
    scores.set_if_defined("auroc", auroc)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use minim_datasets::{Kind, LabelSet};

    use crate::{Encoded, EncodedExample, Prediction, Scores, Task};

    fn task(labels: usize) -> Task {
        let labels = LabelSet::new((0..labels).map(|label| label.to_string()).collect()).unwrap();
        Task::new(Kind::Sequence, labels, 32, None).unwrap()
    }

    fn truth(labels: &[usize]) -> Vec<EncodedExample> {
        let pieces = Encoded { ids: vec![], types: vec![], words: vec![], truncated: false };
        let example = |&label| EncodedExample { windows: vec![pieces.clone()], labels: vec![label] };
        labels.iter().map(example).collect()
    }

    /// Predicts the likeliest of each row.
    fn scores(labels: &[usize], rows: &[&[f64]]) -> Scores {
        let predictions: Vec<Prediction> = rows
            .iter()
            .enumerate()
            .map(|(example, row)| {
                let largest = row.iter().copied().fold(f64::MIN, f64::max);
                Prediction {
                    example,
                    labels: vec![row.iter().position(|&p| p == largest).unwrap()],
                    probabilities: vec![row.to_vec()],
                }
            })
            .collect();
        task(rows[0].len()).score(&predictions, &truth(labels)).unwrap()
    }

    #[test]
    fn two_labels_are_scored_for_the_second() {
        let rows: [&[f64]; 4] = [&[0.8, 0.2], &[0.1, 0.9], &[0.6, 0.4], &[0.4, 0.6]];
        let scores = scores(&[0, 1, 1, 0], &rows);
        let names: Vec<&str> = scores.values.keys().map(String::as_str).collect();
        assert_eq!(names, ["accuracy", "auroc", "average_precision", "macro_f1", "micro_f1", "weighted_f1"]);
        assert_eq!(scores.values["accuracy"], 0.5);
        assert_eq!(scores.values["macro_f1"], 0.5);
        assert_eq!(scores.values["auroc"], 0.75);
        assert!((scores.values["average_precision"] - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!((scores.per_label[1].label.as_str(), scores.per_label[1].support), ("1", 2));
    }

    #[test]
    fn ranking_scores_are_left_out_where_they_are_undefined() {
        let one_label = scores(&[1, 1], &[&[0.8, 0.2], &[0.1, 0.9]]);
        assert!(!one_label.values.contains_key("auroc"));
        assert!(!one_label.values.contains_key("average_precision"));
        assert_eq!(one_label.values["accuracy"], 0.5);
        let rows: [&[f64]; 3] = [&[0.7, 0.2, 0.1], &[0.3, 0.6, 0.1], &[0.1, 0.3, 0.6]];
        assert_eq!(scores(&[0, 1, 2], &rows).values["auroc"], 1.0);
        assert!(!scores(&[0, 1, 1], &rows).values.contains_key("auroc"));
    }

    #[test]
    fn the_majority_comes_from_the_training_split() {
        let scores = task(2).majority(&truth(&[1, 0, 1]), &truth(&[0, 0, 0, 1])).unwrap();
        assert_eq!(scores.values["accuracy"], 0.25);
        assert_eq!(scores.values["macro_f1"], 0.2);
        assert_eq!(scores.values["auroc"], 0.5);
    }
}
