//! Laws of calibration, curves, operating points and tables.

use minim_metrics::calibration::{Bins, brier, ece, in_the_large, reliability, slope_and_intercept};
use minim_metrics::curve::{precision_recall, roc};
use minim_metrics::operating_point::{at, for_ppv, for_sensitivity};
use minim_metrics::{Error, deidentification, entity, ranking, subgroup};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{ranked, sentence, write_tags};

/// Truth and probability of examples, in hundredths.
fn predicted() -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    vec((any::<bool>(), 0..=100_u32), 1..60)
        .prop_map(|examples| examples.into_iter().map(|(truth, p)| (truth, f64::from(p) / 100.0)).unzip())
}

proptest! {
    #[test]
    fn the_trapezoids_under_the_roc_curve_are_the_area((truth, scores) in ranked()) {
        let points = roc(&truth, &scores)?;
        let area: f64 = points
            .windows(2)
            .map(|pair| {
                let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
                width * (pair[0].true_positive_rate + pair[1].true_positive_rate) / 2.0
            })
            .sum();
        prop_assert!((area - ranking::auroc(&truth, &scores)?).abs() < 1e-12);
    }

    #[test]
    fn the_steps_under_the_precision_recall_curve_are_the_average_precision((truth, scores) in ranked()) {
        let points = precision_recall(&truth, &scores)?;
        let area: f64 = points.windows(2).map(|pair| (pair[0].recall - pair[1].recall) * pair[0].precision).sum();
        prop_assert!((area - ranking::average_precision(&truth, &scores)?).abs() < 1e-12);
    }

    #[test]
    fn an_operating_point_keeps_its_promise_and_no_other_is_better(
        (truth, scores) in ranked(),
        wished in 0.01..=1.0_f64,
    ) {
        let all: Vec<_> = scores.iter().map(|&score| at(&truth, &scores, score)).collect::<Result<_, _>>()?;
        let sensitive = for_sensitivity(&truth, &scores, wished)?;
        prop_assert_eq!(sensitive, at(&truth, &scores, sensitive.threshold)?);
        prop_assert!(sensitive.rates.sensitivity >= Some(wished));
        for other in all.iter().filter(|other| other.rates.sensitivity >= Some(wished)) {
            prop_assert!(other.rates.specificity <= sensitive.rates.specificity);
        }
        let precise: Vec<_> = all.iter().filter(|other| other.rates.ppv >= Some(wished)).collect();
        match for_ppv(&truth, &scores, wished) {
            Ok(found) => {
                prop_assert!(found.rates.ppv >= Some(wished));
                for other in precise {
                    let by = |point: &minim_metrics::operating_point::OperatingPoint| {
                        (point.counts.true_positives, -(point.counts.false_positives as i64))
                    };
                    prop_assert!(by(other) <= by(&found));
                }
            }
            Err(Error::Unreachable { .. }) => prop_assert!(precise.is_empty()),
            Err(error) => return Err(error.into()),
        }
    }

    #[test]
    fn bins_hold_every_example_once((truth, probabilities) in predicted(), count in 1..20_usize) {
        for bins in [Bins::Uniform(count), Bins::Quantile(count)] {
            let found = reliability(&truth, &probabilities, bins)?;
            prop_assert!(found.len() <= count && found.iter().all(|bin| bin.examples > 0));
            prop_assert_eq!(found.iter().map(|bin| bin.examples).sum::<usize>(), truth.len());
            let positives: f64 = found.iter().map(|bin| bin.observed * bin.examples as f64).sum();
            prop_assert!((positives - truth.iter().filter(|t| **t).count() as f64).abs() < 1e-9);
            prop_assert!(found.windows(2).all(|pair| pair[0].predicted < pair[1].predicted));
            let error = ece(&truth, &probabilities, bins)?;
            prop_assert!((0.0..=1.0).contains(&error));
            // The mean probability is at most this far from the share of positives.
            let one = ece(&truth, &probabilities, Bins::Uniform(1))?;
            prop_assert!(one <= error + 1e-12);
        }
    }

    #[test]
    fn the_other_class_is_calibrated_alike((truth, probabilities) in predicted()) {
        let other: Vec<bool> = truth.iter().map(|truth| !truth).collect();
        let complements: Vec<f64> = probabilities.iter().map(|p| 1.0 - p).collect();
        prop_assert!((brier(&truth, &probabilities)? - brier(&other, &complements)?).abs() < 1e-12);
        // Away from 0 and 1, whose logits are cut off.
        let inside = |p: &[f64]| p.iter().map(|p| p.clamp(0.01, 0.99)).collect::<Vec<_>>();
        let (p, q) = (inside(&probabilities), inside(&complements));
        match (slope_and_intercept(&truth, &p), slope_and_intercept(&other, &q)) {
            (Ok(there), Ok(back)) => {
                let scale = there.slope.abs().max(1.0) * 1e-6;
                prop_assert!((there.slope - back.slope).abs() < scale, "{:?}, {:?}", there, back);
                prop_assert!((there.intercept + back.intercept).abs() < scale, "{:?}, {:?}", there, back);
                prop_assert!((in_the_large(&truth, &p)? + in_the_large(&other, &q)?).abs() < 1e-8);
            }
            (there, back) => {
                // A probability may round to another neighbour at the touching point of two classes, never an error away.
                prop_assert!(there.is_err() || back.is_err());
                prop_assert!(!matches!(there, Err(Error::NotConverged { .. })), "{:?}", there);
                prop_assert!(!matches!(back, Err(Error::NotConverged { .. })), "{:?}", back);
            }
        }
    }

    #[test]
    fn one_group_scores_what_all_examples_score((truth, scores) in ranked(), threshold in -20.0..20.0_f64) {
        let rows = subgroup::binary(&truth, &scores, threshold, &vec!["all"; truth.len()])?;
        prop_assert_eq!(rows.len(), 1);
        prop_assert_eq!(rows[0].scores.auroc, Some(ranking::auroc(&truth, &scores)?));
        prop_assert_eq!(rows[0].scores.rates, at(&truth, &scores, threshold)?.rates);
    }

    #[test]
    fn what_is_found_is_hidden(sentences in vec((sentence(), sentence()), 1..6)) {
        let (truth, predicted): (Vec<Vec<String>>, Vec<Vec<String>>) = sentences
            .iter()
            .map(|(truth, predicted)| {
                let (truth, mut predicted) = (write_tags(truth), write_tags(predicted));
                predicted.resize(truth.len(), "O".to_owned());
                (truth, predicted)
            })
            .unzip();
        let report = deidentification::report(&truth, &predicted)?;
        let strict = entity::scores(&truth, &predicted)?;
        prop_assert_eq!((report.all.recall, report.all.f1), (strict.micro.recall, strict.micro.f1));
        for (_, row) in &report.per_type {
            prop_assert!(row.recall <= row.hidden && row.exposed <= row.support && row.words_exposed <= row.words);
        }
        let perfect = deidentification::report(&truth, &truth)?.all;
        prop_assert_eq!((perfect.exposed, perfect.words_exposed), (0, 0));
        prop_assert_eq!(perfect.recall, if perfect.support == 0 { 0.0 } else { 1.0 });
    }
}
