//! Laws of resampling, for every input.

use minim_metrics::bootstrap::{
    Bootstrap, CalibrationError, Clusters, Confusion, Difference, Interval, Mean, Measure, Ranked, Statistic,
};
use minim_metrics::calibration::{Bins, brier, ece};
use minim_metrics::classification::{self, Average, Labels};
use minim_metrics::{Error, entity, entity_table, ranking};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{sentence, write_tags};

const CLASSES: usize = 3;
const FEW: Bootstrap = Bootstrap { resamples: 50, level: 0.9, seed: 5 };

/// One example: its document, class, predicted class, and probability of being positive, in eighths so that many tie.
type Example = (usize, usize, usize, u8);

/// Examples of at most six documents, a positive and a negative among them.
fn examples() -> impl Strategy<Value = Vec<Example>> {
    vec((0..6_usize, 0..CLASSES, 0..CLASSES, 0..=8_u8), 0..40).prop_map(|mut examples| {
        examples.extend([(0, 1, 1, 5), (1, 0, 0, 4)]);
        examples
    })
}

/// How often each of six documents is drawn, at least one of them.
fn drawn() -> impl Strategy<Value = Vec<u32>> {
    vec(0..4_u32, 6).prop_filter("nothing drawn", |drawn| drawn.iter().any(|&times| times > 0))
}

struct Columns {
    documents: Vec<String>,
    truth: Vec<usize>,
    predicted: Vec<usize>,
    positive: Vec<bool>,
    probabilities: Vec<f64>,
}

fn columns(examples: &[Example]) -> Columns {
    Columns {
        documents: examples.iter().map(|(document, ..)| format!("note-{document}")).collect(),
        truth: examples.iter().map(|(_, truth, ..)| *truth).collect(),
        predicted: examples.iter().map(|(_, _, predicted, _)| *predicted).collect(),
        positive: examples.iter().map(|(_, truth, ..)| *truth == 1).collect(),
        probabilities: examples.iter().map(|(.., eighths)| f64::from(*eighths) / 8.0).collect(),
    }
}

/// Every kind of statistic on these examples.
fn statistics(of: &Columns, clusters: &Clusters) -> Result<Vec<Box<dyn Statistic>>, Error> {
    let confusion = Confusion::of_classes(&of.truth, &of.predicted, CLASSES, clusters)?;
    let averaged = |by, labels, measure| confusion.averaged(by, labels, measure);
    Ok(vec![
        Box::new(confusion.accuracy()),
        Box::new(averaged(Average::Macro, Labels::All, Measure::F1)?),
        Box::new(averaged(Average::Macro, Labels::Present, Measure::Precision)?),
        Box::new(averaged(Average::Micro, Labels::Except(0), Measure::Recall)?),
        Box::new(Ranked::auroc(&of.positive, &of.probabilities, clusters)?),
        Box::new(Ranked::average_precision(&of.positive, &of.probabilities, clusters)?),
        Box::new(Mean::brier(&of.positive, &of.probabilities, clusters)?),
        Box::new(CalibrationError::new(&of.positive, &of.probabilities, 4, clusters)?),
    ])
}

/// The same scores by the functions that know nothing of clusters; no value where they are not defined.
fn plain(of: &Columns) -> Result<Vec<Option<f64>>, Error> {
    let (truth, predicted) = (&of.truth, &of.predicted);
    let has = |class: bool| of.positive.contains(&class);
    Ok(vec![
        Some(classification::accuracy(truth, predicted)?),
        Some(classification::f1(truth, predicted, CLASSES, Average::Macro, Labels::All)?),
        Some(classification::precision(truth, predicted, CLASSES, Average::Macro, Labels::Present)?),
        Some(classification::recall(truth, predicted, CLASSES, Average::Micro, Labels::Except(0))?),
        ranking::auroc(&of.positive, &of.probabilities).ok().filter(|_| has(true) && has(false)),
        if has(true) { Some(ranking::average_precision(&of.positive, &of.probabilities)?) } else { None },
        Some(brier(&of.positive, &of.probabilities)?),
        Some(ece(&of.positive, &of.probabilities, Bins::Uniform(4))?),
    ])
}

fn intervals(of: &Columns, clusters: &Clusters, bootstrap: Bootstrap) -> Result<Vec<Interval>, Error> {
    let statistics = statistics(of, clusters)?;
    let statistics: Vec<&dyn Statistic> = statistics.iter().map(|statistic| &**statistic).collect();
    bootstrap.intervals(&statistics)
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start").install(work)
}

