//! The random draws of the synthetic writers: one named ChaCha8 stream per purpose.
//!
//! The bounded draws are written out here, and not taken from a distribution of `rand`, because the committed samples must
//! keep their bytes when that crate changes a sampling algorithm.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of draws that depends on a seed and a name only.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream `name` of `seed`; two names never share draws.
    pub(super) fn stream(seed: u64, name: &str) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(fnv1a(name));
        Self(generator)
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        // Multiply and shift (Lemire 2019, <https://arxiv.org/abs/1805.10941>) without the rejection step: for the few
        // hundred alternatives of a list the bias is below one in ten million.
        ((u64::from(self.0.next_u32()) * bound as u64) >> 32) as usize
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `percent` of 100 draws.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// The place of one weight, drawn in proportion to the weights.
    pub(super) fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            if left < *weight {
                return place;
            }
            left -= weight;
        }
        weights.len().saturating_sub(1)
    }

    /// Fisher and Yates.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The 64-bit FNV-1a hash (<http://www.isthe.com/chongo/tech/comp/fnv/>): fixed for ever, unlike the standard hasher.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::Draw;

    #[test]
    fn streams_repeat_and_differ() {
        let take = |seed, name| {
            let mut draw = Draw::stream(seed, name);
            (0..20).map(|_| draw.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(take(1, "a"), take(1, "a"));
        assert_ne!(take(1, "a"), take(1, "b"));
        assert_ne!(take(1, "a"), take(2, "a"));
    }

    #[test]
    fn draws_cover_their_range_evenly() {
        let mut draw = Draw::stream(7, "range");
        let mut seen = [0_usize; 5];
        for _ in 0..5000 {
            seen[draw.between(10, 14) - 10] += 1;
        }
        assert!(seen.iter().all(|&count| (900..1100).contains(&count)), "{seen:?}");
        let mut heavy = [0_usize; 3];
        for _ in 0..4000 {
            heavy[draw.weighted(&[1, 0, 3])] += 1;
        }
        assert_eq!(heavy[1], 0);
        assert!((900..1100).contains(&heavy[0]), "{heavy:?}");
    }
}
