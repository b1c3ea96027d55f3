//! Laws that hold for every input, checked on random ones.

#[path = "properties/resampling.rs"]
mod resampling;
#[path = "properties/thresholds.rs"]
mod thresholds;

use minim_metrics::classification::{Average, Labels, accuracy, averaged, f1, per_class, precision, recall};
use minim_metrics::entity::{self, Span};
use minim_metrics::ranking::{auroc, average_precision};
use proptest::collection::vec;
use proptest::prelude::*;

const CLASSES: usize = 4;

fn labels() -> impl Strategy<Value = Vec<(usize, usize)>> {
    vec((0..CLASSES, 0..CLASSES), 1..40)
}

/// Truth and score of examples, with a positive and a negative among them and many ties.
fn ranked() -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    let example = (any::<bool>(), -20..20_i32);
    vec(example, 0..40).prop_map(|mut examples| {
        examples.extend([(true, 0), (false, 1)]);
        examples.into_iter().map(|(truth, score)| (truth, f64::from(score))).unzip()
    })
}

/// A sentence as `(tags outside before, tags inside, type)` of each entity.
fn sentence() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
    let kind = prop_oneof![Just("Drug"), Just("Dose"), Just("anti-PD1")].prop_map(str::to_owned);
    vec((0..3_usize, 1..4_usize, kind), 0..6)
}

fn write_tags(entities: &[(usize, usize, String)]) -> Vec<String> {
    let mut tags = Vec::new();
    for (outside, inside, kind) in entities {
        tags.extend(vec!["O".to_owned(); *outside]);
        tags.push(format!("B-{kind}"));
        tags.extend(vec![format!("I-{kind}"); inside - 1]);
    }
    tags
}

proptest! {
    #[test]
    fn micro_scores_over_all_labels_are_the_accuracy(pairs in labels()) {
        let (truth, predicted): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let expected = accuracy(&truth, &predicted)?;
        for score in [precision, recall, f1] {
            prop_assert_eq!(score(&truth, &predicted, CLASSES, Average::Micro, Labels::All)?, expected);
        }
    }

    #[test]
    fn weighted_recall_is_the_accuracy(pairs in labels()) {
        let (truth, predicted): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let found = recall(&truth, &predicted, CLASSES, Average::Weighted, Labels::Present)?;
        prop_assert!((found - accuracy(&truth, &predicted)?).abs() < 1e-12);
    }

    #[test]
    fn swapping_truth_and_prediction_swaps_precision_and_recall(pairs in labels()) {
        let (truth, predicted): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let there = per_class(&truth, &predicted, CLASSES)?;
        let back = per_class(&predicted, &truth, CLASSES)?;
        for (there, back) in there.iter().zip(&back) {
            prop_assert_eq!((there.precision, there.recall, there.f1), (back.recall, back.precision, back.f1));
        }
    }

    #[test]
    fn except_is_only_the_others(pairs in labels(), except in 0..CLASSES) {
        let (truth, predicted): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let others: Vec<usize> = (0..CLASSES).filter(|&label| label != except).collect();
        for by in [Average::Micro, Average::Macro, Average::Weighted] {
            let found = averaged(&truth, &predicted, CLASSES, by, Labels::Except(except))?;
            prop_assert_eq!(found, averaged(&truth, &predicted, CLASSES, by, Labels::Only(&others))?);
        }
    }

    #[test]
    fn a_monotone_map_of_the_scores_changes_no_ranking((truth, scores) in ranked()) {
        let mapped: Vec<f64> = scores.iter().map(|score| (score / 7.0).exp() - 3.0).collect();
        prop_assert_eq!(auroc(&truth, &mapped)?, auroc(&truth, &scores)?);
        prop_assert_eq!(average_precision(&truth, &mapped)?, average_precision(&truth, &scores)?);
    }

    #[test]
    fn auroc_is_the_share_of_pairs_in_order((truth, scores) in ranked()) {
        let of = |class: bool| truth.iter().zip(&scores).filter(move |(t, _)| **t == class).map(|(_, s)| *s);
        let (mut won, mut pairs) = (0.0, 0.0);
        for positive in of(true) {
            for negative in of(false) {
                won += if positive > negative { 1.0 } else if positive == negative { 0.5 } else { 0.0 };
                pairs += 1.0;
            }
        }
        prop_assert_eq!(auroc(&truth, &scores)?, won / pairs);
    }

    #[test]
    fn negated_scores_turn_auroc_round((truth, scores) in ranked()) {
        let negated: Vec<f64> = scores.iter().map(|score| -score).collect();
        prop_assert!((auroc(&truth, &scores)? + auroc(&truth, &negated)? - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_order_of_examples_changes_no_bit((truth, scores) in ranked()) {
        let reversed: (Vec<bool>, Vec<f64>) = truth.iter().copied().zip(scores.iter().copied()).rev().unzip();
        prop_assert_eq!(auroc(&truth, &scores)?, auroc(&reversed.0, &reversed.1)?);
        prop_assert_eq!(average_precision(&truth, &scores)?, average_precision(&reversed.0, &reversed.1)?);
    }

    #[test]
    fn spans_are_read_back_from_their_tags(entities in sentence()) {
        let tags = write_tags(&entities);
        let mut position = 0;
        let expected: Vec<Span<'_>> = entities
            .iter()
            .map(|(outside, inside, kind)| {
                let start = position + outside;
                position = start + inside;
                Span { start, end: position, kind }
            })
            .collect();
        prop_assert_eq!(entity::spans(&tags)?, expected);
    }

    #[test]
    fn a_perfect_tagger_scores_one(sentences in vec(sentence(), 1..5)) {
        let tags: Vec<Vec<String>> = sentences.iter().map(|entities| write_tags(entities)).collect();
        let report = entity::scores(&tags, &tags)?;
        let entities: usize = sentences.iter().map(Vec::len).sum();
        prop_assert_eq!(report.micro.support, entities);
        let expected = if entities == 0 { 0.0 } else { 1.0 };
        for scores in [report.micro, report.macro_average, report.weighted] {
            prop_assert_eq!((scores.precision, scores.recall), (expected, expected));
            prop_assert_eq!(scores.f1, expected);
        }
    }
}
