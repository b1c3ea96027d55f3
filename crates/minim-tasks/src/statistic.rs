//! A score as something that can be resampled by document.

use minim_metrics::bootstrap::{Clusters, Confusion, Mean, Measure, Ranked, Statistic};
use minim_metrics::classification::{Average, Labels};
use minim_metrics::{Error as MetricError, deidentification};

use crate::batch::EncodedExample;
use crate::decode::Prediction;
use crate::task::{aligned, one_label_each};
use crate::{Error, RelationExtraction, SequenceClassification, Task, TokenClassification};

/// A split's predictions in the order of its examples, the truth, and the document of each.
struct Split<'a> {
    predictions: &'a [&'a Prediction],
    truth: &'a [EncodedExample],
    clusters: &'a Clusters,
}

/// A score that can be resampled; `None` where it is not one of the task's, or has no value on this split.
type Found = Result<Option<Box<dyn Statistic>>, Error>;

impl Task {
    /// The score called `name` of [`Task::score`] for [`Bootstrap`](minim_metrics::bootstrap::Bootstrap): whole documents are drawn, and
    /// `documents` names that of each example. `None` where the task has no such score or it is undefined on this split.
    ///
    /// # Errors
    ///
    /// As [`Task::score`], and another number of documents than of examples.
    pub fn statistic<S: AsRef<str>>(
        &self,
        name: &str,
        predictions: &[Prediction],
        truth: &[EncodedExample],
        documents: &[S],
    ) -> Found {
        let predictions = aligned(predictions, truth)?;
        if documents.len() != truth.len() {
            return Err(Error::Unmatched {
                what: format!("{} documents for {} examples", documents.len(), truth.len()),
            });
        }
        let clusters = Clusters::by_name(documents)?;
        let split = Split { predictions: &predictions, truth, clusters: &clusters };
        let found = match self {
            Self::Sequence(task) => task.statistic(name, &split),
            Self::Token(_) if name == "token_accuracy" => word_accuracy(&split, documents),
            Self::Token(task) => task.statistic(name, &split),
            Self::Relation(task) => task.statistic(name, &split),
        };
        match found {
            Err(Error::Metric(MetricError::Undefined { .. })) => Ok(None),
            found => found,
        }
    }

    /// What a de-identifier left in the text; `None` for a task that tags no words.
    ///
    /// # Errors
    ///
    /// As [`Task::score`].
    pub fn deidentification(
        &self,
        predictions: &[Prediction],
        truth: &[EncodedExample],
    ) -> Result<Option<deidentification::Report>, Error> {
        let Self::Token(task) = self else { return Ok(None) };
        let (truth, predicted) = task.tags(&aligned(predictions, truth)?, truth);
        Ok(Some(deidentification::report(&truth, &predicted)?))
    }
}

impl Split<'_> {
    /// Of examples with one label each.
    fn confusion(&self, classes: usize) -> Result<Confusion, Error> {
        let (truth, predicted) = one_label_each(self.predictions, self.truth);
        Ok(Confusion::of_classes(&truth, &predicted, classes, self.clusters)?)
    }
}

fn boxed(statistic: impl Statistic + 'static) -> Found {
    Ok(Some(Box::new(statistic)))
}

impl SequenceClassification {
    fn statistic(&self, name: &str, split: &Split<'_>) -> Found {
        let average = match name {
            "macro_f1" => Average::Macro,
            "micro_f1" => Average::Micro,
            "weighted_f1" => Average::Weighted,
            "accuracy" => return boxed(split.confusion(self.labels.len())?.accuracy()),
            "auroc" | "average_precision" => return self.ranked(name, split),
            _ => return Ok(None),
        };
        boxed(split.confusion(self.labels.len())?.averaged(average, Labels::Present, Measure::F1)?)
    }

