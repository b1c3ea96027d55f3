//! Confidence intervals and comparisons of runs by resampling whole documents or patients.
//!
//! Sentences of one note, and stays of one patient, are alike. An interval that resamples them one by one takes them for
//! independent and comes out too narrow, so [`Clusters`] of examples are drawn: with replacement, as many as there are.
//!
//! Sources: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 (percentile intervals) and 16;
//! Davison and Hinkley, "Bootstrap Methods and their Application" (1997), sections 3.8 (clusters) and 4.2 (p-values that
//! count the data as one resample). On the same resamples the intervals are those of `scipy.stats.bootstrap` with
//! `method="percentile"` to 1e-9 (`tests/parity/resampling.rs`).
//!
//! A resample is never copied together. It is how often each cluster was drawn, and a [`Statistic`] turns those numbers
//! into a score: from confusion counts of each cluster ([`Confusion`]), from examples sorted once ([`Ranked`]), or from
//! sums ([`Mean`], [`CalibrationError`]). Resamples run in parallel on rayon's current pool; resample `b` has the ChaCha8
//! stream `b` of the seed, so that the result depends on the seed alone, not on the number of threads.
//!
//! ```
//! use minim_metrics::bootstrap::{Bootstrap, Clusters, Confusion, Measure};
//! use minim_metrics::classification::{Average, Labels};
//!
//! let documents = ["note-1", "note-1", "note-2", "note-3", "note-3", "note-4"];
//! let clusters = Clusters::by_name(&documents)?;
//! let (truth, predicted) = ([0, 1, 1, 0, 1, 0], [0, 1, 0, 0, 1, 0]);
//! let confusion = Confusion::of_classes(&truth, &predicted, 2, &clusters)?;
//! let macro_f1 = confusion.averaged(Average::Macro, Labels::All, Measure::F1)?;
//! let accuracy = confusion.accuracy();
//! let intervals = Bootstrap { resamples: 1000, level: 0.95, seed: 12 }.intervals(&[&accuracy, &macro_f1])?;
//! assert_eq!(intervals[0].point, 5.0 / 6.0);
//! assert!(intervals[0].low < intervals[0].point && intervals[0].high == 1.0);
//! # Ok::<(), minim_metrics::Error>(())
//! ```

mod calibration_error;
mod clusters;
mod confusion;
mod draw;
mod mean;
mod ranked;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use calibration_error::CalibrationError;
pub use clusters::Clusters;
pub use confusion::{Confusion, Counted, Measure};
pub use mean::Mean;
pub use ranked::Ranked;

use crate::Error;
use crate::quantile::quantile;

/// A score of a resample.
pub trait Statistic: Sync {
    /// What is drawn.
    fn clusters(&self) -> &Clusters;

    /// The score where each cluster was drawn `drawn` times, all ones being the data itself; `None` where the score has
    /// no value, for example an area under the ROC curve without a negative.
    ///
    /// # Panics
    /// May panic where `drawn` has fewer numbers than there are clusters.
    fn value(&self, drawn: &[u32]) -> Option<f64>;
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// How many resamples to draw; 10,000 settle the ends of a 95 % interval to about a hundredth of its width.
    pub resamples: usize,
    /// The share of resamples that the interval holds, between 0 and 1.
    pub level: f64,
    /// Where the draws start; the same seed gives the same intervals.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 10,000 resamples, 95 %, seed 0.
    fn default() -> Self {
        Self { resamples: 10_000, level: 0.95, seed: 0 }
    }
}

/// A score with the percentile interval around it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The score of the data itself.
    pub point: f64,
    /// The lower end: the quantile (1 - level) / 2 of the resamples.
    pub low: f64,
    /// The upper end: the quantile (1 + level) / 2 of the resamples.
    pub high: f64,
    /// Standard deviation over the resamples, with one less in the denominator; 0 with one resample.
    pub standard_error: f64,
    /// The share of resamples between the ends.
    pub level: f64,
    /// Resamples that the ends come from.
    pub resamples: usize,
    /// Resamples left out because the score has no value there. SciPy answers NaN to the first of them; more than a few
    /// mean that the data is too small for an interval.
    pub undefined: usize,
}

/// Two runs on the same clusters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The first run's score.
    pub first: f64,
    /// The second run's score.
    pub second: f64,
    /// First less second.
    pub interval: Interval,
    /// Two-sided: how often the difference changes its sign. See [`Bootstrap::paired`].
    pub p_value: f64,
}

impl Bootstrap {
    /// The interval of each statistic, all on the same resamples.
    ///
    /// # Errors
    /// No resample, a level that is not between 0 and 1, statistics of other clusters, or one without a value on the data
    /// or on any resample.
    pub fn intervals(&self, statistics: &[&dyn Statistic]) -> Result<Vec<Interval>, Error> {
        let distributions = self.distributions(statistics)?;
        let intervals = points(statistics)?.into_iter().zip(distributions);
        intervals.map(|(point, scores)| Interval::from_resamples(point, scores, self.level)).collect()
    }

