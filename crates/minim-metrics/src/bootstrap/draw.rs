//! The draws: how often each cluster comes up in a resample.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Where the streams of one seed begin.
pub(super) struct Start(ChaCha8Rng);

impl Start {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Draws as many clusters as there are, with replacement, and counts each into `drawn`.
    pub(super) fn resample(&self, resample: usize, drawn: &mut [u32]) {
        let mut generator = self.0.clone();
        generator.set_stream(resample as u64);
        drawn.fill(0);
        let bound = drawn.len() as u32;
        // Multiply and shift, with the rejection step that makes every cluster equally likely (Lemire 2019,
        // <https://arxiv.org/abs/1805.10941>). Written out here, so that an interval keeps its value when `rand` changes
        // a sampling algorithm.
        let unfair = bound.wrapping_neg() % bound;
        for _ in 0..bound {
            let product = loop {
                let product = u64::from(generator.next_u32()) * u64::from(bound);
                if product as u32 >= unfair {
                    break product;
                }
            };
            drawn[(product >> 32) as usize] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draws_never_change() {
        // Intervals in records can only be repeated while this holds. The numbers come from ChaCha8, its key made by
        // `seed_from_u64`, written again in Python.
        let start = Start::new(12);
        for (resample, expected) in [(0, [2, 0, 1, 0, 1, 1, 1, 2]), (1, [4, 1, 0, 1, 0, 1, 1, 0])] {
            let mut drawn = [0; 8];
            start.resample(resample, &mut drawn);
            assert_eq!(drawn, expected);
        }
        let mut drawn = [0; 3];
        start.resample(7, &mut drawn);
        assert_eq!(drawn, [2, 0, 1]);
    }

    #[test]
    fn every_cluster_comes_up_equally_often() {
        let start = Start::new(3);
        let (mut drawn, mut sums, mut squares) = ([0_u32; 7], [0_u64; 7], 0_u64);
        for resample in 0..10_000 {
            start.resample(resample, &mut drawn);
            assert_eq!(drawn.iter().sum::<u32>(), 7);
            for (sum, &times) in sums.iter_mut().zip(&drawn) {
                *sum += u64::from(times);
                squares += u64::from(times).pow(2);
            }
        }
        // 10,000 of each within five standard deviations of sqrt(70,000 * 6/49) = 93.
        assert!(sums.iter().all(|sum| sum.abs_diff(10_000) < 465), "{sums:?}");
        // How often one comes up has mean 1 and variance 6/7.
        let mean_square = squares as f64 / 70_000.0;
        assert!((mean_square - (1.0 + 6.0 / 7.0)).abs() < 0.03, "{mean_square}");
    }
}
