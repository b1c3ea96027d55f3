//! Means of one number per example: the Brier score, a loss, a length.

use super::{Clusters, Statistic};
use crate::Error;
use crate::calibration;

/// The mean of one number per example, resampled from the sums of its clusters.
#[derive(Debug, Clone)]
pub struct Mean {
    clusters: Clusters,
    /// Sum and number of the values of each cluster.
    sums: Vec<(f64, f64)>,
}

impl Mean {
    /// The mean of `values`, one per example.
    ///
    /// # Errors
    /// Another number of values than of clustered examples, or a value that is not finite.
    pub fn new(values: &[f64], clusters: &Clusters) -> Result<Self, Error> {
        clusters.check_examples(values.len())?;
        if let Some(example) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { example, class: 1 });
        }
        let mut sums = vec![(0.0, 0.0); clusters.len()];
        for (&cluster, value) in clusters.of().iter().zip(values) {
            let (sum, count) = &mut sums[cluster as usize];
            *sum += value;
            *count += 1.0;
        }
        Ok(Self { clusters: clusters.clone(), sums })
    }

    /// The Brier score: see [`calibration::brier`].
    ///
    /// # Errors
    /// As there, and another number of examples than of clustered ones.
    pub fn brier(truth: &[bool], probabilities: &[f64], clusters: &Clusters) -> Result<Self, Error> {
        calibration::brier(truth, probabilities)?;
        let squared = |(&truth, p): (&bool, &f64)| (p - f64::from(u8::from(truth))).powi(2);
        let squares: Vec<f64> = truth.iter().zip(probabilities).map(squared).collect();
        Self::new(&squares, clusters)
    }
}

impl Statistic for Mean {
    fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    fn value(&self, drawn: &[u32]) -> Option<f64> {
        let (mut total, mut examples) = (0.0, 0.0);
        for ((sum, count), &times) in self.sums.iter().zip(drawn) {
            total += sum * f64::from(times);
            examples += count * f64::from(times);
        }
        (examples > 0.0).then(|| total / examples)
    }
}
