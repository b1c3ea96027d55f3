//! Whole-word masking: which pieces of a sequence the model must guess, and what it sees in their place.
//!
//! Devlin et al. 2018, arXiv 1810.04805, section 3.1, with the whole-word masking of their May 2019 release
//! (`create_pretraining_data.py`, `do_whole_word_mask`): all pieces of a chosen word are guessed; each shows `[MASK]` in 8 of 10 cases, a
//! random piece in 1 and itself in 1.

use minim_experiment::{Purpose, stream};
use minim_models::TokenBatch;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::packing::Pieces;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Sequences with hidden words, ready for the model.
pub(super) struct MaskedBatch {
    pub(super) tokens: TokenBatch,
    /// Positions to guess, indices into the flattened `[batch * seq]`.
    pub(super) positions: Tensor<1, Int>,
    /// What stood there.
    pub(super) targets: Tensor<1, Int>,
    /// Number of positions to guess.
    pub(super) guesses: usize,
    /// Pieces, padding not counted.
    pub(super) token_count: usize,
}

/// Draws masks: a sequence's masks depend on seed, round and place alone, so that a run can go on in the middle of an epoch.
pub(super) struct Masker<'a> {
    pub(super) pieces: &'a Pieces,
    pub(super) probability: f64,
    pub(super) seed: u64,
}

