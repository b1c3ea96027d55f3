//! Token classification: a BIO tag for each word, learnt and predicted at the word's first piece.

use minim_datasets::{LabelSet, Tagged};
use minim_metrics::classification::accuracy;
use minim_metrics::entity;

use crate::batch::EncodedExample;
use crate::decode::Prediction;
use crate::scores::Scores;
use crate::task::{Long, check_label};
use crate::{Encoded, Error, Tokenizer};

/// One tag for each word.
#[derive(Clone, Debug)]
pub struct TokenClassification {
    pub(crate) labels: LabelSet,
    pub(crate) max_length: usize,
    pub(crate) long: Long,
    /// Index of `O`.
    pub(crate) outside: usize,
}

impl TokenClassification {
    pub(crate) fn labels_of(&self, example: &Tagged) -> Result<Vec<usize>, Error> {
        let Tagged { id, words, tags } = example;
        if words.len() != tags.len() {
            return Err(Error::Example {
                id: id.clone(),
                what: format!("has {} words and {} tags", words.len(), tags.len()),
            });
        }
        tags.iter().map(|&tag| check_label(id, tag, &self.labels)).collect()
    }

    pub(crate) fn windows_of(&self, example: &Tagged, tokenizer: &Tokenizer) -> Result<Vec<Encoded>, Error> {
        match self.long {
            Long::Cut => Ok(vec![tokenizer.encode_words(&example.words, self.max_length)?]),
            Long::Windows { overlap } => tokenizer.encode_words_windows(&example.words, self.max_length, overlap),
        }
    }

    /// `entity_precision`, `entity_recall`, `entity_f1` (over all entities, strict), `entity_macro_f1`, `entity_weighted_f1` (over entity
    /// types) and `token_accuracy` (over words).
    pub(crate) fn score(&self, predictions: &[&Prediction], truth: &[EncodedExample]) -> Result<Scores, Error> {
        let (truth_tags, predicted_tags) = self.tags(predictions, truth);
        let report = entity::scores(&truth_tags, &predicted_tags)?;
        let mut scores = Scores::default();
        scores.set("entity_precision", report.micro.precision);
        scores.set("entity_recall", report.micro.recall);
        scores.set("entity_f1", report.micro.f1);
        scores.set("entity_macro_f1", report.macro_average.f1);
        scores.set("entity_weighted_f1", report.weighted.f1);
        scores.set(
            "token_accuracy",
            accuracy(&words(truth.iter().map(|e| &e.labels)), &words(predictions.iter().map(|p| &p.labels)))?,
        );
        for (kind, row) in report.per_type {
            scores.add_label(&kind, row);
        }
        Ok(scores)
    }

    /// The tags of truth and prediction by name.
    pub(crate) fn tags(
        &self,
        predictions: &[&Prediction],
        truth: &[EncodedExample],
    ) -> (Vec<Vec<&str>>, Vec<Vec<&str>>) {
        let names = |tags: &[usize]| tags.iter().map(|&tag| self.labels.name(tag)).collect();
        let truth = truth.iter().map(|example| names(&example.labels)).collect();
        (truth, predictions.iter().map(|prediction| names(&prediction.labels)).collect())
    }
}

