//! Intervals against what `resampling.py` wrote, on the resamples that SciPy drew.

use std::collections::BTreeMap;

use minim_metrics::bootstrap::{
    CalibrationError, Clusters, Confusion, Difference, Interval, Mean, Measure, Ranked, Statistic,
};
use minim_metrics::classification::{Average, Labels};
use serde::Deserialize;

use super::{assert_close, cases};

#[derive(Deserialize)]
struct Expected {
    level: f64,
    point: Option<f64>,
    distribution: Vec<Option<f64>>,
    low: f64,
    high: f64,
    standard_error: f64,
    p_value: Option<f64>,
}

#[derive(Deserialize)]
struct Classes {
    name: String,
    names: Vec<String>,
    drawn: Vec<Vec<u32>>,
    truth: Vec<usize>,
    classes: usize,
    first: Vec<Vec<f64>>,
    second: Vec<Vec<f64>>,
    intervals: BTreeMap<String, Expected>,
    paired: BTreeMap<String, Expected>,
}

/// The scores of all resamples, NaN where there is none, against those of the fixture.
#[track_caller]
fn assert_distribution(name: &str, found: &[f64], expected: &Expected) {
    assert_eq!(found.len(), expected.distribution.len(), "{name}");
    for (resample, (found, expected)) in found.iter().zip(&expected.distribution).enumerate() {
        let name = format!("{name}, resample {resample}");
        assert_eq!(found.is_nan(), expected.is_none(), "{name}: {found}, expected {expected:?}");
        assert_close(&name, if found.is_nan() { 0.0 } else { *found }, expected.unwrap_or_default());
    }
}

#[track_caller]
fn assert_interval(name: &str, found: Interval, expected: &Expected) {
    let point = expected.point.expect("the data itself has a score");
    assert_close(name, found.point, point);
    assert_close(name, found.low, expected.low);
    assert_close(name, found.high, expected.high);
    assert_close(name, found.standard_error, expected.standard_error);
    let undefined = expected.distribution.iter().filter(|score| score.is_none()).count();
    assert_eq!(
        (found.undefined, found.resamples + found.undefined),
        (undefined, expected.distribution.len()),
        "{name}"
    );
}

fn distribution(statistic: &dyn Statistic, drawn: &[Vec<u32>]) -> Vec<f64> {
    drawn.iter().map(|drawn| statistic.value(drawn).unwrap_or(f64::NAN)).collect()
}

fn point(statistic: &dyn Statistic) -> f64 {
    statistic.value(&vec![1; statistic.clusters().len()]).expect("the data itself has a score")
}

#[track_caller]
fn assert_statistic(name: &str, statistic: &dyn Statistic, drawn: &[Vec<u32>], expected: &Expected) {
    let scores = distribution(statistic, drawn);
    assert_distribution(name, &scores, expected);
    let found = Interval::from_resamples(point(statistic), scores, expected.level).expect(name);
    assert_interval(name, found, expected);
}

fn statistic(name: &str, case: &Classes, rows: &[Vec<f64>], clusters: &Clusters) -> Box<dyn Statistic> {
    let (truth, classes) = (&case.truth, case.classes);
    // The first of equals, as numpy.argmax.
    let top = |row: &Vec<f64>| (1..classes).fold(0, |best, class| if row[class] > row[best] { class } else { best });
    let predicted: Vec<usize> = rows.iter().map(top).collect();
    let positive: Vec<bool> = truth.iter().map(|&label| label == 1).collect();
    let probability: Vec<f64> = rows.iter().map(|row| row[1]).collect();
    let confusion = Confusion::of_classes(truth, &predicted, classes, clusters).expect(name);
    let f1 = |by, labels| Box::new(confusion.averaged(by, labels, Measure::F1).expect(name));
    match name {
        "accuracy" => Box::new(confusion.accuracy()),
        "macro f1" => f1(Average::Macro, Labels::All),
        "macro f1 of present" => f1(Average::Macro, Labels::Present),
        "weighted f1" => f1(Average::Weighted, Labels::All),
        "micro f1 of chosen" => f1(Average::Micro, Labels::Only(&[1])),
        "recall of 1" => Box::new(confusion.class(1, Measure::Recall).expect(name)),
        "precision of 1" => Box::new(confusion.class(1, Measure::Precision).expect(name)),
        "auroc" => Box::new(Ranked::auroc(&positive, &probability, clusters).expect(name)),
        "average precision" => Box::new(Ranked::average_precision(&positive, &probability, clusters).expect(name)),
        "auroc ovr" => Box::new(Ranked::auroc_ovr_macro(truth, rows, classes, clusters).expect(name)),
        "average precision ovr" => {
            Box::new(Ranked::average_precision_macro(truth, rows, classes, clusters).expect(name))
        }
        "brier" => Box::new(Mean::brier(&positive, &probability, clusters).expect(name)),
        "ece" => Box::new(CalibrationError::new(&positive, &probability, 10, clusters).expect(name)),
        other => panic!("no statistic {other}"),
    }
}

