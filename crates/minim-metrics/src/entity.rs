//! Entities in BIO tags (IOB2), scored whole: right only with the same type, the same start and the same end.
//!
//! Source: seqeval 1.2 with `mode="strict", scheme=IOB2` (`seqeval/scheme.py`, `seqeval/metrics/v1.py`). Strict means
//! that an entity begins with `B` and nothing else: an `I` at the start of a sentence, after `O`, or of another type
//! than the tag before belongs to no entity.
//!
//! A tag is read as seqeval reads it: its first character is the prefix (`B`, `I` or `O`), the rest without leading
//! and trailing hyphens is the type, and an empty type is called `_`.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::scores::{Average, Scores, Tally, average};

/// One entity of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span<'a> {
    /// Index of its first tag.
    pub start: usize,
    /// Index after its last tag.
    pub end: usize,
    /// Its type.
    pub kind: &'a str,
}

/// Precision, recall, F1 and support of entities.
///
/// Where neither truth nor prediction has any entity every score is 0; there seqeval's macro average is NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntityReport {
    /// Over all entities: the usual entity-level F1.
    pub micro: Scores,
    /// Mean over the types in truth or prediction.
    #[serde(rename = "macro")]
    pub macro_average: Scores,
    /// Mean over the types, weighted by support.
    pub weighted: Scores,
    /// Each type in truth or prediction, sorted by name.
    pub per_type: Vec<(String, Scores)>,
}

/// The entities of one sentence, in order.
///
/// # Errors
/// [`Error::NotBio`], with sentence 0, for a tag that does not start with `B`, `I` or `O`.
///
/// ```
/// use minim_metrics::entity::{Span, spans};
///
/// // The last tag follows O, so that it belongs to no entity.
/// let found = spans(&["B-Drug", "I-Drug", "B-Drug", "O", "I-Drug"])?;
/// assert_eq!(found, [Span { start: 0, end: 2, kind: "Drug" }, Span { start: 2, end: 3, kind: "Drug" }]);
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn spans<S: AsRef<str>>(tags: &[S]) -> Result<Vec<Span<'_>>, Error> {
    spans_of_sentence(tags, 0)
}

/// Entity scores of a corpus: one list of tags per sentence in truth and prediction.
///
/// # Errors
/// No sentence, another number of sentences or (naming the sentence) of tags in the prediction, or a tag that does
/// not start with `B`, `I` or `O`. A sentence may be empty.
///
/// ```
/// let truth = [vec!["B-Drug", "I-Drug", "O"], vec!["B-Dose"]];
/// let predicted = [vec!["B-Drug", "O", "O"], vec!["B-Dose"]];
/// let report = minim_metrics::entity::scores(&truth, &predicted)?;
/// assert_eq!(report.micro.f1, 0.5);
/// assert_eq!(report.per_type[0].0, "Dose");
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn scores<S: AsRef<str>, T: AsRef<str>>(truth: &[Vec<S>], predicted: &[Vec<T>]) -> Result<EntityReport, Error> {
    let mut types: BTreeMap<&str, Tally> = BTreeMap::new();
    for entity in compare(truth, predicted)? {
        let tally = types.entry(entity.kind).or_default();
        tally.actual += usize::from(entity.outcome != Outcome::Spurious);
        tally.predicted += usize::from(entity.outcome != Outcome::Missed);
        tally.correct += usize::from(entity.outcome == Outcome::Found);
    }
    let tallies: Vec<Tally> = types.values().copied().collect();
    Ok(EntityReport {
        micro: average(&tallies, Average::Micro),
        macro_average: average(&tallies, Average::Macro),
        weighted: average(&tallies, Average::Weighted),
        per_type: types.into_iter().map(|(kind, tally)| (kind.to_owned(), tally.scores())).collect(),
    })
}

/// What became of an entity of the truth, or where one of the prediction came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// In the truth and, with the same type and ends, in the prediction.
    Found,
    /// In the truth only.
    Missed,
    /// In the prediction only.
    Spurious,
}

/// One entity of truth or prediction, counted once where it is in both.
pub(crate) struct Compared<'a> {
    pub(crate) sentence: usize,
    pub(crate) kind: &'a str,
    pub(crate) outcome: Outcome,
}