    /// The interval of one statistic.
    ///
    /// # Errors
    /// As [`intervals`](Self::intervals).
    pub fn interval(&self, statistic: &dyn Statistic) -> Result<Interval, Error> {
        let [scores] = self.fixed_distributions([statistic])?;
        Interval::from_resamples(points(&[statistic])?[0], scores, self.level)
    }

    /// The difference of two runs: the same statistic of both, on the same resamples.
    ///
    /// The p-value is twice the smaller of the shares of resamples in which the difference is at most, and at least, 0,
    /// the data counted as one resample of either kind, and at most 1. It is below 1 - level roughly where the interval
    /// leaves 0 out, and never below 2 / (resamples + 1). A difference within a trillionth of the scores is 0. A resample
    /// in which either run has no value is left out.
    ///
    /// # Errors
    /// As [`intervals`](Self::intervals), and [`Error::OtherClusters`].
    ///
    /// ```
    /// use minim_metrics::bootstrap::{Bootstrap, Clusters, Confusion};
    ///
    /// let truth: Vec<usize> = (0..60).map(|example| example % 2).collect();
    /// let wrong_in = |every: usize| -> Vec<usize> {
    ///     truth.iter().enumerate().map(|(at, label)| if at % every == 0 { 1 - label } else { *label }).collect()
    /// };
    /// let clusters = Clusters::singletons(60)?;
    /// let accuracy = |predicted: Vec<usize>| {
    ///     Ok::<_, minim_metrics::Error>(Confusion::of_classes(&truth, &predicted, 2, &clusters)?.accuracy())
    /// };
    /// let (good, bad) = (accuracy(wrong_in(20))?, accuracy(wrong_in(2))?);
    /// let found = Bootstrap::default().paired(&good, &bad)?;
    /// assert!(found.interval.low > 0.0 && found.p_value < 0.001);
    /// # Ok::<(), minim_metrics::Error>(())
    /// ```
    pub fn paired(&self, first: &dyn Statistic, second: &dyn Statistic) -> Result<Difference, Error> {
        let [of_first, of_second] = self.fixed_distributions([first, second])?;
        let points = points(&[first, second])?;
        Difference::from_resamples(points[0], points[1], [&of_first, &of_second], self.level)
    }

    /// The score of each resample for each statistic, NaN where it has no value; the same order for all.
    ///
    /// # Errors
    /// No resample, no statistic, a level that is not between 0 and 1, or statistics of other clusters.
    pub fn distributions(&self, statistics: &[&dyn Statistic]) -> Result<Vec<Vec<f64>>, Error> {
        self.check()?;
        let Some((first, rest)) = statistics.split_first() else {
            return Err(Error::Empty { what: "statistic" });
        };
        let clusters = first.clusters();
        for other in rest {
            if !clusters.same(other.clusters()) {
                return Err(Error::OtherClusters { first: clusters.len(), second: other.clusters().len() });
            }
        }
        let width = statistics.len();
        let mut table = vec![0.0; width * self.resamples];
        let start = draw::Start::new(self.seed);
        table.par_chunks_mut(width).enumerate().for_each_init(
            || vec![0_u32; clusters.len()],
            |drawn, (resample, row)| {
                start.resample(resample, drawn);
                for (cell, statistic) in row.iter_mut().zip(statistics) {
                    *cell = statistic.value(drawn).unwrap_or(f64::NAN);
                }
            },
        );
        Ok((0..width).map(|column| table.iter().skip(column).step_by(width).copied().collect()).collect())
    }

    fn fixed_distributions<const N: usize>(&self, statistics: [&dyn Statistic; N]) -> Result<[Vec<f64>; N], Error> {
        let mut distributions = self.distributions(&statistics)?.into_iter();
        Ok(std::array::from_fn(|_| distributions.next().unwrap_or_default()))
    }

    fn check(&self) -> Result<(), Error> {
        if self.resamples == 0 {
            return Err(Error::Empty { what: "resample" });
        }
        check_level(self.level)
    }
}

impl Interval {
    /// The percentile interval around `point` from the scores of resamples, NaN for those without one.
    ///
    /// # Errors
    /// A level that is not between 0 and 1, or no resample with a score.
    pub fn from_resamples(point: f64, scores: Vec<f64>, level: f64) -> Result<Self, Error> {
        check_level(level)?;
        let all = scores.len();
        let mut sorted = scores;
        sorted.retain(|score| !score.is_nan());
        if sorted.is_empty() {
            return Err(Error::Empty { what: "resample with a score" });
        }
        sorted.sort_by(f64::total_cmp);
        let tail = (1.0 - level) / 2.0;
        Ok(Self {
            point,
            low: quantile(&sorted, tail),
            high: quantile(&sorted, 1.0 - tail),
            standard_error: deviation(&sorted),
            level,
            resamples: sorted.len(),
            undefined: all - sorted.len(),
        })
    }
}

