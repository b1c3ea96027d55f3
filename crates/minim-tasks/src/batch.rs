//! Encoded examples and the batch they become on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};
use minim_models::TokenBatch;

use crate::Encoded;

/// The target of a position that the loss leaves out, as in PyTorch's `CrossEntropyLoss`.
pub const IGNORED: i64 = -100;

/// One example ready for batching, with what scoring needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedExample {
    /// Its pieces: one window, or the overlapping ones of a text that is longer than the maximum length; never none.
    pub windows: Vec<Encoded>,
    /// Its one label, or the tag of every word (also of words that truncation cut away).
    pub labels: Vec<usize>,
}

/// One window of one example: a row of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the example in the encoded split.
    pub example: usize,
    /// Index of the window in the example.
    pub window: usize,
}

impl Place {
    /// The windows of a split, in order.
    pub fn all(encoded: &[EncodedExample]) -> Vec<Self> {
        let windows = |(example, encoded): (usize, &EncodedExample)| {
            (0..encoded.windows.len()).map(move |window| Self { example, window })
        };
        encoded.iter().enumerate().flat_map(windows).collect()
    }

    /// The number of pieces at each of `places`.
    ///
    /// # Panics
    ///
    /// If a place is not in `encoded`.
    pub fn lengths(places: &[Self], encoded: &[EncodedExample]) -> Vec<usize> {
        places.iter().map(|place| encoded[place.example].windows[place.window].len()).collect()
    }
}

/// A batch on the device.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Pieces, padded to the longest window of the batch.
    pub tokens: TokenBatch,
    /// `[batch, 1]` for sequences and relations; `[batch, seq]` for tokens, [`IGNORED`] where no word begins.
    pub targets: Tensor<2, Int>,
    /// `[batch, 1]`, what each row counts in the loss; `None` where all targets count 1.
    pub weights: Option<Tensor<2>>,
    /// What the targets that are not [`IGNORED`] count together.
    pub target_weight: f64,
    /// How many pieces are not padding.
    pub token_count: usize,
    /// Where each row is from.
    pub places: Vec<Place>,
    /// For token tasks, each word that a row is asked about and where its first piece stands, in text order; else empty.
    pub first_pieces: Vec<Vec<(usize, usize)>>,
}

/// The words of a window, each with the position of its first piece.
fn first_pieces(pieces: &Encoded) -> Vec<(usize, usize)> {
    let mut first = Vec::new();
    for (position, word) in pieces.words.iter().enumerate() {
        if let Some(word) = word
            && first.last().is_none_or(|&(last, _)| last != *word as usize)
        {
            first.push((*word as usize, position));
        }
    }
    first
}

