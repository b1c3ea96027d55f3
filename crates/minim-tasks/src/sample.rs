//! Seeded draws that make a training split smaller.

use rand_chacha::ChaCha8Rng;

/// At most `count` examples, drawn without replacement, in their old order.
pub fn limit<T>(examples: Vec<T>, count: usize, rng: &mut ChaCha8Rng) -> Vec<T> {
    let all: Vec<usize> = (0..examples.len()).collect();
    let kept = draw(&all, count, rng);
    keep(examples, &kept)
}

/// Every positive example and at most `per_positive` times as many negatives (rounded down), in their old order.
///
/// A split without a positive keeps all its negatives: there is nothing to balance them against.
pub fn subsample_negatives<T>(
    examples: Vec<T>,
    is_negative: impl Fn(&T) -> bool,
    per_positive: f64,
    rng: &mut ChaCha8Rng,
) -> Vec<T> {
    let (negatives, positives): (Vec<usize>, Vec<usize>) =
        (0..examples.len()).partition(|&index| is_negative(&examples[index]));
    if positives.is_empty() {
        return examples;
    }
    // A cast from f64 saturates, so any ratio that keeps all of them is safe.
    let count = (positives.len() as f64 * per_positive) as usize;
    let mut kept = draw(&negatives, count, rng);
    kept.extend(positives);
    kept.sort_unstable();
    keep(examples, &kept)
}

fn draw(from: &[usize], count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    if count >= from.len() {
        return from.to_vec();
    }
    let mut drawn: Vec<usize> =
        rand::seq::index::sample(rng, from.len(), count).into_iter().map(|index| from[index]).collect();
    drawn.sort_unstable();
    drawn
}

/// The examples at `kept`, which ascends.
fn keep<T>(examples: Vec<T>, kept: &[usize]) -> Vec<T> {
    let mut kept = kept.iter().copied().peekable();
    examples
        .into_iter()
        .enumerate()
        .filter(|(index, _)| kept.next_if_eq(index).is_some())
        .map(|(_, example)| example)
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn rng(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    #[test]
    fn limit_draws_in_order_and_by_seed() {
        let drawn = limit((0..100).collect(), 10, &mut rng(1));
        assert_eq!(drawn.len(), 10);
        assert!(drawn.is_sorted());
        assert_eq!(drawn, limit((0..100).collect(), 10, &mut rng(1)));
        assert_ne!(drawn, limit((0..100).collect(), 10, &mut rng(2)));
        assert_eq!(limit(vec!['a', 'b'], 2, &mut rng(1)), ['a', 'b']);
        assert_eq!(limit(vec!['a', 'b'], 9, &mut rng(1)), ['a', 'b']);
    }

    #[test]
    fn negatives_are_thinned_and_positives_stay() {
        let examples: Vec<u32> = (0..100).collect();
        let negative = |example: &u32| !example.is_multiple_of(10);
        let kept = subsample_negatives(examples.clone(), negative, 1.55, &mut rng(3));
        assert_eq!(kept.iter().filter(|e| !negative(e)).count(), 10);
        assert_eq!(kept.iter().filter(|e| negative(e)).count(), 15);
        assert!(kept.is_sorted());
        let all = subsample_negatives(examples.clone(), negative, 1e300, &mut rng(3));
        assert_eq!(all, examples);
        let no_positive = subsample_negatives(examples.clone(), |_| true, 1.0, &mut rng(3));
        assert_eq!(no_positive, examples);
    }
}
