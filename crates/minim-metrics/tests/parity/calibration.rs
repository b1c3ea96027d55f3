//! Calibration, curves and operating points against what `calibration.py` wrote.

use minim_metrics::calibration::{self, Bins};
use minim_metrics::{Error, curve, operating_point};
use serde::Deserialize;

use super::{assert_close, assert_same, cases};

/// Slope and intercept are iterated for, here and in scikit-learn, and each stops at its own small gradient.
const ITERATED: f64 = 1e-6;

#[derive(Deserialize)]
struct Calibration {
    name: String,
    truth: Vec<bool>,
    probabilities: Vec<f64>,
    brier: f64,
    reliability: Vec<Reliability>,
    separable: bool,
    one_class: bool,
    slope: Option<f64>,
    intercept: Option<f64>,
    in_the_large: Option<f64>,
}

#[derive(Deserialize)]
struct Reliability {
    strategy: String,
    bins: usize,
    examples: Vec<usize>,
    predicted: Vec<f64>,
    observed: Vec<f64>,
    ece: f64,
}

fn bins(strategy: &str, count: usize) -> Bins {
    match strategy {
        "uniform" => Bins::Uniform(count),
        "quantile" => Bins::Quantile(count),
        other => panic!("strategy {other}"),
    }
}

#[test]
fn brier_and_reliability_equal_scikit_learn() {
    for case in cases::<Calibration>("calibration.json", 34) {
        let (truth, probabilities) = (&case.truth, &case.probabilities);
        assert_same(&case.name, calibration::brier(truth, probabilities), Some(case.brier));
        assert_eq!(case.reliability.len(), 10, "{}", case.name);
        for expected in &case.reliability {
            let name = format!("{}, {} {}", case.name, expected.bins, expected.strategy);
            let bins = bins(&expected.strategy, expected.bins);
            let found = calibration::reliability(truth, probabilities, bins).expect(&name);
            assert_eq!(found.iter().map(|bin| bin.examples).collect::<Vec<_>>(), expected.examples, "{name}");
            assert_eq!(found.len(), expected.predicted.len(), "{name}");
            for (bin, (predicted, observed)) in found.iter().zip(expected.predicted.iter().zip(&expected.observed)) {
                assert_close(&name, bin.predicted, *predicted);
                assert_close(&name, bin.observed, *observed);
            }
            assert_same(&name, calibration::ece(truth, probabilities, bins), Some(expected.ece));
        }
    }
}

#[test]
fn slope_and_intercept_equal_scikit_learn() {
    let (mut fitted, mut separable) = (0, 0);
    for case in cases::<Calibration>("calibration.json", 34) {
        let (name, truth, probabilities) = (&case.name, &case.truth, &case.probabilities);
        let found = calibration::slope_and_intercept(truth, probabilities);
        match (found, case.slope, case.intercept) {
            (Ok(found), Some(slope), Some(intercept)) => {
                // Relative where a nearly flat likelihood makes them large.
                let near = |found: f64, expected: f64| (found - expected).abs() <= ITERATED * expected.abs().max(1.0);
                assert!(near(found.slope, slope), "{name}: slope {}, expected {slope}", found.slope);
                assert!(near(found.intercept, intercept), "{name}: {}, expected {intercept}", found.intercept);
                fitted += 1;
            }
            (Err(Error::Separable), None, None) => {
                assert!(case.separable, "{name}");
                separable += 1;
            }
            (Err(Error::Undefined { .. }), None, None) => assert!(case.one_class, "{name}"),
            (found, slope, intercept) => panic!("{name}: {found:?}, expected {slope:?} and {intercept:?}"),
        }
        assert_same(name, calibration::in_the_large(truth, probabilities), case.in_the_large);
    }
    assert!(fitted >= 20 && separable >= 3, "{fitted} fitted, {separable} separable");
}

#[derive(Deserialize)]
struct Multiclass {
    name: String,
    truth: Vec<usize>,
    rows: Vec<Vec<f64>>,
    classes: usize,
    brier: f64,
    ece_top_label: Vec<(String, usize, f64)>,
}