/// Puts the windows at `places` onto the device; with `per_word` there is one target a word, else one a window.
///
/// Without `per_word` each of the n windows of an example counts 1/n, so that a long text weighs no more than a short one.
///
/// # Panics
///
/// If a place is not in `encoded`.
pub(crate) fn collate(
    encoded: &[EncodedExample],
    places: &[Place],
    per_word: bool,
    pad_id: u32,
    device: &Device,
) -> Batch {
    let windows: Vec<&Encoded> = places.iter().map(|place| &encoded[place.example].windows[place.window]).collect();
    let ids: Vec<&[u32]> = windows.iter().map(|window| &window.ids[..]).collect();
    let types: Vec<&[u32]> = windows.iter().map(|window| &window.types[..]).collect();
    let tokens = TokenBatch::new(&ids, &types, pad_id, device);
    let [rows, seq] = tokens.dims();
    let width = if per_word { seq } else { 1 };
    let mut targets = vec![IGNORED; rows * width];
    let mut starts = Vec::new();
    for (row, (place, window)) in places.iter().zip(&windows).enumerate() {
        let labels = &encoded[place.example].labels;
        if per_word {
            let mut first = first_pieces(window);
            first.retain(|&(word, _)| word < labels.len());
            for &(word, position) in &first {
                targets[row * seq + position] = labels[word] as i64;
            }
            starts.push(first);
        } else if let Some(label) = labels.first() {
            targets[row] = *label as i64;
        }
    }
    let parts: Vec<f32> = places.iter().map(|place| 1.0 / encoded[place.example].windows.len() as f32).collect();
    let weighted = !per_word && parts.iter().any(|&part| part < 1.0);
    let target_weight = match weighted {
        true => parts.iter().map(|&part| f64::from(part)).sum(),
        false => targets.iter().filter(|&&target| target != IGNORED).count() as f64,
    };
    Batch {
        tokens,
        targets: Tensor::from_data(TensorData::new(targets, [rows, width]), device),
        weights: weighted.then(|| Tensor::from_data(TensorData::new(parts, [rows, 1]), device)),
        target_weight,
        token_count: ids.iter().map(|row| row.len()).sum(),
        places: places.to_vec(),
        first_pieces: starts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(words: &[Option<u32>]) -> Encoded {
        Encoded {
            ids: (10..10 + words.len() as u32).collect(),
            types: vec![0; words.len()],
            words: words.to_vec(),
            truncated: false,
        }
    }

    fn example(words: &[Option<u32>], labels: &[usize]) -> EncodedExample {
        EncodedExample { windows: vec![pieces(words)], labels: labels.to_vec() }
    }

    fn place(example: usize, window: usize) -> Place {
        Place { example, window }
    }

    fn rows(tensor: Tensor<2, Int>) -> Vec<i64> {
        tensor.into_data().iter::<i64>().collect()
    }

    #[test]
    fn words_are_targets_at_their_first_piece_only() {
        // The second word has no piece, the fourth was cut away.
        let split =
            [example(&[None, Some(0), Some(0), Some(2), None], &[1, 2, 3, 1]), example(&[None, Some(0), None], &[2])];
        let batch = collate(&split, &[place(1, 0), place(0, 0)], true, 7, &Device::flex());
        assert_eq!(batch.tokens.ids.dims(), [2, 5]);
        assert_eq!(rows(batch.tokens.ids), [10, 11, 12, 7, 7, 10, 11, 12, 13, 14]);
        assert_eq!(rows(batch.targets), [-100, 2, -100, -100, -100, -100, 1, -100, 3, -100]);
        let mask: Vec<bool> = batch.tokens.mask.into_data().iter::<bool>().collect();
        assert_eq!(mask.iter().filter(|&&real| real).count(), 8);
        assert!(!mask[3] && !mask[4]);
        assert_eq!((batch.target_weight, batch.token_count), (3.0, 8));
        assert!(batch.weights.is_none());
        assert_eq!(batch.first_pieces, [vec![(0, 1)], vec![(0, 1), (2, 3)]]);
    }

    #[test]
    fn an_example_has_one_target() {
        let split = [example(&[None; 3], &[4]), example(&[None; 2], &[0])];
        let batch = collate(&split, &[place(0, 0), place(1, 0)], false, 0, &Device::flex());
        assert_eq!(batch.targets.dims(), [2, 1]);
        assert_eq!(rows(batch.targets), [4, 0]);
        assert_eq!(batch.target_weight, 2.0);
        assert!(batch.first_pieces.is_empty() && batch.weights.is_none());
    }

    #[test]
    fn the_windows_of_a_text_share_its_weight() {
        let long = EncodedExample { windows: vec![pieces(&[]), pieces(&[None]), pieces(&[None])], labels: vec![1] };
        let split = [example(&[None], &[0]), long];
        let places = Place::all(&split);
        assert_eq!(places, [place(0, 0), place(1, 0), place(1, 1), place(1, 2)]);
        assert_eq!(Place::lengths(&places, &split), [1, 0, 1, 1]);
        let batch = collate(&split, &places[..3], false, 0, &Device::flex());
        assert_eq!(rows(batch.targets), [0, 1, 1]);
        let weights: Vec<f32> = batch.weights.unwrap().into_data().iter::<f32>().collect();
        assert_eq!(weights, [1.0, 1.0 / 3.0, 1.0 / 3.0]);
        assert!((batch.target_weight - 5.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_word_is_a_target_in_the_window_that_is_asked_about_it() {
        let windows = vec![pieces(&[None, Some(0), None]), pieces(&[None, None, Some(1), Some(2)])];
        let split = [EncodedExample { windows, labels: vec![1, 2, 3] }];
        let batch = collate(&split, &Place::all(&split), true, 0, &Device::flex());
        assert_eq!(rows(batch.targets), [-100, 1, -100, -100, -100, -100, 2, 3]);
        assert_eq!(batch.target_weight, 3.0);
        assert!(batch.weights.is_none());
    }
}