proptest! {
    #[test]
    fn weights_are_repeated_examples(examples in examples(), drawn in drawn()) {
        let of = columns(&examples);
        let clusters = Clusters::by_name(&of.documents)?;
        let drawn = &drawn[..clusters.len()];
        let mut repeated = Vec::new();
        for (example, &cluster) in examples.iter().zip(clusters.of()) {
            repeated.extend(vec![*example; drawn[cluster as usize] as usize]);
        }
        prop_assume!(!repeated.is_empty());
        let expected = plain(&columns(&repeated))?;
        for (index, (statistic, expected)) in statistics(&of, &clusters)?.iter().zip(expected).enumerate() {
            let found = statistic.value(drawn);
            prop_assert_eq!(found.is_some(), expected.is_some(), "statistic {}", index);
            let difference = found.unwrap_or_default() - expected.unwrap_or_default();
            prop_assert!(difference.abs() < 1e-12, "statistic {}: {:?}, expected {:?}", index, found, expected);
        }
    }

    #[test]
    fn weighted_area_is_that_of_repeated_examples_to_the_last_bit(examples in examples(), drawn in drawn()) {
        let of = columns(&examples);
        let clusters = Clusters::by_name(&of.documents)?;
        let (mut truth, mut scores) = (Vec::new(), Vec::new());
        for (example, &cluster) in clusters.of().iter().enumerate() {
            truth.extend(vec![of.positive[example]; drawn[cluster as usize] as usize]);
            scores.extend(vec![of.probabilities[example]; drawn[cluster as usize] as usize]);
        }
        let found = Ranked::auroc(&of.positive, &of.probabilities, &clusters)?.value(&drawn);
        prop_assert_eq!(found, ranking::auroc(&truth, &scores).ok());
    }

    #[test]
    fn one_cluster_gives_the_point_itself(examples in examples(), seed in any::<u64>()) {
        let of = columns(&examples);
        let clusters = Clusters::by_name(&vec!["the only patient"; examples.len()])?;
        for found in intervals(&of, &clusters, Bootstrap { seed, ..FEW })? {
            prop_assert_eq!((found.low, found.high), (found.point, found.point));
            prop_assert_eq!((found.standard_error, found.undefined), (0.0, 0));
        }
    }

    #[test]
    fn the_order_of_examples_and_documents_changes_no_interval(examples in examples(), turn in 0..40_usize) {
        let mut turned = examples.clone();
        turned.rotate_left(turn % examples.len());
        turned.reverse();
        let [of, other] = [&examples, &turned].map(|examples| columns(examples));
        let found = intervals(&of, &Clusters::by_name(&of.documents)?, FEW)?;
        let turned = intervals(&other, &Clusters::by_name(&other.documents)?, FEW)?;
        for (found, turned) in found.iter().zip(&turned) {
            // Sums of probabilities may differ in their last bit.
            for (a, b) in [(found.point, turned.point), (found.low, turned.low), (found.high, turned.high)] {
                prop_assert!((a - b).abs() < 1e-12, "{:?} and {:?}", found, turned);
            }
            prop_assert_eq!(found.undefined, turned.undefined);
        }
        // Counts and ranks are integers: not even that.
        prop_assert_eq!(found[..5].to_vec(), turned[..5].to_vec());
    }

    #[test]
    fn a_seed_gives_the_same_intervals_on_any_number_of_threads(examples in examples(), seed in any::<u64>()) {
        let of = columns(&examples);
        let clusters = Clusters::by_name(&of.documents)?;
        let on = |threads| in_pool(threads, || intervals(&of, &clusters, Bootstrap { seed, ..FEW }));
        let one = on(1)?;
        prop_assert_eq!(&on(2)?, &one);
        prop_assert_eq!(&on(5)?, &one);
    }

    #[test]
    fn statistics_do_not_disturb_each_other(examples in examples()) {
        let of = columns(&examples);
        let clusters = Clusters::by_name(&of.documents)?;
        let together = intervals(&of, &clusters, FEW)?;
        for (statistic, together) in statistics(&of, &clusters)?.iter().zip(&together) {
            prop_assert_eq!(&FEW.interval(&**statistic)?, together);
        }
    }

    #[test]
    fn a_higher_level_holds_a_lower_one(examples in examples()) {
        let of = columns(&examples);
        let clusters = Clusters::by_name(&of.documents)?;
        let narrow = intervals(&of, &clusters, Bootstrap { level: 0.5, ..FEW })?;
        let wide = intervals(&of, &clusters, Bootstrap { level: 0.95, ..FEW })?;
        for (narrow, wide) in narrow.iter().zip(&wide) {
            prop_assert!(wide.low <= narrow.low && narrow.low <= narrow.high && narrow.high <= wide.high);
        }
    }

    #[test]
    fn a_run_does_not_differ_from_itself(examples in examples()) {
        let of = columns(&examples);
        let clusters = Clusters::by_name(&of.documents)?;
        for statistic in statistics(&of, &clusters)? {
            let Difference { interval, p_value, .. } = FEW.paired(&*statistic, &*statistic)?;
            prop_assert_eq!((interval.point, interval.low, interval.high, p_value), (0.0, 0.0, 0.0, 1.0));
        }
    }

    #[test]
    fn swapping_the_runs_turns_the_difference_round(examples in examples()) {
        let of = columns(&examples);
        let clusters = Clusters::by_name(&of.documents)?;
        let all = statistics(&of, &clusters)?;
        // Any two statistics of the same clusters will do.
        let there = FEW.paired(&*all[0], &*all[1])?;
        let back = FEW.paired(&*all[1], &*all[0])?;
        prop_assert_eq!(there.p_value, back.p_value);
        prop_assert_eq!((there.first, there.second), (back.second, back.first));
        let (there, back) = (there.interval, back.interval);
        prop_assert!((there.low + back.high).abs() < 1e-12 && (there.high + back.low).abs() < 1e-12);
        prop_assert_eq!(there.point, -back.point);
    }

    #[test]
    fn a_table_of_types_has_the_points_of_the_report(sentences in vec((sentence(), sentence()), 1..6)) {
        // As many tags in the prediction as in the truth.
        let (truth, predicted): (Vec<Vec<String>>, Vec<Vec<String>>) = sentences
            .iter()
            .map(|(truth, predicted)| {
                let (truth, mut predicted) = (write_tags(truth), write_tags(predicted));
                predicted.resize(truth.len(), "O".to_owned());
                (truth, predicted)
            })
            .unzip();
        let report = entity::scores(&truth, &predicted)?;
        let table = entity_table::table(&truth, &predicted, &Clusters::singletons(truth.len())?, &FEW)?;
        let kinds = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>();
        let expected = kinds(report.per_type.iter().map(|(kind, _)| kind).collect());
        prop_assert_eq!(kinds(table.per_type.iter().map(|(kind, _)| kind).collect()), expected);
        let rows = table.per_type.iter().map(|(_, row)| row).chain([&table.all]);
        let scores = report.per_type.iter().map(|(_, scores)| scores).chain([&report.micro]);
        for (row, scores) in rows.zip(scores) {
            let point = |interval: Option<Interval>| interval.map_or(0.0, |interval| interval.point);
            prop_assert_eq!(row.support, scores.support);
            let found = (point(row.precision), point(row.recall), point(row.f1));
            prop_assert_eq!(found, (scores.precision, scores.recall, scores.f1));
        }
    }
}