impl Masker<'_> {
    /// The sequences at `places`, each of which has a piece that stands for text, masked for `round`: 0 for validation, then one round
    /// an epoch.
    pub(super) fn batch(&self, sequences: &[Vec<u32>], places: &[usize], round: usize, device: &Device) -> MaskedBatch {
        let mut rows: Vec<Vec<u32>> = places.iter().map(|&place| sequences[place].clone()).collect();
        let seq = rows.iter().map(Vec::len).max().unwrap_or(0);
        let (mut positions, mut targets) = (Vec::new(), Vec::new());
        for (row, (ids, &place)) in rows.iter_mut().zip(places).enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(stream(self.seed, Purpose::Masking));
            rng.set_stream((round as u64) << 32 | place as u64);
            for at in self.choose(ids, &mut rng) {
                positions.push((row * seq + at) as i32);
                targets.push(ids[at] as i32);
                ids[at] = self.shown(ids[at], &mut rng);
            }
        }
        let guesses = positions.len();
        let token_count = rows.iter().map(Vec::len).sum();
        let ids: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let types = vec![0; seq];
        let types: Vec<&[u32]> = rows.iter().map(|row| &types[..row.len()]).collect();
        let column = |values: Vec<i32>| Tensor::from_data(TensorData::new(values, [guesses]), device);
        MaskedBatch {
            tokens: TokenBatch::new(&ids, &types, self.pieces.pad, device),
            positions: column(positions),
            targets: column(targets),
            guesses,
            token_count,
        }
    }

    /// Positions of the words to guess, ascending.
    fn choose(&self, ids: &[u32], rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut words: Vec<Vec<usize>> = Vec::new();
        let mut candidates = 0;
        for (at, &id) in ids.iter().enumerate() {
            if !self.pieces.is_text[id as usize] {
                continue;
            }
            candidates += 1;
            let inside = self.pieces.continues[id as usize];
            match words.last_mut() {
                // A piece that continues a word hidden behind an unknown one, or cut off, stands alone.
                Some(word) if inside && word.last() == Some(&(at.wrapping_sub(1))) => word.push(at),
                _ => words.push(vec![at]),
            }
        }
        words.shuffle(rng);
        let wanted = ((candidates as f64 * self.probability).round() as usize).max(1);
        let mut chosen = Vec::with_capacity(wanted);
        for word in words {
            if chosen.len() >= wanted {
                break;
            }
            // A long word that would go far beyond the share is passed over for a shorter one, unless it is the first.
            if chosen.is_empty() || chosen.len() + word.len() <= wanted {
                chosen.extend(word);
            }
        }
        chosen.sort_unstable();
        chosen
    }

    fn shown(&self, id: u32, rng: &mut ChaCha8Rng) -> u32 {
        match rng.random_range(0..10) {
            0..8 => self.pieces.mask,
            8 => self.pieces.text[rng.random_range(0..self.pieces.text.len())],
            _ => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5..50 begin words, 50..100 continue them.
    fn pieces() -> Pieces {
        let continues = (0..100).map(|id| id >= 50).collect();
        let is_text = (0..100).map(|id| id >= 5).collect();
        Pieces { pad: 0, cls: 2, sep: 3, mask: 4, continues, text: (5..100).collect(), is_text }
    }

    fn rng(n: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(n)
    }

    #[test]
    fn a_word_is_chosen_whole_and_special_pieces_never() {
        let pieces = pieces();
        let masker = Masker { pieces: &pieces, probability: 0.3, seed: 1 };
        // words at 1..=3, 4, 5..=6, then [SEP], 8..=9, then [UNK] and a continuation of it
        let ids = [2, 10, 60, 61, 11, 12, 62, 3, 13, 63, 1, 64, 3];
        let words: [&[usize]; 5] = [&[1, 2, 3], &[4], &[5, 6], &[8, 9], &[11]];
        let mut seen = [0; 5];
        for n in 0..500 {
            let chosen = masker.choose(&ids, &mut rng(n));
            assert!(!chosen.is_empty() && chosen.len() <= 3, "{chosen:?}");
            let mut covered = 0;
            for (word, seen) in words.iter().zip(&mut seen) {
                if word.iter().all(|at| chosen.contains(at)) {
                    covered += word.len();
                    *seen += 1;
                }
            }
            assert_eq!(covered, chosen.len(), "part of a word in {chosen:?}");
        }
        assert!(seen.iter().all(|&seen| seen > 50), "{seen:?}");
    }

    #[test]
    fn the_share_of_guesses_and_of_masks_is_as_published() {
        let pieces = pieces();
        let masker = Masker { pieces: &pieces, probability: 0.15, seed: 1 };
        let ids: Vec<u32> = (0..200).map(|i| 5 + i * 7 % 45).collect();
        assert_eq!(masker.choose(&ids, &mut rng(1)).len(), 30);
        let mut rng = rng(2);
        let shown: Vec<u32> = (0..20_000).map(|_| masker.shown(7, &mut rng)).collect();
        let share = |wanted: &dyn Fn(u32) -> bool| shown.iter().filter(|&&id| wanted(id)).count() as f64 / 20_000.0;
        assert!((share(&|id| id == 4) - 0.8).abs() < 0.01);
        assert!((share(&|id| id == 7) - 0.1).abs() < 0.01);
        assert!((share(&|id| id != 7 && id != 4) - 0.1).abs() < 0.01);
        assert!(shown.iter().all(|&id| id >= 4));
    }

    #[test]
    fn masks_depend_on_round_and_place_and_not_on_the_batch() {
        let pieces = pieces();
        let masker = Masker { pieces: &pieces, probability: 0.15, seed: 1 };
        let sequences: Vec<Vec<u32>> = (0..4).map(|_| (0..40).map(|i| 5 + i).collect()).collect();
        let device = crate::device::Choice::Cpu.open().unwrap().device;
        let ids = |places: &[usize], round| {
            let batch = masker.batch(&sequences, places, round, &device);
            batch.tokens.ids.into_data().iter::<i32>().collect::<Vec<i32>>()
        };
        let alone = ids(&[2], 1);
        assert_eq!(ids(&[0, 2], 1)[40..], alone);
        assert_ne!(ids(&[2], 2), alone);
        assert_ne!(ids(&[3], 1), alone);
    }

    #[test]
    fn positions_point_at_what_was_hidden() {
        let pieces = pieces();
        let masker = Masker { pieces: &pieces, probability: 0.5, seed: 1 };
        let sequences = vec![vec![2, 10, 60, 11, 3], vec![2, 12, 3]];
        let batch = masker.batch(&sequences, &[0, 1], 1, &crate::device::Choice::Cpu.open().unwrap().device);
        assert_eq!((batch.token_count, batch.tokens.dims()), (8, [2, 5]));
        let flat = [2, 10, 60, 11, 3, 2, 12, 3, 0, 0];
        let positions: Vec<i64> = batch.positions.into_data().iter::<i64>().collect();
        let targets: Vec<i64> = batch.targets.into_data().iter::<i64>().collect();
        assert_eq!(positions.len(), batch.guesses);
        for (&at, &target) in positions.iter().zip(&targets) {
            assert_eq!(flat[at as usize], target);
        }
    }
}
