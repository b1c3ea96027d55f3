//! Encoded examples and the batch they become on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};
use minim_models::TokenBatch;

use crate::Encoded;

/// The target of a position that the loss leaves out, as in PyTorch's `CrossEntropyLoss`.
pub const IGNORED: i64 = -100;

/// One example ready for batching, with what scoring needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedExample {
    /// Its pieces.
    pub pieces: Encoded,
    /// Its one label, or the tag of every word (also of words that truncation cut away).
    pub labels: Vec<usize>,
}

/// A batch on the device.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Pieces, padded to the longest example of the batch.
    pub tokens: TokenBatch,
    /// `[batch, 1]` for sequences and relations; `[batch, seq]` for tokens, [`IGNORED`] where no word begins.
    pub targets: Tensor<2, Int>,
    /// How many targets are not [`IGNORED`].
    pub target_count: usize,
    /// How many pieces are not padding.
    pub token_count: usize,
    /// Index of each example in the encoded split.
    pub examples: Vec<usize>,
    /// For token tasks, where each word's first piece stands, `None` for a word that has no piece in the batch; else empty.
    pub first_pieces: Vec<Vec<Option<usize>>>,
}

/// The position of each word's first piece.
pub(crate) fn first_pieces(pieces: &Encoded, words: usize) -> Vec<Option<usize>> {
    let mut first = vec![None; words];
    for (position, word) in pieces.words.iter().enumerate() {
        if let Some(word) = word
            && let Some(slot @ None) = first.get_mut(*word as usize)
        {
            *slot = Some(position);
        }
    }
    first
}

/// Puts the examples at `indices` onto the device; with `per_word` there is one target a word, else one an example.
///
/// # Panics
///
/// If an index is out of range.
pub(crate) fn collate(
    encoded: &[EncodedExample],
    indices: &[usize],
    per_word: bool,
    pad_id: u32,
    device: &Device,
) -> Batch {
    let pieces = |index: &usize| &encoded[*index].pieces;
    let ids: Vec<&[u32]> = indices.iter().map(|i| &pieces(i).ids[..]).collect();
    let types: Vec<&[u32]> = indices.iter().map(|i| &pieces(i).types[..]).collect();
    let tokens = TokenBatch::new(&ids, &types, pad_id, device);
    let [rows, seq] = tokens.dims();
    let width = if per_word { seq } else { 1 };
    let mut targets = vec![IGNORED; rows * width];
    let mut starts = Vec::new();
    for (row, &index) in indices.iter().enumerate() {
        let EncodedExample { pieces, labels } = &encoded[index];
        if per_word {
            let first = first_pieces(pieces, labels.len());
            for (position, label) in first.iter().zip(labels) {
                if let Some(position) = position {
                    targets[row * seq + position] = *label as i64;
                }
            }
            starts.push(first);
        } else if let Some(label) = labels.first() {
            targets[row] = *label as i64;
        }
    }
    Batch {
        tokens,
        target_count: targets.iter().filter(|&&target| target != IGNORED).count(),
        targets: Tensor::from_data(TensorData::new(targets, [rows, width]), device),
        token_count: ids.iter().map(|row| row.len()).sum(),
        examples: indices.to_vec(),
        first_pieces: starts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(words: &[Option<u32>], labels: &[usize]) -> EncodedExample {
        EncodedExample {
            pieces: Encoded {
                ids: (10..10 + words.len() as u32).collect(),
                types: vec![0; words.len()],
                words: words.to_vec(),
                truncated: false,
            },
            labels: labels.to_vec(),
        }
    }

    fn rows(tensor: Tensor<2, Int>) -> Vec<i64> {
        tensor.into_data().iter::<i64>().collect()
    }

    #[test]
    fn words_are_targets_at_their_first_piece_only() {
        // The second word has no piece, the fourth was cut away.
        let split =
            [example(&[None, Some(0), Some(0), Some(2), None], &[1, 2, 3, 1]), example(&[None, Some(0), None], &[2])];
        let batch = collate(&split, &[1, 0], true, 7, &Device::flex());
        assert_eq!(batch.tokens.ids.dims(), [2, 5]);
        assert_eq!(rows(batch.tokens.ids), [10, 11, 12, 7, 7, 10, 11, 12, 13, 14]);
        assert_eq!(rows(batch.targets), [-100, 2, -100, -100, -100, -100, 1, -100, 3, -100]);
        let mask: Vec<bool> = batch.tokens.mask.into_data().iter::<bool>().collect();
        assert_eq!(mask.iter().filter(|&&real| real).count(), 8);
        assert!(!mask[3] && !mask[4]);
        assert_eq!((batch.target_count, batch.token_count), (3, 8));
        assert_eq!(batch.examples, [1, 0]);
        assert_eq!(batch.first_pieces, [vec![Some(1)], vec![Some(1), None, Some(3), None]]);
    }

    #[test]
    fn an_example_has_one_target() {
        let split = [example(&[None; 3], &[4]), example(&[None; 2], &[0])];
        let batch = collate(&split, &[0, 1], false, 0, &Device::flex());
        assert_eq!(batch.targets.dims(), [2, 1]);
        assert_eq!(rows(batch.targets), [4, 0]);
        assert!(batch.first_pieces.is_empty());
    }
}