/// The tags of all words of a split.
fn words<'a>(examples: impl Iterator<Item = &'a Vec<usize>>) -> Vec<usize> {
    examples.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::{Device, Tensor, TensorData};
    use minim_datasets::{Kind, LabelSet, Tagged};

    use crate::{Place, Pool, Prediction, Task, Tokenizer};

    fn task(max_length: usize) -> Task {
        let labels = ["O", "B-Disease", "I-Disease"].map(str::to_owned);
        let labels = LabelSet::new(labels.to_vec()).unwrap();
        Task::new(Kind::Tokens, labels, max_length, None).unwrap()
    }

    fn sentence(words: &[&str], tags: &[usize]) -> Tagged {
        Tagged {
            id: "doc#1".to_owned(),
            words: words.iter().map(|&word| word.to_owned()).collect(),
            tags: tags.to_vec(),
        }
    }

    fn tokenizer() -> Tokenizer {
        let folder = "../../tests/fixtures/bert/tokenizer-uncased";
        Tokenizer::from_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap()
    }

    /// A model that tags every piece `B-Disease`, seen through truncation: the last words do not reach it.
    #[test]
    fn words_that_the_model_did_not_see_are_missed() {
        let task = task(6);
        let words = ["fever", "\u{200b}", "cough", "the", "pain", "infection"];
        let split = [sentence(&words, &[1, 1, 0, 0, 1, 1])];
        let encoded = task.encode_all(&split[..], &tokenizer()).unwrap();
        assert!(encoded[0].windows[0].truncated);
        let device = Device::flex();
        let batch = task.collate(&encoded, &Place::all(&encoded), 0, &device);
        assert_eq!(batch.target_weight, 4.0);
        let logits = [0.0, 1.0, 0.0].repeat(6);
        let logits = Tensor::<3>::from_data(TensorData::new(logits, [1, 6, 3]), &device);
        let mut predictions = task.predictions(&encoded);
        predictions.add(logits, &batch).unwrap();
        let predictions = predictions.finish();
        assert_eq!(predictions[0].labels, [1, 0, 1, 1, 1, 0]);
        let scores = task.score(&predictions, &encoded).unwrap();
        assert_eq!(scores.values["entity_precision"], 0.5);
        assert_eq!(scores.values["entity_recall"], 0.5);
        assert_eq!(scores.values["entity_f1"], 0.5);
        assert_eq!(scores.values["token_accuracy"], 2.0 / 6.0);
        assert_eq!(scores.per_label.len(), 1);
        assert_eq!((scores.per_label[0].label.as_str(), scores.per_label[0].support), ("Disease", 4));
    }

    /// The same model, but the words are read in windows: only the word without a piece cannot be seen.
    #[test]
    fn in_windows_no_word_that_has_a_piece_is_missed() {
        let task = task(6).in_windows(1, Pool::Mean).unwrap();
        let words = ["fever", "\u{200b}", "cough", "the", "pain", "infection"];
        let words: Vec<&str> = words.into_iter().cycle().take(60).collect();
        let split = [sentence(&words, &[1; 60])];
        let encoded = task.encode_all(&split[..], &tokenizer()).unwrap();
        assert!(encoded[0].windows.len() > 10 && encoded[0].windows.iter().all(|window| window.len() <= 6));
        assert!(encoded[0].windows.iter().all(|window| !window.truncated));
        let device = Device::flex();
        let mut predictions = task.predictions(&encoded);
        for places in Place::all(&encoded).chunks(4) {
            let batch = task.collate(&encoded, places, 0, &device);
            let [rows, seq] = batch.tokens.dims();
            let logits = [0.0, 1.0, 0.0].repeat(rows * seq);
            let logits = Tensor::<3>::from_data(TensorData::new(logits, [rows, seq, 3]), &device);
            predictions.add(logits, &batch).unwrap();
        }
        let predictions = predictions.finish();
        assert_eq!(predictions.len(), 1);
        assert_eq!(predictions[0].labels, [1, 0, 1, 1, 1, 1].repeat(10));
    }

    #[test]
    fn an_entity_counts_whole() {
        let task = task(32);
        let split = [sentence(&["fever", "of", "liver", "failure"], &[1, 0, 1, 2])];
        let encoded = task.encode_all(&split[..], &tokenizer()).unwrap();
        let predict = |labels: &[usize]| {
            let prediction = Prediction { example: 0, labels: labels.to_vec(), probabilities: Vec::new() };
            task.score(&[prediction], &encoded).unwrap().values
        };
        assert_eq!(predict(&[1, 0, 1, 2])["entity_f1"], 1.0);
        // Half an entity is one false positive and one false negative.
        assert_eq!(predict(&[1, 0, 1, 0])["entity_f1"], 0.5);
        assert_eq!(predict(&[0, 0, 1, 2])["entity_recall"], 0.5);
        assert_eq!(predict(&[0, 0, 1, 2])["entity_precision"], 1.0);
    }

    #[test]
    fn the_majority_says_that_there_is_no_entity() {
        let task = task(32);
        let split = [sentence(&["fever", "and", "cough", "no", "pain"], &[1, 0, 1, 0, 0])];
        let encoded = task.encode_all(&split[..], &tokenizer()).unwrap();
        let scores = task.majority(&encoded, &encoded).unwrap();
        assert_eq!(scores.values["entity_f1"], 0.0);
        assert_eq!(scores.values["token_accuracy"], 0.6);
    }

    #[test]
    fn tags_must_match_the_words() {
        let task = task(32);
        for (tags, what) in [(&[1][..], "2 words and 1 tags"), (&[1, 3], "label 3")] {
            let split = [sentence(&["secret", "cough"], tags)];
            let error = task.encode_all(&split[..], &tokenizer()).unwrap_err().to_string();
            assert!(error.contains("doc#1") && error.contains(what), "{error}");
            assert!(!error.contains("secret"));
        }
    }
}
