//! Which examples go into one batch, and in which order the batches come.

use std::cmp::Reverse;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Batches per window of length bucketing: enough to even lengths out, few enough to keep batches random.
const WINDOW: usize = 16;

/// The batches of one training epoch as indices into `lengths`, every index once, in random order.
///
/// With `bucketed`, each window of 16 shuffled batches is sorted by length before it is cut, so that a batch holds examples of similar
/// length and little is padded; then the batches are shuffled. The order depends on `rng` alone.
///
/// # Panics
///
/// If `batch_size` is 0.
pub fn training_batches(lengths: &[usize], batch_size: usize, bucketed: bool, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(rng);
    if bucketed {
        for window in order.chunks_mut(WINDOW * batch_size) {
            window.sort_by_key(|&index| lengths[index]);
        }
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(batch_size).map(<[usize]>::to_vec).collect();
    if bucketed {
        batches.shuffle(rng);
    }
    batches
}

/// The batches of one evaluation as indices into `lengths`, longest examples first: a run that needs too much memory fails at once.
///
/// # Panics
///
/// If `batch_size` is 0.
pub fn evaluation_batches(lengths: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| Reverse(lengths[index]));
    order.chunks(batch_size).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn lengths() -> Vec<usize> {
        (0..1000).map(|index| 5 + index * 7919 % 123).collect()
    }

    fn padded(batches: &[Vec<usize>], lengths: &[usize]) -> usize {
        let cells = |batch: &Vec<usize>| {
            let longest = batch.iter().map(|&index| lengths[index]).max();
            longest.unwrap_or(0) * batch.len()
        };
        batches.iter().map(cells).sum::<usize>() - lengths.iter().sum::<usize>()
    }

    #[test]
    fn every_example_comes_once() {
        let lengths = lengths();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for batches in [
            training_batches(&lengths, 32, true, &mut rng),
            training_batches(&lengths, 32, false, &mut rng),
            evaluation_batches(&lengths, 32),
        ] {
            assert_eq!(batches.len(), 32);
            let mut seen = batches.concat();
            seen.sort_unstable();
            assert_eq!(seen, (0..1000).collect::<Vec<_>>());
        }
        assert!(training_batches(&[], 8, true, &mut rng).is_empty());
    }

    #[test]
    fn bucketing_leaves_a_tenth_of_the_padding() {
        let lengths = lengths();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let plain = padded(&training_batches(&lengths, 32, false, &mut rng), &lengths);
        let bucketed = padded(&training_batches(&lengths, 32, true, &mut rng), &lengths);
        assert!(bucketed * 10 < plain, "{bucketed} of {plain}");
    }

    #[test]
    fn the_seed_alone_decides_the_order() {
        let lengths = lengths();
        let epochs = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            [(); 2].map(|()| training_batches(&lengths, 16, true, &mut rng))
        };
        assert_eq!(epochs(3), epochs(3));
        assert_ne!(epochs(3), epochs(4));
        let [first, second] = epochs(3);
        assert_ne!(first, second);
    }

    #[test]
    fn evaluation_begins_with_the_longest() {
        assert_eq!(evaluation_batches(&[3, 9, 5, 9], 3), [vec![1, 3, 2], vec![0]]);
    }
}
