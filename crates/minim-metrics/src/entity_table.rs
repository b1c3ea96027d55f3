//! Entity scores type by type with intervals: which types a recogniser can be trusted with, and how sure that is.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::bootstrap::{Bootstrap, Clusters, Confusion, Counted, Interval, Measure, Statistic};
use crate::classification::{Average, Labels};
use crate::scores::Tally;

/// Counts of entities and the scores from them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Entities in the truth.
    pub support: usize,
    /// Entities in the prediction.
    pub predicted: usize,
    /// Entities in both.
    pub found: usize,
    /// Of those in the truth, the share that was found; `None` where the truth has none.
    pub recall: Option<Interval>,
    /// Of those predicted, the share that is right; `None` where none is predicted.
    pub precision: Option<Interval>,
    /// Harmonic mean of precision and recall; `None` where there is none in truth or prediction.
    pub f1: Option<Interval>,
}

/// [`Row`]s of all entities and of each type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Of all entities: micro scores.
    pub all: Row,
    /// Of each type in truth or prediction, sorted by name.
    pub per_type: Vec<(String, Row)>,
}

/// Scores of whole entities with percentile intervals, one cluster per sentence (its document or patient).
///
/// The points are those of [`entity::scores`](crate::entity::scores); a type that has no value for a score has `None`
/// here and 0 there. A resample without the type is left out of its intervals. All rows share their resamples.
///
/// # Errors
/// As [`entity::scores`](crate::entity::scores) and [`Bootstrap::intervals`].
///
/// ```
/// use minim_metrics::bootstrap::{Bootstrap, Clusters};
/// use minim_metrics::entity_table::table;
///
/// let truth = [vec!["B-Drug", "O"], vec!["B-Drug", "B-Dose"], vec!["O", "B-Dose"]];
/// let predicted = [vec!["B-Drug", "O"], vec!["O", "B-Dose"], vec!["O", "B-Dose"]];
/// let documents = Clusters::by_name(&["note-1", "note-2", "note-3"])?;
/// let found = table(&truth, &predicted, &documents, &Bootstrap::default())?;
/// let (name, drug) = &found.per_type[1];
/// assert_eq!((name.as_str(), drug.support, drug.recall.map(|recall| recall.point)), ("Drug", 2, Some(0.5)));
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn table<S: AsRef<str>, T: AsRef<str>>(
    truth: &[Vec<S>],
    predicted: &[Vec<T>],
    clusters: &Clusters,
    bootstrap: &Bootstrap,
) -> Result<Table, Error> {
    let confusion = Confusion::of_entities(truth, predicted, clusters)?;
    let tallies = confusion.data();
    let sum = |field: fn(&Tally) -> usize| tallies.iter().map(field).sum();
    let all = Tally { correct: sum(|t| t.correct), predicted: sum(|t| t.predicted), actual: sum(|t| t.actual) };
    let rows: Vec<(Option<usize>, Tally)> = std::iter::once((None, all))
        .chain(tallies.iter().enumerate().map(|(kind, tally)| (Some(kind), *tally)))
        .collect();

    let mut statistics: Vec<Counted> = Vec::new();
    for (kind, tally) in &rows {
        for measure in MEASURES.into_iter().filter(|measure| measure.whole(*tally) > 0) {
            statistics.push(match kind {
                Some(kind) => confusion.class(*kind, measure)?,
                None => confusion.averaged(Average::Micro, Labels::Present, measure)?,
            });
        }
    }
    let statistics: Vec<&dyn Statistic> = statistics.iter().map(|statistic| statistic as &dyn Statistic).collect();
    let intervals = if statistics.is_empty() { Vec::new() } else { bootstrap.intervals(&statistics)? };

    let mut intervals = intervals.into_iter();
    let mut next = |measure: Measure, tally| if measure.whole(tally) > 0 { intervals.next() } else { None };
    let mut rows = rows.into_iter().map(|(_, tally)| Row {
        support: tally.actual,
        predicted: tally.predicted,
        found: tally.correct,
        recall: next(Measure::Recall, tally),
        precision: next(Measure::Precision, tally),
        f1: next(Measure::F1, tally),
    });
    let all = rows.next().ok_or(Error::Empty { what: "entity" })?;
    Ok(Table { all, per_type: confusion.types().iter().cloned().zip(rows).collect() })
}

/// In the order of [`Row`]'s fields.
const MEASURES: [Measure; 3] = [Measure::Recall, Measure::Precision, Measure::F1];

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Bootstrap = Bootstrap { resamples: 200, level: 0.9, seed: 1 };

    #[test]
    fn a_type_that_is_only_predicted_has_a_precision_and_no_recall() {
        let clusters = Clusters::singletons(2).unwrap();
        let found = table(&[vec!["B-A"], vec!["O"]], &[vec!["B-A"], vec!["B-B"]], &clusters, &FEW).unwrap();
        let (name, row) = &found.per_type[1];
        assert_eq!((name.as_str(), row.support, row.predicted, row.found), ("B", 0, 1, 0));
        assert_eq!(row.recall, None);
        assert_eq!(row.precision.map(|precision| precision.point), Some(0.0));
        assert_eq!(found.all.recall.map(|recall| recall.point), Some(1.0));
        assert_eq!(found.all.precision.map(|precision| precision.point), Some(0.5));
    }

    #[test]
    fn without_any_entity_there_is_no_score() {
        let clusters = Clusters::singletons(1).unwrap();
        let found = table(&[vec!["O"]], &[vec!["O"]], &clusters, &FEW).unwrap();
        let none = Row { support: 0, predicted: 0, found: 0, recall: None, precision: None, f1: None };
        assert_eq!(found, Table { all: none, per_type: Vec::new() });
    }
}
