//! Weighted sums of vectors, pruned and disentangled, as peft's `merge_utils.py` has them.

use crate::Draw;

/// Which sign of an entry wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MajoritySign {
    /// That of the sum.
    #[default]
    Total,
    /// That which more vectors have.
    Frequency,
}

/// What is done to vectors before they are added up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arithmetic {
    /// Nothing. Ilharco et al. 2022, arXiv 2212.04089.
    Linear,
    /// Only the largest entries are kept.
    MagnitudePrune {
        /// The share that is kept, in [0, 1].
        density: f64,
    },
    /// TIES: only the largest entries are kept, and of each place only those of the sign that wins, whose mean is taken. Yadav et al. 2023,
    /// arXiv 2306.01708.
    Ties {
        /// The share that is kept, in [0, 1].
        density: f64,
        /// Which sign wins.
        sign: MajoritySign,
    },
    /// DARE: entries are dropped at random and the rest scaled up. Yu et al. 2023, arXiv 2311.03099.
    DareLinear {
        /// The share that is kept, in (0, 1].
        density: f64,
        /// Decides which.
        seed: u64,
    },
    /// DARE, then the winning signs as in TIES.
    DareTies {
        /// The share that is kept, in (0, 1].
        density: f64,
        /// Which sign wins.
        sign: MajoritySign,
        /// Decides which entries are kept.
        seed: u64,
    },
}

impl Arithmetic {
    /// The share of entries that is kept.
    pub fn density(self) -> f64 {
        match self {
            Arithmetic::Linear => 1.0,
            Arithmetic::MagnitudePrune { density }
            | Arithmetic::Ties { density, .. }
            | Arithmetic::DareLinear { density, .. }
            | Arithmetic::DareTies { density, .. } => density,
        }
    }

    /// The sum of vectors of one length, each times its weight. `name` is that of the tensor: each has random draws of its own.
    pub(super) fn sum(self, vectors: &[Vec<f32>], weights: &[f64], name: &str) -> Vec<f32> {
        let pruned: Vec<Vec<f32>> =
            vectors.iter().enumerate().map(|(i, vector)| self.pruned(vector, name, i)).collect();
        let sign = match self {
            Arithmetic::Ties { sign, .. } | Arithmetic::DareTies { sign, .. } => Some(sign),
            _ => None,
        };
        let length = vectors.first().map_or(0, Vec::len);
        (0..length).map(|entry| sum_of_entry(&pruned, weights, entry, sign)).collect()
    }

    fn pruned(self, vector: &[f32], name: &str, number: usize) -> Vec<f32> {
        let density = self.density();
        if density >= 1.0 {
            return vector.to_vec();
        }
        match self {
            Arithmetic::Linear => vector.to_vec(),
            Arithmetic::MagnitudePrune { .. } | Arithmetic::Ties { .. } => {
                let mut order: Vec<usize> = (0..vector.len()).collect();
                order.sort_by(|&a, &b| vector[b].abs().total_cmp(&vector[a].abs()));
                let mut kept = vec![0.0; vector.len()];
                for &entry in &order[..(density * vector.len() as f64) as usize] {
                    kept[entry] = vector[entry];
                }
                kept
            }
            Arithmetic::DareLinear { seed, .. } | Arithmetic::DareTies { seed, .. } => {
                let draws = Draw::new(seed, &format!("{name} of {number}")).uniform(vector.len(), 1.0);
                let keeps = |draw: f32| f64::from(draw) < 2.0 * density - 1.0;
                let kept = vector
                    .iter()
                    .zip(draws)
                    .map(|(value, draw)| if keeps(draw) { value / density as f32 } else { 0.0 });
                kept.collect()
            }
        }
    }
}

fn sum_of_entry(vectors: &[Vec<f32>], weights: &[f64], entry: usize, sign: Option<MajoritySign>) -> f32 {
    let values = || vectors.iter().map(|vector| f64::from(vector[entry]));
    let weighted = |wins: &dyn Fn(f64) -> bool| {
        values().zip(weights).filter(|(value, _)| wins(*value)).map(|(value, weight)| value * weight).sum::<f64>()
    };
    let signum = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
    let balance: f64 = match sign {
        None => return weighted(&|_| true) as f32,
        Some(MajoritySign::Total) => values().sum(),
        Some(MajoritySign::Frequency) => values().map(signum).sum(),
    };
    let majority = if balance >= 0.0 { 1.0 } else { -1.0 };
    let wins = |value: f64| signum(value) == majority;
    let winners = values().filter(|value| wins(*value)).count();
    (weighted(&wins) / winners.max(1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dare_keeps_the_share_and_the_mean_and_draws_apart() {
        let ones = vec![1.0_f32; 20_000];
        let dare = Arithmetic::DareLinear { density: 0.3, seed: 5 };
        let [first, again, other] = [("a", 0), ("a", 0), ("a", 1)].map(|(name, i)| dare.pruned(&ones, name, i));
        assert_eq!(first, again);
        assert_ne!(first, other);
        let kept = first.iter().filter(|value| **value != 0.0).count() as f64 / 20_000.0;
        assert!((kept - 0.3).abs() < 0.02, "{kept}");
        let mean = first.iter().map(|&value| f64::from(value)).sum::<f64>() / 20_000.0;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn ties_takes_the_mean_of_the_winning_sign() {
        let vectors = [vec![3.0, -1.0, 0.0], vec![-1.0, -2.0, 0.0], vec![1.0, 5.0, 0.0]];
        let sum = |sign| Arithmetic::Ties { density: 1.0, sign }.sum(&vectors, &[1.0, 1.0, 2.0], "");
        assert_eq!(sum(MajoritySign::Total), [2.5, 10.0, 0.0]);
        assert_eq!(sum(MajoritySign::Frequency), [2.5, -1.5, 0.0]);
    }
}