#[test]
fn intervals_equal_scipy() {
    let mut undefined = 0;
    for case in cases::<Classes>("resampling.json", 8) {
        let clusters = Clusters::by_name(&case.names).expect(&case.name);
        assert_eq!(case.intervals.len(), if case.classes == 2 { 11 } else { 13 }, "{}", case.name);
        for (name, expected) in &case.intervals {
            let statistic = statistic(name, &case, &case.first, &clusters);
            assert_statistic(&format!("{}, {name}", case.name), &*statistic, &case.drawn, expected);
            undefined += expected.distribution.iter().filter(|score| score.is_none()).count();
        }
    }
    assert!(undefined > 0, "no fixture has a resample without a score");
}

#[test]
fn paired_intervals_equal_scipy() {
    for case in cases::<Classes>("resampling.json", 8) {
        let clusters = Clusters::by_name(&case.names).expect(&case.name);
        assert_eq!(case.paired.len(), 3, "{}", case.name);
        for (key, expected) in &case.paired {
            let name = format!("{}, difference of {key}", case.name);
            let [first, second] = [&case.first, &case.second].map(|rows| statistic(key, &case, rows, &clusters));
            let scores = [&first, &second].map(|statistic| distribution(&**statistic, &case.drawn));
            let differences: Vec<f64> = scores[0].iter().zip(&scores[1]).map(|(a, b)| a - b).collect();
            assert_distribution(&name, &differences, expected);
            let [of_first, of_second] = [&scores[0][..], &scores[1][..]];
            let (first, second) = (point(&*first), point(&*second));
            let found = Difference::from_resamples(first, second, [of_first, of_second], expected.level).expect(&name);
            assert_eq!((found.first, found.second), (first, second), "{name}");
            assert_interval(&name, found.interval, expected);
            assert_close(&name, found.p_value, expected.p_value.expect("a difference has a p-value"));
        }
    }
}

#[derive(Deserialize)]
struct Entities {
    name: String,
    names: Vec<String>,
    drawn: Vec<Vec<u32>>,
    truth: Vec<String>,
    predicted: Vec<String>,
    intervals: BTreeMap<String, Expected>,
}

#[test]
fn intervals_of_entities_equal_scipy_over_seqeval() {
    for case in cases::<Entities>("resampling-entities.json", 4) {
        let clusters = Clusters::by_name(&case.names).expect(&case.name);
        let (truth, predicted) = (super::tags(&case.truth), super::tags(&case.predicted));
        let confusion = Confusion::of_entities(&truth, &predicted, &clusters).expect(&case.name);
        let averaged = |by, measure| confusion.averaged(by, Labels::Present, measure);
        assert!(case.intervals.len() >= 5, "{}", case.name);
        for (name, expected) in &case.intervals {
            let statistic = match name.as_str() {
                "micro f1" => averaged(Average::Micro, Measure::F1),
                "macro f1" => averaged(Average::Macro, Measure::F1),
                "weighted recall" => averaged(Average::Weighted, Measure::Recall),
                "micro precision" => averaged(Average::Micro, Measure::Precision),
                other => {
                    let kind = other.strip_prefix("recall of ").expect("a statistic of the fixture");
                    let class = confusion.types().iter().position(|known| known == kind).expect(kind);
                    confusion.class(class, Measure::Recall)
                }
            };
            let statistic = statistic.expect(name);
            assert_statistic(&format!("{}, {name}", case.name), &statistic, &case.drawn, expected);
        }
    }
}