    fn ranked(&self, name: &str, split: &Split<'_>) -> Found {
        let (truth, _) = one_label_each(split.predictions, split.truth);
        let rows: Vec<&[f64]> = split.predictions.iter().map(|prediction| &prediction.probabilities[0][..]).collect();
        let clusters = split.clusters;
        let classes = self.labels.len();
        if classes > 2 {
            return boxed(match name {
                "auroc" => Ranked::auroc_ovr_macro(&truth, &rows, classes, clusters)?,
                _ => Ranked::average_precision_macro(&truth, &rows, classes, clusters)?,
            });
        }
        let positive: Vec<bool> = truth.iter().map(|&label| label == 1).collect();
        let score: Vec<f64> = rows.iter().map(|row| row[1]).collect();
        boxed(match name {
            "auroc" => Ranked::auroc(&positive, &score, clusters)?,
            _ => Ranked::average_precision(&positive, &score, clusters)?,
        })
    }
}

impl TokenClassification {
    fn statistic(&self, name: &str, split: &Split<'_>) -> Found {
        let (average, measure) = match name {
            "entity_precision" => (Average::Micro, Measure::Precision),
            "entity_recall" => (Average::Micro, Measure::Recall),
            "entity_f1" => (Average::Micro, Measure::F1),
            "entity_macro_f1" => (Average::Macro, Measure::F1),
            "entity_weighted_f1" => (Average::Weighted, Measure::F1),
            _ => return Ok(None),
        };
        let (truth, predicted) = self.tags(split.predictions, split.truth);
        let confusion = Confusion::of_entities(&truth, &predicted, split.clusters)?;
        boxed(confusion.averaged(average, Labels::Present, measure)?)
    }
}

/// The share of words with the right tag, each word in its document.
fn word_accuracy<S: AsRef<str>>(split: &Split<'_>, documents: &[S]) -> Found {
    let (mut right, mut of) = (Vec::new(), Vec::new());
    for ((prediction, example), document) in split.predictions.iter().zip(split.truth).zip(documents) {
        for (found, expected) in prediction.labels.iter().zip(&example.labels) {
            right.push(f64::from(u8::from(found == expected)));
            of.push(document.as_ref());
        }
    }
    boxed(Mean::new(&right, &Clusters::by_name(&of)?)?)
}

impl RelationExtraction {
    fn statistic(&self, name: &str, split: &Split<'_>) -> Found {
        let confusion = split.confusion(self.labels.len())?;
        let positive = self.negative.map_or(Labels::All, Labels::Except);
        let (average, labels, measure) = match name {
            "micro_f1" => (Average::Micro, positive, Measure::F1),
            "micro_precision" => (Average::Micro, positive, Measure::Precision),
            "micro_recall" => (Average::Micro, positive, Measure::Recall),
            "macro_f1" => (Average::Macro, positive, Measure::F1),
            "micro_f1_with_negative" if self.negative.is_some() => (Average::Micro, Labels::All, Measure::F1),
            "accuracy" => return boxed(confusion.accuracy()),
            _ => return Ok(None),
        };
        boxed(confusion.averaged(average, labels, measure)?)
    }
}

#[cfg(test)]
mod tests {
    use minim_datasets::{Kind, LabelSet};
    use minim_metrics::bootstrap::Bootstrap;

    use super::*;
    use crate::Encoded;

    fn task(kind: Kind, labels: &[&str], negative: Option<&str>) -> Task {
        let labels = LabelSet::new(labels.iter().map(|&label| label.to_owned()).collect()).unwrap();
        Task::new(kind, labels, 32, negative).unwrap()
    }