impl Difference {
    /// The difference of two runs from the scores of shared resamples, NaN for those without one: `first` and `second` are
    /// the scores of the data themselves.
    ///
    /// # Errors
    /// Another number of resamples for one run than for the other, a level that is not between 0 and 1, or no resample
    /// with a score of both.
    pub fn from_resamples(first: f64, second: f64, scores: [&[f64]; 2], level: f64) -> Result<Self, Error> {
        let [of_first, of_second] = scores;
        if of_first.len() != of_second.len() {
            let (truth, predicted) = (of_first.len(), of_second.len());
            return Err(Error::LengthsDiffer { what: "resamples", truth, predicted });
        }
        // NaN, no value in one of the runs, stays NaN.
        let differences: Vec<f64> = of_first.iter().zip(of_second).map(|(first, second)| first - second).collect();
        let p_value = p_value(&differences, f64::max(first.abs(), second.abs()));
        Ok(Self { first, second, interval: Interval::from_resamples(first - second, differences, level)?, p_value })
    }
}

fn check_level(level: f64) -> Result<(), Error> {
    let inside = level > 0.0 && level < 1.0;
    if inside { Ok(()) } else { Err(Error::OutOfRange { what: "confidence level", expected: "between 0 and 1" }) }
}

fn points(statistics: &[&dyn Statistic]) -> Result<Vec<f64>, Error> {
    let point = |(index, statistic): (usize, &&dyn Statistic)| {
        let once = vec![1; statistic.clusters().len()];
        statistic.value(&once).ok_or(Error::NoValue { index })
    };
    statistics.iter().enumerate().map(point).collect()
}

/// Standard deviation with one less in the denominator, in two passes.
fn deviation(values: &[f64]) -> f64 {
    // Equal values have none; their mean may be off by rounding and would give a tiny one.
    if values.first() == values.last() {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// `scale` is the size of the scores that the differences are of.
fn p_value(differences: &[f64], scale: f64) -> f64 {
    // Two equal scores, computed from other counts, may differ in their last bits: a tie, which counts on both sides.
    let rounding = 1e-12 * scale;
    let (mut defined, mut below, mut above) = (0, 0, 0);
    for difference in differences.iter().filter(|difference| !difference.is_nan()) {
        defined += 1;
        below += usize::from(*difference <= rounding);
        above += usize::from(*difference >= -rounding);
    }
    (2.0 * (1 + below.min(above)) as f64 / (1 + defined) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let mean = Mean::new(&[1.0, 2.0], &Clusters::singletons(2).unwrap()).unwrap();
        let none = Bootstrap { resamples: 0, ..Bootstrap::default() };
        assert_eq!(none.interval(&mean), Err(Error::Empty { what: "resample" }));
        for level in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            let wrong = Bootstrap { level, ..Bootstrap::default() };
            assert!(matches!(wrong.interval(&mean), Err(Error::OutOfRange { .. })), "{level}");
        }
        assert_eq!(Bootstrap::default().intervals(&[]), Err(Error::Empty { what: "statistic" }));
    }

    #[test]
    fn runs_on_other_documents_are_not_compared() {
        let of = |names: &[&str]| Mean::new(&[1.0, 2.0], &Clusters::by_name(names).unwrap()).unwrap();
        let few = Bootstrap { resamples: 10, ..Bootstrap::default() };
        let other = Error::OtherClusters { first: 2, second: 2 };
        assert_eq!(few.paired(&of(&["a", "b"]), &of(&["a", "c"])), Err(other));
        let fewer = Error::OtherClusters { first: 2, second: 1 };
        assert_eq!(few.paired(&of(&["a", "b"]), &of(&["a", "a"])), Err(fewer));
        assert!(few.paired(&of(&["a", "b"]), &of(&["b", "a"])).is_ok());
    }

    #[test]
    fn a_p_value_counts_the_data_as_one_resample() {
        assert_eq!(p_value(&[0.1; 99], 1.0), 2.0 / 100.0);
        assert_eq!(p_value(&[0.0; 99], 1.0), 1.0);
        assert_eq!(p_value(&[0.7 - 0.6 - 0.1; 99], 1.0), 1.0);
        assert_eq!(p_value(&[-0.1, 0.1, 0.2, f64::NAN], 1.0), 1.0);
        let mut nearly = vec![0.3; 197];
        nearly.extend([-0.1, 0.0]);
        assert_eq!(p_value(&nearly, 1.0), 2.0 * 3.0 / 200.0);
    }

    #[test]
    fn an_interval_leaves_out_what_has_no_value() {
        let found = Interval::from_resamples(0.5, vec![f64::NAN, 0.25, 0.75, f64::NAN], 0.5).unwrap();
        assert_eq!((found.low, found.high, found.resamples, found.undefined), (0.375, 0.625, 2, 2));
        let none = Interval::from_resamples(0.5, vec![f64::NAN], 0.5);
        assert_eq!(none, Err(Error::Empty { what: "resample with a score" }));
    }
}
