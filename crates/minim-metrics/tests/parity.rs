//! Every score equals scikit-learn's or seqeval's, and every interval SciPy's, to 1e-9 on the inputs that the scripts in
//! `tests/fixtures/metrics` wrote; here those of `metrics.py`, the others in the modules.

#[path = "parity/calibration.rs"]
mod calibration;
#[path = "parity/resampling.rs"]
mod resampling;
#[path = "parity/tables.rs"]
mod tables;

use std::collections::BTreeMap;
use std::path::Path;

use minim_metrics::classification::{self, Labels};
use minim_metrics::{Average, Error, Scores, baseline, entity, ranking};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const TOLERANCE: f64 = 1e-9;

fn cases<C: DeserializeOwned>(file: &str, at_least: usize) -> Vec<C> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/metrics").join(file);
    let text = std::fs::read_to_string(&path).expect("the fixture is committed");
    let cases: Vec<C> = serde_json::from_str(&text).expect("the fixture has the shape that metrics.py writes");
    assert!(cases.len() >= at_least, "{file}: {} cases, expected at least {at_least}", cases.len());
    cases
}

#[track_caller]
fn assert_close(case: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= TOLERANCE, "{case}: {found}, expected {expected}");
}

/// NaN in Python is null in the fixture and `Error::Undefined` here.
#[track_caller]
fn assert_same(case: &str, found: Result<f64, Error>, expected: Option<f64>) {
    match (found, expected) {
        (Ok(found), Some(expected)) => assert_close(case, found, expected),
        (Err(Error::Undefined { .. }), None) => {}
        (found, expected) => panic!("{case}: {found:?}, expected {expected:?}"),
    }
}

#[track_caller]
fn assert_scores(case: &str, found: Scores, (precision, recall, f1, support): (f64, f64, f64, usize)) {
    assert_close(case, found.precision, precision);
    assert_close(case, found.recall, recall);
    assert_close(case, found.f1, f1);
    assert_eq!(found.support, support, "{case}: support");
}

#[derive(Deserialize)]
struct Classification {
    name: String,
    truth: Vec<usize>,
    predicted: Vec<usize>,
    classes: usize,
    only: Vec<usize>,
    accuracy: f64,
    counts: Vec<[usize; 4]>,
    per_class: Vec<(f64, f64, f64, usize)>,
    present: BTreeMap<String, [f64; 3]>,
    every: BTreeMap<String, [f64; 3]>,
    chosen: BTreeMap<String, [f64; 3]>,
}

#[test]
fn classification_equals_scikit_learn() {
    for case in cases::<Classification>("classification.json", 39) {
        let (name, truth, predicted, classes) = (&case.name, &case.truth, &case.predicted, case.classes);
        assert_same(name, classification::accuracy(truth, predicted), Some(case.accuracy));

        let counts = classification::counts(truth, predicted, classes).expect(name);
        let counts: Vec<[usize; 4]> =
            counts.iter().map(|c| [c.true_positives, c.false_positives, c.false_negatives, c.true_negatives]).collect();
        assert_eq!(counts, case.counts, "{name}");

        let per_class = classification::per_class(truth, predicted, classes).expect(name);
        assert_eq!(per_class.len(), case.per_class.len(), "{name}");
        for (found, expected) in per_class.into_iter().zip(case.per_class) {
            assert_scores(name, found, expected);
        }

        let averages = [(Average::Micro, "micro"), (Average::Macro, "macro"), (Average::Weighted, "weighted")];
        let choices =
            [(Labels::Present, &case.present), (Labels::All, &case.every), (Labels::Only(&case.only), &case.chosen)];
        for (labels, table) in choices {
            for (by, key) in averages {
                let [precision, recall, f1] = table[key];
                let name = format!("{name}, {key}, {labels:?}");
                assert_same(&name, classification::precision(truth, predicted, classes, by, labels), Some(precision));
                assert_same(&name, classification::recall(truth, predicted, classes, by, labels), Some(recall));
                assert_same(&name, classification::f1(truth, predicted, classes, by, labels), Some(f1));
            }
        }
    }
}

