//! Accuracy, precision, recall and F1 resampled from what each cluster contributes to each cell of the confusion table.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Clusters, Statistic};
use crate::Error;
use crate::classification::{Average, Labels, check_labels, check_lengths, choose};
use crate::entity::{Outcome, compare};
use crate::scores::{Scores, Tally, average};

/// One of the scores in [`Scores`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Of what was predicted, the share that is right.
    Precision,
    /// Of what is there, the share that was found.
    Recall,
    /// Harmonic mean of precision and recall.
    F1,
}

/// The confusion table of classes or of entity types, one per cluster; cheap to clone.
#[derive(Debug, Clone)]
pub struct Confusion {
    clusters: Clusters,
    cells: Arc<[Cell]>,
    classes: usize,
    /// The names of entity types; empty for classes.
    types: Arc<[String]>,
}

/// One cell: examples of one class that were predicted as one class, or entities missed (`predicted` is `None`) or
/// spurious (`actual` is `None`).
#[derive(Debug, Clone)]
struct Cell {
    actual: Option<usize>,
    predicted: Option<usize>,
    /// By cluster, each once.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    cluster: u32,
    count: u32,
}

impl Cell {
    fn sum(&self, drawn: &[u32]) -> usize {
        let times = |part: &Part| u64::from(drawn[part.cluster as usize]) * u64::from(part.count);
        self.parts.iter().map(times).sum::<u64>() as usize
    }
}

impl Confusion {
    /// Of single-label classification: one example, one class.
    ///
    /// # Errors
    /// As [`classification::counts`](crate::classification::counts), and another number of examples than of clustered ones.
    pub fn of_classes(
        truth: &[usize],
        predicted: &[usize],
        classes: usize,
        clusters: &Clusters,
    ) -> Result<Self, Error> {
        check_lengths(truth, predicted)?;
        check_labels("truth", truth, classes)?;
        check_labels("prediction", predicted, classes)?;
        clusters.check_examples(truth.len())?;
        let keys = truth.iter().zip(predicted).map(|(&t, &p)| (Some(t), Some(p)));
        let keys = keys.zip(clusters.of()).map(|((t, p), &cluster)| (t, p, cluster)).collect();
        Ok(Self { clusters: clusters.clone(), cells: cells(keys), classes, types: Arc::default() })
    }

    /// Of entities in BIO tags, one sentence an example: see [`entity::scores`](crate::entity::scores).
    ///
    /// # Errors
    /// As there, and another number of sentences than of clustered examples.
    pub fn of_entities<S: AsRef<str>, T: AsRef<str>>(
        truth: &[Vec<S>],
        predicted: &[Vec<T>],
        clusters: &Clusters,
    ) -> Result<Self, Error> {
        let compared = compare(truth, predicted)?;
        clusters.check_examples(truth.len())?;
        let types: BTreeSet<&str> = compared.iter().map(|entity| entity.kind).collect();
        let types: Vec<String> = types.into_iter().map(str::to_owned).collect();
        let mut keys = Vec::with_capacity(compared.len());
        for entity in compared {
            let kind = Some(types.partition_point(|known| known.as_str() < entity.kind));
            let cluster = clusters.of()[entity.sentence];
            keys.push(match entity.outcome {
                Outcome::Found => (kind, kind, cluster),
                Outcome::Missed => (kind, None, cluster),
                Outcome::Spurious => (None, kind, cluster),
            });
        }
        let classes = types.len();
        Ok(Self { clusters: clusters.clone(), cells: cells(keys), classes, types: types.into() })
    }

    /// The entity types in truth or prediction, sorted, each at its class; none for classes.
    pub fn types(&self) -> &[String] {
        &self.types
    }

    /// The share of examples whose class was predicted.
    ///
    /// Of entities it is the share of found ones among all that are in truth or prediction (the Jaccard index).
    pub fn accuracy(&self) -> Counted {
        self.counted(Readout::Accuracy)
    }

    /// A score averaged over the classes that `labels` names, with 0 where there is nothing to share.
    ///
    /// [`Labels::Present`], which [`entity::scores`](crate::entity::scores) uses, averages over the classes present in
    /// each resample.
    ///
    /// # Errors
    /// A chosen label that is not below the number of classes, or is repeated, or none at all.
    pub fn averaged(&self, by: Average, labels: Labels<'_>, measure: Measure) -> Result<Counted, Error> {
        let labels = match labels {
            Labels::Present => Chosen::Present,
            Labels::All => Chosen::All,
            Labels::Except(label) => Chosen::Except(label),
            Labels::Only(labels) => Chosen::Only(labels.to_vec()),
        };
        let once = vec![1; self.clusters.len()];
        match choose(&self.tallies(&once), labels.borrow()) {
            // Data without an entity scores 0, as in `entity::scores`.
            Err(Error::Empty { .. }) if self.classes == 0 => {}
            chosen => drop(chosen?),
        }
        Ok(self.counted(Readout::Averaged { by, labels, measure }))
    }