/// Every entity of truth and prediction, sentence by sentence; errors as [`scores`].
pub(crate) fn compare<'a, S: AsRef<str>, T: AsRef<str>>(
    truth: &'a [Vec<S>],
    predicted: &'a [Vec<T>],
) -> Result<Vec<Compared<'a>>, Error> {
    check_sentences(truth, predicted)?;
    let mut compared = Vec::new();
    for (sentence, (truth, predicted)) in truth.iter().zip(predicted).enumerate() {
        let actual = spans_of_sentence(truth, sentence)?;
        let predicted: Vec<Span<'a>> = spans_of_sentence(predicted, sentence)?;
        let known: HashSet<&Span<'_>> = predicted.iter().collect();
        for span in &actual {
            let outcome = if known.contains(span) { Outcome::Found } else { Outcome::Missed };
            compared.push(Compared { sentence, kind: span.kind, outcome });
        }
        let known: HashSet<&Span<'_>> = actual.iter().collect();
        for span in predicted.iter().filter(|span| !known.contains(span)) {
            compared.push(Compared { sentence, kind: span.kind, outcome: Outcome::Spurious });
        }
    }
    Ok(compared)
}

/// As many sentences, and as many tags in each, in the prediction as in the truth.
pub(crate) fn check_sentences<S, T>(truth: &[Vec<S>], predicted: &[Vec<T>]) -> Result<(), Error> {
    if truth.len() != predicted.len() {
        return Err(Error::LengthsDiffer { what: "sentences", truth: truth.len(), predicted: predicted.len() });
    }
    if truth.is_empty() {
        return Err(Error::Empty { what: "sentence" });
    }
    let lengths = truth.iter().map(Vec::len).zip(predicted.iter().map(Vec::len));
    match lengths.enumerate().find(|(_, (truth, predicted))| truth != predicted) {
        Some((sentence, (truth, predicted))) => Err(Error::SentenceLengthsDiffer { sentence, truth, predicted }),
        None => Ok(()),
    }
}

pub(crate) fn spans_of_sentence<S: AsRef<str>>(tags: &[S], sentence: usize) -> Result<Vec<Span<'_>>, Error> {
    let mut spans: Vec<Span<'_>> = Vec::new();
    // Whether the tag before belongs to the last span; only then may an `I` of its type go on with it.
    let mut open = false;
    for (position, tag) in tags.iter().map(AsRef::as_ref).enumerate() {
        let mut rest = tag.chars();
        let prefix = rest.next();
        let kind = match rest.as_str().trim_matches('-') {
            "" => "_",
            kind => kind,
        };
        match (prefix, spans.last_mut()) {
            (Some('B'), _) => {
                spans.push(Span { start: position, end: position + 1, kind });
                open = true;
            }
            (Some('I'), Some(last)) if open && last.kind == kind => last.end = position + 1,
            (Some('I' | 'O'), _) => open = false,
            _ => return Err(Error::NotBio { sentence, position }),
        }
    }
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_named() {
        let none: [Vec<&str>; 0] = [];
        assert_eq!(scores(&none, &none), Err(Error::Empty { what: "sentence" }));
        let sentences = Error::LengthsDiffer { what: "sentences", truth: 1, predicted: 0 };
        assert_eq!(scores(&[vec!["O"]], &none), Err(sentences));
        let tags = scores(&[vec!["O"], vec!["O", "O"]], &[vec!["O"], vec!["O"]]);
        assert_eq!(tags, Err(Error::SentenceLengthsDiffer { sentence: 1, truth: 2, predicted: 1 }));
    }

    #[test]
    fn a_tag_that_is_not_bio_is_an_error_without_the_tag() {
        for tag in ["E-Drug", "S-Drug", "", "b-Drug", "aspirin"] {
            let error = scores(&[vec!["O"], vec!["O", "O"]], &[vec!["O"], vec!["O", tag]]);
            assert_eq!(error, Err(Error::NotBio { sentence: 1, position: 1 }));
        }
        let message = Error::NotBio { sentence: 1, position: 1 }.to_string();
        assert_eq!(message, "sentence 1, tag 1 (both from 0): expected O, B-<type> or I-<type>");
    }

    #[test]
    fn no_entity_at_all_scores_zero_in_every_average() {
        let report = scores(&[vec!["O", "I-Drug"]], &[vec!["O", "O"]]);
        let zero = Scores { precision: 0.0, recall: 0.0, f1: 0.0, support: 0 };
        let expected = EntityReport { micro: zero, macro_average: zero, weighted: zero, per_type: Vec::new() };
        assert_eq!(report, Ok(expected));
    }
}