#[derive(Deserialize)]
struct Binary {
    name: String,
    truth: Vec<bool>,
    scores: Vec<f64>,
    auroc: Option<f64>,
    average_precision: Option<f64>,
}

#[test]
fn binary_ranking_equals_scikit_learn() {
    for case in cases::<Binary>("binary.json", 41) {
        assert_same(&case.name, ranking::auroc(&case.truth, &case.scores), case.auroc);
        assert_same(&case.name, ranking::average_precision(&case.truth, &case.scores), case.average_precision);
    }
}

#[derive(Deserialize)]
struct Multiclass {
    name: String,
    truth: Vec<usize>,
    rows: Vec<Vec<f64>>,
    classes: usize,
    auroc_ovr_macro: Option<f64>,
    average_precision_macro: Option<f64>,
}

#[test]
fn multiclass_ranking_equals_scikit_learn() {
    for case in cases::<Multiclass>("multiclass.json", 22) {
        let (name, truth, rows, classes) = (&case.name, &case.truth, &case.rows, case.classes);
        assert_same(name, ranking::auroc_ovr_macro(truth, rows, classes), case.auroc_ovr_macro);
        assert_same(name, ranking::average_precision_macro(truth, rows, classes), case.average_precision_macro);
    }
}

#[derive(Deserialize)]
struct Entities {
    name: String,
    truth: Vec<String>,
    predicted: Vec<String>,
    truth_spans: Vec<Vec<(String, usize, usize)>>,
    predicted_spans: Vec<Vec<(String, usize, usize)>>,
    micro: (f64, f64, f64, usize),
    #[serde(rename = "macro")]
    macro_average: (Option<f64>, Option<f64>, Option<f64>, usize),
    weighted: (f64, f64, f64, usize),
    per_type: Vec<(String, f64, f64, f64, usize)>,
}

fn tags(sentences: &[String]) -> Vec<Vec<&str>> {
    sentences.iter().map(|tags| tags.split_whitespace().collect()).collect()
}

fn spans(sentences: &[Vec<&str>]) -> Vec<Vec<(String, usize, usize)>> {
    let spans = |tags: &Vec<&str>| {
        let found = entity::spans(tags).expect("the fixture holds BIO tags only");
        found.into_iter().map(|span| (span.kind.to_owned(), span.start, span.end)).collect()
    };
    sentences.iter().map(spans).collect()
}

#[test]
fn entities_equal_seqeval() {
    for case in cases::<Entities>("entity.json", 49) {
        let (name, truth, predicted) = (&case.name, tags(&case.truth), tags(&case.predicted));
        assert_eq!(spans(&truth), case.truth_spans, "{name}");
        assert_eq!(spans(&predicted), case.predicted_spans, "{name}");

        let report = entity::scores(&truth, &predicted).expect(name);
        assert_scores(name, report.micro, case.micro);
        assert_scores(name, report.weighted, case.weighted);
        // seqeval divides by no type at all where there is no entity: NaN, and 0 here.
        let (precision, recall, f1, support) = case.macro_average;
        assert_eq!(f1.is_none(), case.per_type.is_empty(), "{name}");
        let expected = (precision.unwrap_or(0.0), recall.unwrap_or(0.0), f1.unwrap_or(0.0), support);
        assert_scores(name, report.macro_average, expected);

        assert_eq!(report.per_type.len(), case.per_type.len(), "{name}");
        for ((kind, found), (expected_kind, p, r, f, s)) in report.per_type.into_iter().zip(case.per_type) {
            assert_eq!(kind, expected_kind, "{name}");
            assert_scores(name, found, (p, r, f, s));
        }
    }
}

#[derive(Deserialize)]
struct Majority {
    labels: Vec<usize>,
    classes: usize,
    majority: usize,
}

#[test]
fn majority_equals_the_dummy_classifier() {
    for case in cases::<Majority>("majority.json", 12) {
        assert_eq!(baseline::majority(&case.labels, case.classes), Ok(case.majority), "{:?}", case.labels);
    }
}
