//! Rankings resampled: the examples are sorted once, and each resample walks them with how often each was drawn.

use std::sync::Arc;

use super::{Clusters, Statistic};
use crate::{Error, ranking};

/// Area under the ROC curve or average precision, resampled.
///
/// A resample without a positive or, for the area, without a negative has no value; [`ranking::average_precision`]
/// gives 0 to data without a positive, as scikit-learn does, which in an interval would be a made-up score.
#[derive(Debug, Clone)]
pub struct Ranked {
    clusters: Clusters,
    metric: Metric,
    /// One ranking per class; the score is their mean.
    rankings: Arc<[Vec<Item>]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    Auroc,
    AveragePrecision,
}

/// One example of a ranking, which runs from the highest score to the lowest.
#[derive(Debug, Clone, Copy)]
struct Item {
    cluster: u32,
    /// All ones for a positive, zero for a negative.
    positive: u32,
    /// Whether the next example scores lower.
    ends_tie: bool,
}

impl Ranked {
    /// The area under the ROC curve: [`ranking::auroc`].
    ///
    /// # Errors
    /// As there, and another number of examples than of clustered ones.
    pub fn auroc(truth: &[bool], scores: &[f64], clusters: &Clusters) -> Result<Self, Error> {
        ranking::auroc(truth, scores)?;
        Self::new(Metric::Auroc, vec![(truth.to_vec(), scores.to_vec())], clusters)
    }

    /// The average precision: [`ranking::average_precision`].
    ///
    /// # Errors
    /// As there, [`Error::Undefined`] without a positive example, and another number of examples than of clustered ones.
    pub fn average_precision(truth: &[bool], scores: &[f64], clusters: &Clusters) -> Result<Self, Error> {
        ranking::average_precision(truth, scores)?;
        Self::new(Metric::AveragePrecision, vec![(truth.to_vec(), scores.to_vec())], clusters)
    }

    /// The mean area under the ROC curve of each class against the rest: [`ranking::auroc_ovr_macro`].
    ///
    /// # Errors
    /// As there, and another number of examples than of clustered ones.
    pub fn auroc_ovr_macro<R: AsRef<[f64]>>(
        truth: &[usize],
        rows: &[R],
        classes: usize,
        clusters: &Clusters,
    ) -> Result<Self, Error> {
        ranking::auroc_ovr_macro(truth, rows, classes)?;
        Self::new(Metric::Auroc, one_vs_rest(truth, rows, classes), clusters)
    }

    /// The mean average precision of each class against the rest: [`ranking::average_precision_macro`].
    ///
    /// # Errors
    /// As there, [`Error::Undefined`] for a class without an example, and another number of examples than of clustered
    /// ones.
    pub fn average_precision_macro<R: AsRef<[f64]>>(
        truth: &[usize],
        rows: &[R],
        classes: usize,
        clusters: &Clusters,
    ) -> Result<Self, Error> {
        ranking::average_precision_macro(truth, rows, classes)?;
        let present = |class: &usize| truth.contains(class);
        if let Some(class) = (0..classes).find(|class| !present(class)) {
            return Err(missing_positive(class));
        }
        Self::new(Metric::AveragePrecision, one_vs_rest(truth, rows, classes), clusters)
    }

    fn new(metric: Metric, classes: Vec<(Vec<bool>, Vec<f64>)>, clusters: &Clusters) -> Result<Self, Error> {
        for (truth, _) in &classes {
            clusters.check_examples(truth.len())?;
            if !truth.contains(&true) {
                return Err(missing_positive(1));
            }
        }
        let sorted = |(truth, scores): &(Vec<bool>, Vec<f64>)| sort(truth, scores, clusters);
        Ok(Self { clusters: clusters.clone(), metric, rankings: classes.iter().map(sorted).collect() })
    }
}

impl Statistic for Ranked {
    fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    fn value(&self, drawn: &[u32]) -> Option<f64> {
        let walk = match self.metric {
            Metric::Auroc => auroc,
            Metric::AveragePrecision => average_precision,
        };
        let mut sum = 0.0;
        for ranking in self.rankings.iter() {
            sum += walk(ranking, drawn)?;
        }
        Some(sum / self.rankings.len() as f64)
    }
}

fn missing_positive(class: usize) -> Error {
    Error::Undefined { metric: "average precision", class, missing: "positive" }
}

fn one_vs_rest<R: AsRef<[f64]>>(truth: &[usize], rows: &[R], classes: usize) -> Vec<(Vec<bool>, Vec<f64>)> {
    let of_class = |class: usize| {
        let positive = truth.iter().map(|&label| label == class).collect();
        (positive, rows.iter().map(|row| row.as_ref()[class]).collect())
    };
    (0..classes).map(of_class).collect()
}

fn sort(truth: &[bool], scores: &[f64], clusters: &Clusters) -> Vec<Item> {
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let item = |(place, &example): (usize, &usize)| Item {
        cluster: clusters.of()[example],
        positive: if truth[example] { u32::MAX } else { 0 },
        // Compared by value, not by the total order, so that -0 and 0 tie.
        ends_tie: order.get(place + 1).is_none_or(|&next| scores[next] != scores[example]),
    };
    order.iter().enumerate().map(item).collect()
}

/// As `ranking::auroc` of the examples repeated as often as they were drawn.
fn auroc(ranking: &[Item], drawn: &[u32]) -> Option<f64> {
    let (mut tied_positives, mut tied_negatives) = (0_u64, 0_u64);
    let (mut positives, mut negatives) = (0_u64, 0_u64);
    // From high to low: a negative loses to each positive before it, and half to each that ties with it.
    let mut doubled_wins = 0_u128;
    for item in ranking {
        let times = drawn[item.cluster as usize];
        // Without a branch, which no processor could foresee.
        tied_positives += u64::from(times & item.positive);
        tied_negatives += u64::from(times & !item.positive);
        if item.ends_tie {
            doubled_wins += u128::from(tied_negatives) * u128::from(2 * positives + tied_positives);
            positives += tied_positives;
            negatives += tied_negatives;
            (tied_positives, tied_negatives) = (0, 0);
        }
    }
    let doubled_pairs = 2 * u128::from(positives) * u128::from(negatives);
    (doubled_pairs > 0).then(|| doubled_wins as f64 / doubled_pairs as f64)
}

/// As `ranking::average_precision` of the examples repeated as often as they were drawn.
fn average_precision(ranking: &[Item], drawn: &[u32]) -> Option<f64> {
    let (mut tied, mut tied_positives) = (0_u64, 0_u64);
    let (mut taken, mut found, mut sum) = (0_u64, 0_u64, 0.0);
    for item in ranking {
        let times = drawn[item.cluster as usize];
        tied += u64::from(times);
        tied_positives += u64::from(times & item.positive);
        if item.ends_tie {
            taken += tied;
            found += tied_positives;
            if tied_positives > 0 {
                sum += tied_positives as f64 * (found as f64 / taken as f64);
            }
            (tied, tied_positives) = (0, 0);
        }
    }
    (found > 0).then(|| sum / found as f64)
}
