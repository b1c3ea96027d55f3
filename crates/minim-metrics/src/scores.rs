//! Precision, recall and F1 from counts, and their averages: the arithmetic shared by classes and entities.

use serde::{Deserialize, Serialize};

/// Precision, recall and F1 of one class, of one entity type, or averaged over several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Of what was predicted, the share that is right; 0 where nothing was predicted.
    pub precision: f64,
    /// Of what is there, the share that was found; 0 where nothing is there.
    pub recall: f64,
    /// Harmonic mean of precision and recall; 0 where nothing is there and nothing was predicted.
    pub f1: f64,
    /// How many there are in the truth.
    pub support: usize,
}

/// How the scores of several classes or entity types become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Average {
    /// Counts are summed first: every decision weighs the same.
    Micro,
    /// Mean of the scores: every class weighs the same. The F1 is the mean of the F1s.
    Macro,
    /// Mean of the scores weighted by support: every true example weighs the same.
    Weighted,
}

/// What precision and recall are computed from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) correct: usize,
    pub(crate) predicted: usize,
    pub(crate) actual: usize,
}

impl Tally {
    pub(crate) fn scores(self) -> Scores {
        Scores {
            precision: ratio(self.correct, self.predicted),
            recall: ratio(self.correct, self.actual),
            f1: ratio(2 * self.correct, self.predicted + self.actual),
            support: self.actual,
        }
    }
}

/// `tallies` as one score; zero throughout when there are none.
pub(crate) fn average(tallies: &[Tally], average: Average) -> Scores {
    let support = tallies.iter().map(|tally| tally.actual).sum();
    let weight = |tally: &Tally| match average {
        Average::Weighted => tally.actual,
        Average::Micro | Average::Macro => 1,
    };
    if average == Average::Micro {
        let sum = |field: fn(&Tally) -> usize| tallies.iter().map(field).sum();
        let total =
            Tally { correct: sum(|tally| tally.correct), predicted: sum(|tally| tally.predicted), actual: support };
        return total.scores();
    }
    let total: usize = tallies.iter().map(weight).sum();
    // With no weight at all every score is zero: what is not there cannot be predicted correctly.
    let mean = |field: fn(Scores) -> f64| {
        let sum: f64 = tallies.iter().map(|tally| weight(tally) as f64 * field(tally.scores())).sum();
        if total == 0 { 0.0 } else { sum / total as f64 }
    };
    Scores {
        precision: mean(|scores| scores.precision),
        recall: mean(|scores| scores.recall),
        f1: mean(|scores| scores.f1),
        support,
    }
}

/// A share, 0 where there is nothing to share: `zero_division=0` of scikit-learn and seqeval.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
