//! The expected calibration error, resampled from the sums of each bin in each cluster.

use super::{Clusters, Statistic};
use crate::Error;
use crate::calibration::{Bins, assign};

/// The expected calibration error over bins of equal width: [`calibration::ece`](crate::calibration::ece).
///
/// Bins of equal counts are not here: their edges would have to be drawn anew in each resample.
#[derive(Debug, Clone)]
pub struct CalibrationError {
    clusters: Clusters,
    bins: Vec<Vec<Part>>,
}

/// What one cluster has in one bin.
#[derive(Debug, Clone, Copy)]
struct Part {
    cluster: u32,
    examples: f64,
    /// Sum of the probabilities less the number of positives.
    excess: f64,
}

impl CalibrationError {
    /// Of the probability of the positive class, over `bins` bins of equal width.
    ///
    /// # Errors
    /// As [`calibration::ece`](crate::calibration::ece), and another number of examples than of clustered ones.
    pub fn new(truth: &[bool], probabilities: &[f64], bins: usize, clusters: &Clusters) -> Result<Self, Error> {
        let places = assign(truth, probabilities, Bins::Uniform(bins))?;
        clusters.check_examples(truth.len())?;
        let mut order: Vec<usize> = (0..truth.len()).collect();
        order.sort_by_key(|&example| (places[example], clusters.of()[example]));
        let part = |members: &[usize]| Part {
            cluster: clusters.of()[members[0]],
            examples: members.len() as f64,
            excess: members.iter().map(|&m| probabilities[m] - f64::from(u8::from(truth[m]))).sum(),
        };
        let parts = |bin: &[usize]| {
            let clusters = bin.chunk_by(|&a, &b| clusters.of()[a] == clusters.of()[b]);
            clusters.map(part).collect()
        };
        let bins = order.chunk_by(|&a, &b| places[a] == places[b]).map(parts).collect();
        Ok(Self { clusters: clusters.clone(), bins })
    }
}

impl Statistic for CalibrationError {
    fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    fn value(&self, drawn: &[u32]) -> Option<f64> {
        let (mut gap, mut examples) = (0.0, 0.0);
        for bin in &self.bins {
            let mut excess = 0.0;
            for part in bin {
                let times = f64::from(drawn[part.cluster as usize]);
                excess += times * part.excess;
                examples += times * part.examples;
            }
            // A bin's share of the examples times the distance of its means: the bin's size cancels.
            gap += f64::abs(excess);
        }
        (examples > 0.0).then(|| gap / examples)
    }
}
