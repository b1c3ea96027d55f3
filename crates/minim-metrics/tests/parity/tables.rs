//! Scores by subgroup and of de-identification against what `tables.py` wrote.

use minim_metrics::classification::{Average, Labels};
use minim_metrics::{deidentification, entity, subgroup};
use serde::Deserialize;

use super::{assert_close, cases, tags};

#[derive(Deserialize)]
struct Subgroups {
    groups: Vec<String>,
    truth: Vec<bool>,
    scores: Vec<f64>,
    threshold: f64,
    labels: Vec<usize>,
    predicted: Vec<usize>,
    rows: Vec<SubgroupRow>,
}

#[derive(Deserialize)]
struct SubgroupRow {
    group: String,
    examples: usize,
    positives: usize,
    auroc: Option<f64>,
    average_precision: Option<f64>,
    sensitivity: Option<f64>,
    specificity: Option<f64>,
    ppv: Option<f64>,
    npv: Option<f64>,
    accuracy: f64,
    #[serde(rename = "macro")]
    macro_average: [f64; 3],
}

#[test]
fn subgroups_equal_scikit_learn() {
    let mut without_auroc = 0;
    for case in cases::<Subgroups>("subgroup.json", 12) {
        let binary = subgroup::binary(&case.truth, &case.scores, case.threshold, &case.groups).expect("binary");
        let by = Average::Macro;
        let classes = subgroup::classes(&case.labels, &case.predicted, 3, by, Labels::All, &case.groups);
        let classes = classes.expect("classes");
        assert_eq!((binary.len(), classes.len()), (case.rows.len(), case.rows.len()));
        for ((binary, classes), expected) in binary.iter().zip(&classes).zip(&case.rows) {
            let name = &expected.group;
            assert_eq!((&binary.group, &classes.group), (name, name));
            assert_eq!((binary.examples, binary.scores.positives), (expected.examples, expected.positives));
            let rates = binary.scores.rates;
            let pairs = [
                (binary.scores.auroc, expected.auroc),
                (binary.scores.average_precision, expected.average_precision),
                (rates.sensitivity, expected.sensitivity),
                (rates.specificity, expected.specificity),
                (rates.ppv, expected.ppv),
                (rates.npv, expected.npv),
            ];
            for (found, expected) in pairs {
                assert_eq!(found.is_some(), expected.is_some(), "{name}");
                assert_close(name, found.unwrap_or_default(), expected.unwrap_or_default());
            }
            without_auroc += usize::from(binary.scores.auroc.is_none());
            assert_close(name, classes.scores.accuracy, expected.accuracy);
            let averaged = classes.scores.averaged;
            for (found, expected) in
                [averaged.precision, averaged.recall, averaged.f1].into_iter().zip(expected.macro_average)
            {
                assert_close(name, found, expected);
            }
        }
    }
    assert!(without_auroc > 0, "no fixture has a group of one class");
}

#[derive(Deserialize)]
struct Deidentification {
    truth: Vec<String>,
    predicted: Vec<String>,
    all: PhiRow,
    per_type: Vec<PhiRow>,
}

#[derive(Deserialize)]
struct PhiRow {
    kind: Option<String>,
    recall: f64,
    hidden: f64,
    words_hidden: f64,
    exposed: usize,
    words_exposed: usize,
    support: usize,
    words: usize,
    precision: f64,
    f1: f64,
}

#[track_caller]
fn assert_row(name: &str, found: &deidentification::Row, expected: &PhiRow) {
    assert_close(name, found.recall, expected.recall);
    assert_close(name, found.hidden, expected.hidden);
    assert_close(name, found.words_hidden, expected.words_hidden);
    assert_close(name, found.precision, expected.precision);
    assert_close(name, found.f1, expected.f1);
    let counts = (found.exposed, found.words_exposed, found.support, found.words);
    assert_eq!(counts, (expected.exposed, expected.words_exposed, expected.support, expected.words), "{name}");
}

#[test]
fn deidentification_equals_seqeval_and_counts_by_hand() {
    let mut exposed = 0;
    for (index, case) in cases::<Deidentification>("deidentification.json", 16).into_iter().enumerate() {
        let (truth, predicted) = (tags(&case.truth), tags(&case.predicted));
        let report = deidentification::report(&truth, &predicted).expect("the fixture holds BIO tags only");
        assert_row(&format!("case {index}"), &report.all, &case.all);
        exposed += report.all.exposed;
        assert_eq!(report.per_type.len(), case.per_type.len(), "case {index}");
        for ((kind, found), expected) in report.per_type.iter().zip(&case.per_type) {
            assert_eq!(Some(kind), expected.kind.as_ref(), "case {index}");
            assert_row(&format!("case {index}, {kind}"), found, expected);
        }
    }
    assert!(exposed > 0, "no fixture leaves an entity in the text");
}

#[test]
fn subgroups_of_entities_are_the_scores_of_their_sentences() {
    let (truth, predicted) = (
        [vec!["B-Drug"], vec!["B-Dose", "O"], vec!["B-Drug", "I-Drug"]],
        [vec!["B-Drug"], vec!["B-Dose", "B-Drug"], vec!["B-Drug", "O"]],
    );
    let rows = subgroup::entities(&truth, &predicted, &["f", "m", "f"]).expect("rows");
    assert_eq!(rows.iter().map(|row| (row.group.as_str(), row.examples)).collect::<Vec<_>>(), [("f", 2), ("m", 1)]);
    let of_f =
        entity::scores(&[&truth[0], &truth[2]].map(Clone::clone), &[&predicted[0], &predicted[2]].map(Clone::clone));
    assert_eq!(Ok(&rows[0].scores), of_f.as_ref());
    assert_eq!((rows[0].scores.micro.f1, rows[1].scores.micro.precision), (0.5, 0.5));
}