#[test]
fn calibration_of_several_classes_equals_scikit_learn() {
    for case in cases::<Multiclass>("calibration-multiclass.json", 19) {
        let (name, truth, rows, classes) = (&case.name, &case.truth, &case.rows, case.classes);
        assert_same(name, calibration::brier_multiclass(truth, rows, classes), Some(case.brier));
        assert_eq!(case.ece_top_label.len(), 4, "{name}");
        for (strategy, count, expected) in &case.ece_top_label {
            let found = calibration::ece_top_label(truth, rows, classes, bins(strategy, *count));
            assert_same(&format!("{name}, {count} {strategy}"), found, Some(*expected));
        }
    }
}

#[derive(Deserialize)]
struct Curves {
    name: String,
    truth: Vec<bool>,
    scores: Vec<f64>,
    roc: Vec<(Option<f64>, f64, f64)>,
    precision_recall: Vec<(Option<f64>, f64, f64)>,
    sensitivity: Vec<(f64, OperatingPoint)>,
    ppv: Vec<(f64, Option<OperatingPoint>)>,
    fixed: Vec<OperatingPoint>,
}

#[derive(Deserialize)]
struct OperatingPoint {
    threshold: f64,
    sensitivity: Option<f64>,
    specificity: Option<f64>,
    ppv: Option<f64>,
    npv: Option<f64>,
}

#[track_caller]
fn assert_point(name: &str, found: operating_point::OperatingPoint, expected: &OperatingPoint) {
    assert_eq!(found.threshold, expected.threshold, "{name}");
    let rates = [
        (found.rates.sensitivity, expected.sensitivity),
        (found.rates.specificity, expected.specificity),
        (found.rates.ppv, expected.ppv),
        (found.rates.npv, expected.npv),
    ];
    for (found, expected) in rates {
        assert_eq!(found.is_some(), expected.is_some(), "{name}");
        assert_close(name, found.unwrap_or_default(), expected.unwrap_or_default());
    }
}

#[test]
fn curves_equal_scikit_learn() {
    for case in cases::<Curves>("curves.json", 29) {
        let roc = curve::roc(&case.truth, &case.scores).expect(&case.name);
        assert_eq!(roc.len(), case.roc.len(), "{}", case.name);
        for (found, (threshold, false_positive_rate, true_positive_rate)) in roc.iter().zip(&case.roc) {
            assert_eq!(found.threshold, *threshold, "{}", case.name);
            assert_close(&case.name, found.false_positive_rate, *false_positive_rate);
            assert_close(&case.name, found.true_positive_rate, *true_positive_rate);
        }
        let points = curve::precision_recall(&case.truth, &case.scores).expect(&case.name);
        assert_eq!(points.len(), case.precision_recall.len(), "{}", case.name);
        for (found, (threshold, precision, recall)) in points.iter().zip(&case.precision_recall) {
            assert_eq!(found.threshold, *threshold, "{}", case.name);
            assert_close(&case.name, found.precision, *precision);
            assert_close(&case.name, found.recall, *recall);
        }
    }
}

#[test]
fn operating_points_are_those_of_the_curves() {
    let mut unreachable = 0;
    for case in cases::<Curves>("curves.json", 29) {
        let (name, truth, scores) = (&case.name, &case.truth, &case.scores);
        assert_eq!((case.sensitivity.len(), case.ppv.len(), case.fixed.len()), (6, 6, 4), "{name}");
        for (wished, expected) in &case.sensitivity {
            let found = operating_point::for_sensitivity(truth, scores, *wished).expect(name);
            assert_point(&format!("{name}, sensitivity {wished}"), found, expected);
        }
        for (wished, expected) in &case.ppv {
            let name = format!("{name}, PPV {wished}");
            match (operating_point::for_ppv(truth, scores, *wished), expected) {
                (Ok(found), Some(expected)) => assert_point(&name, found, expected),
                (Err(Error::Unreachable { hits, of, .. }), None) => {
                    assert!((hits as f64) < wished * of as f64, "{name}: {hits} of {of}");
                    unreachable += 1;
                }
                (found, expected) => panic!("{name}: {found:?}, expected one: {}", expected.is_some()),
            }
        }
        for expected in &case.fixed {
            let found = operating_point::at(truth, scores, expected.threshold).expect(name);
            assert_point(&format!("{name}, at {}", expected.threshold), found, expected);
        }
    }
    assert!(unreachable >= 5, "{unreachable}");
}