#[test]
fn documents_make_an_interval_wider_than_alike_sentences_alone() {
    // Forty documents of five sentences that are all right or all wrong: the sentences only look independent.
    let documents: Vec<String> = (0..200).map(|sentence| format!("note-{:02}", sentence / 5)).collect();
    let truth = vec![0_usize; 200];
    let predicted: Vec<usize> = (0..200).map(|sentence| usize::from(sentence / 5 % 4 == 0)).collect();
    let width = |clusters: &Clusters| {
        let accuracy = Confusion::of_classes(&truth, &predicted, 2, clusters).expect("counts").accuracy();
        let found = Bootstrap { resamples: 2000, ..Bootstrap::default() }.interval(&accuracy).expect("an interval");
        assert_eq!(found.point, 0.75);
        found.high - found.low
    };
    let by_document = width(&Clusters::by_name(&documents).expect("documents"));
    let by_sentence = width(&Clusters::singletons(200).expect("sentences"));
    // The square root of five sentences a document.
    let ratio = by_document / by_sentence;
    assert!((ratio - 5_f64.sqrt()).abs() < 0.3, "{ratio}");
}

#[test]
fn an_interval_covers_the_truth_about_as_often_as_it_says() {
    // 400 samples of 100 tosses of a coin with 0.3, by a generator that has nothing to do with the one under test.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut toss = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f64::from(u8::from((state >> 11) as f64 / (1_u64 << 53) as f64 <= 0.3))
    };
    let clusters = Clusters::singletons(100).expect("clusters");
    let mut covered = 0;
    for seed in 0..400 {
        let sample: Vec<f64> = (0..100).map(|_| toss()).collect();
        let mean = Mean::new(&sample, &clusters).expect("a mean");
        let found = Bootstrap { resamples: 400, level: 0.9, seed }.interval(&mean).expect("an interval");
        covered += usize::from(found.low <= 0.3 && 0.3 <= found.high);
    }
    // 360 expected, 6 the standard deviation; a percentile interval of a share falls a little short.
    assert!((335..=380).contains(&covered), "{covered} of 400");
}