    /// Examples with the given labels, and predictions that are wrong in every third place, from last to first.
    fn split(labels: &[Vec<usize>], classes: usize) -> (Vec<EncodedExample>, Vec<Prediction>) {
        let pieces = Encoded { ids: vec![], types: vec![], words: vec![], truncated: false };
        let mut place = 0;
        let mut truth = Vec::new();
        let mut predictions = Vec::new();
        for (example, labels) in labels.iter().enumerate() {
            let mut predicted = Vec::new();
            let mut probabilities = Vec::new();
            for &label in labels {
                place += 1;
                let label = if place % 3 == 0 { (label + 1) % classes } else { label };
                let mut row = vec![0.2 / (classes as f64 - 1.0); classes];
                row[label] = 0.8 - 0.001 * f64::from(place);
                predicted.push(label);
                probabilities.push(row);
            }
            truth.push(EncodedExample { windows: vec![pieces.clone()], labels: labels.clone() });
            predictions.push(Prediction { example, labels: predicted, probabilities });
        }
        predictions.reverse();
        (truth, predictions)
    }

    /// Every score of the task is its statistic's value on the data.
    #[track_caller]
    fn check(task: &Task, labels: &[Vec<usize>], least: usize) {
        let (truth, predictions) = split(labels, task.labels().len());
        let documents: Vec<String> = (0..truth.len()).map(|example| format!("note-{}", example / 2)).collect();
        let scores = task.score(&predictions, &truth).unwrap();
        assert!(scores.values.len() >= least, "{scores:?}");
        for (name, value) in &scores.values {
            let statistic = task.statistic(name, &predictions, &truth, &documents).unwrap().expect(name);
            let interval = Bootstrap { resamples: 200, ..Bootstrap::default() }.interval(&*statistic).unwrap();
            assert!((interval.point - value).abs() < 1e-9, "{name}: {} {value}", interval.point);
            assert!(interval.low <= *value && *value <= interval.high, "{name}: {interval:?}");
            assert!(interval.low < interval.high, "{name}: {interval:?}");
        }
        assert!(task.statistic("bleu", &predictions, &truth, &documents).unwrap().is_none());
        let Err(error) = task.statistic("accuracy", &predictions, &truth, &documents[1..]) else { panic!("too few") };
        assert!(error.to_string().contains("documents for"), "{error}");
    }

    #[test]
    fn every_score_can_be_resampled() {
        let single = |classes: usize| (0..40).map(|example| vec![example * 7 / 3 % classes]).collect::<Vec<_>>();
        check(&task(Kind::Sequence, &["a", "b"], None), &single(2), 6);
        check(&task(Kind::Sequence, &["a", "b", "c"], None), &single(3), 6);
        check(&task(Kind::Relations, &["a", "b", "no"], Some("no")), &single(3), 6);
        check(&task(Kind::Relations, &["a", "b", "c"], None), &single(3), 5);
        let tags: Vec<Vec<usize>> = (0..30).map(|example| vec![0, 1, 2, 0, 3, 1][..3 + example % 4].to_vec()).collect();
        check(&task(Kind::Tokens, &["O", "B-x", "I-x", "B-y"], None), &tags, 6);
    }

    #[test]
    fn what_is_undefined_has_no_interval() {
        let task = task(Kind::Sequence, &["a", "b"], None);
        let (truth, predictions) = split(&vec![vec![1]; 9], 2);
        let documents: Vec<String> = (0..9).map(|example| example.to_string()).collect();
        assert!(task.statistic("auroc", &predictions, &truth, &documents).unwrap().is_none());
        assert!(task.deidentification(&predictions, &truth).unwrap().is_none());
    }

    #[test]
    fn what_is_left_in_the_text_is_counted() {
        let task = task(Kind::Tokens, &["O", "B-DATE", "I-DATE", "B-NAME"], None);
        let (truth, mut predictions) = split(&[vec![1, 2, 0, 3]], 4);
        predictions[0].labels = vec![3, 3, 0, 0];
        let report = task.deidentification(&predictions, &truth).unwrap().unwrap();
        assert_eq!((report.all.recall, report.all.hidden, report.all.exposed), (0.0, 0.5, 1));
        assert_eq!(report.per_type.len(), 2);
    }
}
