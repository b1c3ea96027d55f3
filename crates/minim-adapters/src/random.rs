//! Draws for fresh parameters: one ChaCha stream per parameter name, so that adding a layer does not shift another's start,
//! and the same start on every backend.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A random source for one named parameter.
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `name` under `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a (Fowler, Noll, Vo): the standard library's hasher may change between releases, a start must not.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(hash);
        Self(rng)
    }

    /// `n` values uniform in `[-bound, bound)`.
    pub fn uniform(&mut self, n: usize, bound: f64) -> Vec<f32> {
        (0..n).map(|_| ((self.0.random::<f64>() * 2.0 - 1.0) * bound) as f32).collect()
    }

    /// `n` values of a normal distribution with mean 0 (Box-Muller transform).
    pub fn normal(&mut self, n: usize, std: f64) -> Vec<f32> {
        let mut values = Vec::with_capacity(n + 1);
        while values.len() < n {
            // 1 - u lies in (0, 1], where the logarithm is finite.
            let radius = (-2.0 * (1.0 - self.0.random::<f64>()).ln()).sqrt() * std;
            let angle = std::f64::consts::TAU * self.0.random::<f64>();
            values.push((radius * angle.cos()) as f32);
            values.push((radius * angle.sin()) as f32);
        }
        values.truncate(n);
        values
    }
}

impl Draw {
    /// `n` values of a normal distribution with mean 0, drawn again where they are further away than two standard deviations.
    pub fn cut_normal(&mut self, n: usize, std: f64) -> Vec<f32> {
        let mut values = Vec::with_capacity(n);
        while values.len() < n {
            let missing = n - values.len();
            values.extend(self.normal(missing, std).into_iter().filter(|value| f64::from(value.abs()) <= 2.0 * std));
        }
        values
    }

    /// The next raw word, for a caller's own distribution.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_name_alone() {
        let draw = |seed, name| Draw::new(seed, name).normal(5, 1.0);
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }

    #[test]
    fn moments_are_those_of_the_distribution() {
        let values = Draw::new(3, "moments").normal(100_001, 2.0);
        assert_eq!(values.len(), 100_001);
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 100_001.0;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / 100_001.0;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 4.0).abs() < 0.1, "{variance}");
        let cut = Draw::new(3, "moments").cut_normal(100_001, 2.0);
        assert!(cut.len() == 100_001 && cut.iter().all(|value| value.abs() <= 4.0));
        let squares = cut.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 100_001.0;
        // 1 - 4·φ(2) / (2·Φ(2) - 1), of 4.
        assert!((squares - 4.0 * 0.7737).abs() < 0.05, "{squares}");
    }
}
