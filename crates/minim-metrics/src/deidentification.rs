//! De-identification, recall first: what of the protected health information was left in the text.
//!
//! A false positive hides a harmless word; a miss shows a patient's name. So a row begins with recall and the entities
//! that were missed, types stand with the worst first, and beside the strict recall of
//! [`entity`](crate::entity) stand two that ask only whether words were hidden: a date tagged as a name is gone from the
//! text all the same.
//!
//! Sources: Stubbs, Kotfila and Uzuner (2015, doi:10.1016/j.jbi.2015.06.007), who score the 2014 i2b2 task by entities and by
//! tokens, with types and without. The strict scores equal seqeval's; the others are counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::entity::{Outcome, check_sentences, compare, spans_of_sentence};
use crate::scores::Tally;

/// What was hidden of one type of entity, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Of the entities in the truth, the share found with their type and ends; 0 where there is none.
    pub recall: f64,
    /// Of the entities in the truth, the share whose words are all hidden: tagged as any entity at all; 0 where there is
    /// none.
    pub hidden: f64,
    /// Of the words of entities in the truth, the share that is hidden; 0 where there is none.
    pub words_hidden: f64,
    /// Entities in the truth of which at least one word is left in the text.
    pub exposed: usize,
    /// Words of entities in the truth that are left in the text.
    pub words_exposed: usize,
    /// Entities in the truth.
    pub support: usize,
    /// Words of entities in the truth.
    pub words: usize,
    /// Of the entities predicted with this type, the share that is right; 0 where none is.
    pub precision: f64,
    /// Harmonic mean of recall and precision.
    pub f1: f64,
}

/// [`Row`]s of all entities and of each type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of all entities: micro scores.
    pub all: Row,
    /// Of each type in truth or prediction: those in the truth first, the lowest recall first; equal ones by name.
    pub per_type: Vec<(String, Row)>,
}

/// What a de-identifier found and what it left, one list of BIO tags per sentence.
///
/// A word counts as hidden where its predicted tag is not `O`, even where it belongs to no entity by the strict reading
/// (an `I` after `O`): whoever masks the text masks that word.
///
/// # Errors
/// As [`entity::scores`](crate::entity::scores).
///
/// ```
/// let truth = [vec!["B-NAME", "I-NAME", "O", "B-DATE"]];
/// let predicted = [vec!["B-NAME", "O", "O", "B-NAME"]];
/// let report = minim_metrics::deidentification::report(&truth, &predicted)?;
/// // No entity is strictly right; the date is hidden all the same, and half of the name.
/// assert_eq!((report.all.recall, report.all.hidden, report.all.words_hidden), (0.0, 0.5, 2.0 / 3.0));
/// assert_eq!((report.all.exposed, report.all.words_exposed), (1, 1));
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn report<S: AsRef<str>, T: AsRef<str>>(truth: &[Vec<S>], predicted: &[Vec<T>]) -> Result<Report, Error> {
    check_sentences(truth, predicted)?;
    let mut types: BTreeMap<&str, Counts> = BTreeMap::new();
    for entity in compare(truth, predicted)? {
        let tally = &mut types.entry(entity.kind).or_default().tally;
        tally.actual += usize::from(entity.outcome != Outcome::Spurious);
        tally.predicted += usize::from(entity.outcome != Outcome::Missed);
        tally.correct += usize::from(entity.outcome == Outcome::Found);
    }
    for (sentence, (truth, predicted)) in truth.iter().zip(predicted).enumerate() {
        for span in spans_of_sentence(truth, sentence)? {
            let shown = predicted[span.start..span.end].iter().filter(|tag| tag.as_ref().starts_with('O')).count();
            let counts = types.entry(span.kind).or_default();
            counts.exposed += usize::from(shown > 0);
            counts.words += span.end - span.start;
            counts.words_exposed += shown;
        }
    }
    let all = types.values().fold(Counts::default(), Counts::plus).row();
    let mut per_type: Vec<(String, Row)> =
        types.into_iter().map(|(kind, counts)| (kind.to_owned(), counts.row())).collect();
    // Stable: by name where equal.
    per_type.sort_by(|(_, a), (_, b)| (a.support == 0).cmp(&(b.support == 0)).then(a.recall.total_cmp(&b.recall)));
    Ok(Report { all, per_type })
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    tally: Tally,
    exposed: usize,
    words: usize,
    words_exposed: usize,
}

impl Counts {
    fn plus(self, other: &Self) -> Self {
        let tally = Tally {
            correct: self.tally.correct + other.tally.correct,
            predicted: self.tally.predicted + other.tally.predicted,
            actual: self.tally.actual + other.tally.actual,
        };
        Self {
            tally,
            exposed: self.exposed + other.exposed,
            words: self.words + other.words,
            words_exposed: self.words_exposed + other.words_exposed,
        }
    }

    fn row(self) -> Row {
        let scores = self.tally.scores();
        let left = |exposed: usize, all: usize| if all == 0 { 0.0 } else { (all - exposed) as f64 / all as f64 };
        Row {
            recall: scores.recall,
            hidden: left(self.exposed, self.tally.actual),
            words_hidden: left(self.words_exposed, self.words),
            exposed: self.exposed,
            words_exposed: self.words_exposed,
            support: scores.support,
            words: self.words,
            precision: scores.precision,
            f1: scores.f1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_type_stands_first_and_what_is_only_predicted_last() {
        let truth = [vec!["B-A", "B-A", "B-B", "B-C", "O"]];
        let predicted = [vec!["B-A", "O", "O", "B-C", "B-Z"]];
        let report = report(&truth, &predicted).unwrap();
        let order: Vec<(&str, f64)> = report.per_type.iter().map(|(kind, row)| (kind.as_str(), row.recall)).collect();
        assert_eq!(order, [("B", 0.0), ("A", 0.5), ("C", 1.0), ("Z", 0.0)]);
        assert_eq!((report.all.exposed, report.all.support, report.all.recall), (2, 4, 0.5));
    }

    #[test]
    fn any_tag_hides_a_word() {
        let report = report(&[vec!["B-A", "I-A"], vec!["B-A"]], &[vec!["O", "I-B"], vec!["I-A"]]).unwrap();
        assert_eq!((report.all.recall, report.all.hidden), (0.0, 0.5));
        assert_eq!((report.all.words, report.all.words_exposed), (3, 1));
    }

    #[test]
    fn bad_input_is_named() {
        let lengths = report(&[vec!["O"]], &[vec!["O", "O"]]);
        assert_eq!(lengths, Err(Error::SentenceLengthsDiffer { sentence: 0, truth: 1, predicted: 2 }));
        assert_eq!(report(&[vec!["B-A"]], &[vec!["x"]]), Err(Error::NotBio { sentence: 0, position: 0 }));
    }
}
