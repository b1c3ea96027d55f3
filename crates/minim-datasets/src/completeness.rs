//! Whether a copy is whole: what its card expects beside what was found.

use std::collections::BTreeMap;

use crate::card::Expected;
use crate::document_split::Split;
use crate::pass::Remarks;
use crate::statistics::Statistics;

/// One number that a card expects, and what a copy has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// What is counted.
    pub what: String,
    /// What the card says.
    pub expected: usize,
    /// What was found.
    pub found: usize,
    /// The most and the least that a whole copy may have.
    pub allowed: (usize, usize),
}

impl Count {
    /// Whether a whole copy may have what was found.
    pub fn fits(&self) -> bool {
        (self.allowed.0..=self.allowed.1).contains(&self.found)
    }
}

/// The counts that a card has, each beside the one found. A label may fall short of its count by as much as the reader left
/// out, all labels together: sources count annotations, and of two that overlap one is left out.
pub fn counts(expected: &Expected, found: &Statistics, remarks: &Remarks) -> Vec<Count> {
    let [train, validation, test] = [0, 1, 2].map(|split: usize| found.splits[split].examples);
    let notes = match remarks {
        Remarks::Notes(notes) => Some(notes),
        Remarks::None | Remarks::Tally(_) => None,
    };
    let left_out = notes.map_or(0, |notes| notes.overlapping + notes.relations_across_lines);
    let count = |what: String, expected_count: usize, found: usize, left_out: usize| {
        let slack = (expected_count as f64 * expected.within) as usize;
        let allowed = (expected_count.saturating_sub(slack + left_out), expected_count + slack);
        Count { what, expected: expected_count, found, allowed }
    };
    let of_documents = notes.map(|notes| notes.documents);
    let of_annotations = notes.map(|notes| notes.annotations + notes.untyped);
    let whole = [
        ("train", expected.train, Some(train)),
        ("validation", expected.validation, Some(validation)),
        ("test", expected.test, Some(test)),
        ("train and validation", expected.train_and_validation, Some(train + validation)),
        ("validation and test", expected.validation_and_test, Some(validation + test)),
        ("all splits", expected.total, Some(train + validation + test)),
        ("documents", expected.documents, of_documents),
        ("annotations", expected.annotations, of_annotations),
    ];
    let whole = whole.into_iter().filter_map(|(what, expected, found)| Some((what.to_owned(), expected?, found?)));
    let mut counts: Vec<Count> = whole.map(|(what, expected, found)| count(what, expected, found, 0)).collect();
    let mut labels = |expected: &BTreeMap<String, usize>, of: &str, found: &dyn Fn(&str) -> usize| {
        let first = counts.len();
        counts.extend(
            expected.iter().map(|(label, &number)| count(format!("{label}{of}"), number, found(label), left_out)),
        );
        // One by one each may lack all that was left out; together they may not.
        let short: usize = counts[first..].iter().map(|count| count.expected.saturating_sub(count.found)).sum();
        if short > left_out {
            for count in &mut counts[first..] {
                let slack = count.allowed.1 - count.expected;
                count.allowed.0 = count.expected.saturating_sub(slack);
            }
        }
    };
    let totals = found.label_totals();
    labels(&expected.labels, "", &|label| totals.get(label).copied().unwrap_or_default());
    let by_split = [&expected.train_labels, &expected.validation_labels, &expected.test_labels];
    for (split, expected) in Split::ALL.into_iter().zip(by_split) {
        let index = |label: &str| found.labels.iter().position(|name| name == label);
        let number = |label: &str| index(label).map_or(0, |label| found.splits[split as usize].labels[label]);
        labels(expected, &format!(" in {}", split.name()), &number);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotation_notes::Notes;
    use crate::dataset::Kind;
    use crate::statistics::SplitStatistics;

    fn found() -> Statistics {
        let split = |examples, labels: [usize; 2]| SplitStatistics { examples, labels: labels.to_vec(), words: vec![] };
        let splits = [split(100, [90, 10]), split(10, [9, 1]), split(20, [15, 5])];
        Statistics { kind: Some(Kind::Sequence), labels: vec!["0".into(), "1".into()], splits }
    }

    fn misfits(expected: &Expected, remarks: &Remarks) -> Vec<String> {
        let counts = counts(expected, &found(), remarks);
        counts.iter().filter(|count| !count.fits()).map(|count| count.what.clone()).collect()
    }

    #[test]
    fn exact_counts_fit_exactly_and_others_within_their_share() {
        let expected = Expected {
            train: Some(100),
            validation: Some(11),
            train_and_validation: Some(110),
            validation_and_test: Some(31),
            total: Some(131),
            test_labels: [("0".to_owned(), 15), ("1".to_owned(), 6)].into(),
            ..Expected::default()
        };
        assert_eq!(
            misfits(&expected, &Remarks::None),
            ["validation", "validation and test", "all splits", "1 in test"]
        );
        let nearly = Expected { total: Some(131), within: 0.01, ..Expected::default() };
        assert_eq!(misfits(&nearly, &Remarks::None), [""; 0]);
        assert!(counts(&Expected::default(), &found(), &Remarks::None).is_empty());
    }

    #[test]
    fn labels_may_lack_together_what_was_left_out() {
        let expected = |zero, one| Expected {
            annotations: Some(130),
            labels: [("0".to_owned(), zero), ("1".to_owned(), one)].into(),
            ..Expected::default()
        };
        let notes =
            |overlapping| Remarks::Notes(Notes { annotations: 128, untyped: 2, overlapping, ..Notes::default() });
        assert_eq!(misfits(&expected(115, 17), &notes(2)), [""; 0]);
        assert_eq!(misfits(&expected(115, 17), &notes(1)), ["0", "1"]);
        assert_eq!(misfits(&expected(113, 16), &notes(9)), ["0"]);
    }
}