    /// A score of one class or entity type. Unlike in an average it has no value, rather than 0, where there is nothing
    /// to share: no example of the class for recall, none predicted for precision, neither for F1
    /// (`zero_division=nan` in scikit-learn).
    ///
    /// # Errors
    /// A class that is not below the number of classes, or [`Error::Undefined`] where the data has no value.
    pub fn class(&self, class: usize, measure: Measure) -> Result<Counted, Error> {
        check_labels("chosen labels", &[class], self.classes)?;
        let cells = self.cells.iter().filter(|cell| cell.actual == Some(class) || cell.predicted == Some(class));
        let one = Self { cells: cells.cloned().collect(), ..self.clone() };
        let counted = one.counted(Readout::Class { class, measure });
        if counted.value(&vec![1; self.clusters.len()]).is_some() {
            return Ok(counted);
        }
        let (metric, missing) = match measure {
            Measure::Precision => ("precision", "predicted"),
            Measure::Recall => ("recall", "positive"),
            Measure::F1 => ("F1", "positive or predicted"),
        };
        Err(Error::Undefined { metric, class, missing })
    }

    /// Precision, recall, F1 and support of each class on the data itself.
    pub fn per_class(&self) -> Vec<Scores> {
        self.tallies(&vec![1; self.clusters.len()]).into_iter().map(Tally::scores).collect()
    }

    /// Counts of each class on the data itself.
    pub(crate) fn data(&self) -> Vec<Tally> {
        self.tallies(&vec![1; self.clusters.len()])
    }

    fn counted(&self, readout: Readout) -> Counted {
        Counted { confusion: self.clone(), readout }
    }

    fn tallies(&self, drawn: &[u32]) -> Vec<Tally> {
        let mut tallies = vec![Tally::default(); self.classes];
        for cell in self.cells.iter() {
            let sum = cell.sum(drawn);
            if let Some(class) = cell.actual {
                tallies[class].actual += sum;
            }
            if let Some(class) = cell.predicted {
                tallies[class].predicted += sum;
                tallies[class].correct += if cell.actual == cell.predicted { sum } else { 0 };
            }
        }
        tallies
    }
}

/// One score of a [`Confusion`], resampled.
#[derive(Debug, Clone)]
pub struct Counted {
    confusion: Confusion,
    readout: Readout,
}

#[derive(Debug, Clone)]
enum Readout {
    Accuracy,
    Averaged { by: Average, labels: Chosen, measure: Measure },
    Class { class: usize, measure: Measure },
}

/// [`Labels`] that own theirs.
#[derive(Debug, Clone)]
enum Chosen {
    Present,
    All,
    Except(usize),
    Only(Vec<usize>),
}

impl Chosen {
    fn borrow(&self) -> Labels<'_> {
        match self {
            Self::Present => Labels::Present,
            Self::All => Labels::All,
            Self::Except(label) => Labels::Except(*label),
            Self::Only(labels) => Labels::Only(labels),
        }
    }
}

impl Statistic for Counted {
    fn clusters(&self) -> &Clusters {
        &self.confusion.clusters
    }

    fn value(&self, drawn: &[u32]) -> Option<f64> {
        match &self.readout {
            Readout::Accuracy => {
                let (mut correct, mut all) = (0, 0);
                for cell in self.confusion.cells.iter() {
                    let sum = cell.sum(drawn);
                    all += sum;
                    correct += if cell.actual == cell.predicted { sum } else { 0 };
                }
                (all > 0).then(|| correct as f64 / all as f64)
            }
            Readout::Averaged { by, labels, measure } => {
                // None is left of `Labels::Present` in a resample without any entity, which scores 0.
                let chosen = choose(&self.confusion.tallies(drawn), labels.borrow()).unwrap_or_default();
                Some(measure.of(average(&chosen, *by)))
            }
            Readout::Class { class, measure } => {
                let tally = self.confusion.tallies(drawn)[*class];
                (measure.whole(tally) > 0).then(|| measure.of(tally.scores()))
            }
        }
    }
}

impl Measure {
    /// This one of `scores`.
    pub fn of(self, scores: Scores) -> f64 {
        match self {
            Self::Precision => scores.precision,
            Self::Recall => scores.recall,
            Self::F1 => scores.f1,
        }
    }

    /// What it is a share of; without any it has no value.
    pub(crate) fn whole(self, tally: Tally) -> usize {
        match self {
            Self::Precision => tally.predicted,
            Self::Recall => tally.actual,
            Self::F1 => tally.predicted + tally.actual,
        }
    }
}

fn cells(mut keys: Vec<(Option<usize>, Option<usize>, u32)>) -> Arc<[Cell]> {
    keys.sort_unstable();
    let part = |members: &[(Option<usize>, Option<usize>, u32)]| Part {
        cluster: members[0].2,
        // Fits: `Clusters` holds fewer than 2^32 examples, and a sentence is too short for more entities.
        count: members.len() as u32,
    };
    let cell = |members: &[(Option<usize>, Option<usize>, u32)]| Cell {
        actual: members[0].0,
        predicted: members[0].1,
        parts: members.chunk_by(|a, b| a.2 == b.2).map(part).collect(),
    };
    keys.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).map(cell).collect()
}
