//! Notes to sequences of a model's length: `[CLS] note [SEP] note [SEP]`.
//!
//! A note that fits into a sequence is kept whole, in the fullest of the open sequences that has room for it (best fit; Ding et al.
//! 2024, arXiv 2404.10830, measure what cut documents cost). A longer one is cut between words.

use minim_tasks::Tokenizer;
use rayon::prelude::*;

use crate::Error;

/// Sequences that wait for a note that fills them: little padding, and notes stay near their neighbours.
const OPEN: usize = 32;

/// What the ids of a tokenizer mean for masking.
pub(super) struct Pieces {
    pub(super) cls: u32,
    pub(super) sep: u32,
    pub(super) mask: u32,
    pub(super) pad: u32,
    /// By id: whether the piece continues a word.
    pub(super) continues: Vec<bool>,
    /// Ids of pieces that stand for text, the ones that may be hidden or put in a hidden one's place.
    pub(super) text: Vec<u32>,
    /// By id: whether the piece stands for text.
    pub(super) is_text: Vec<bool>,
}

impl Pieces {
    pub(super) fn new(tokenizer: &Tokenizer) -> Result<Self, Error> {
        let id = |piece: &str| {
            tokenizer.id(piece).ok_or_else(|| {
                Error::Input(format!("the tokenizer has no piece {piece}, which masked-language modelling needs"))
            })
        };
        let (cls, sep, mask, unk) = (id("[CLS]")?, id("[SEP]")?, id("[MASK]")?, id("[UNK]")?);
        let pad = tokenizer.pad_id();
        let names: Vec<Option<String>> = (0..tokenizer.vocab_size() as u32).map(|id| tokenizer.piece(id)).collect();
        let continues = names.iter().map(|name| name.as_ref().is_some_and(|name| name.starts_with("##"))).collect();
        let special = [cls, sep, mask, unk, pad];
        let is_text: Vec<bool> =
            names.iter().zip(0..).map(|(name, id)| name.is_some() && !special.contains(&id)).collect();
        let text = (0..names.len() as u32).filter(|&id| is_text[id as usize]).collect();
        Ok(Self { cls, sep, mask, pad, continues, text, is_text })
    }
}

/// The sequences of all notes, each at most `max_length` pieces with its special ones.
pub(super) fn pack(
    notes: &[String],
    tokenizer: &Tokenizer,
    pieces: &Pieces,
    max_length: usize,
) -> Result<Vec<Vec<u32>>, Error> {
    let encoded: Result<Vec<_>, _> = notes.par_iter().map(|note| tokenizer.encode(note, None, usize::MAX)).collect();
    let mut packer = Packer { pieces, max_length, open: Vec::new(), full: Vec::new() };
    for encoded in encoded? {
        // Without the special pieces at both ends.
        let ids = encoded.ids.get(1..encoded.len().saturating_sub(1)).unwrap_or_default();
        for part in parts(ids, &pieces.continues, max_length - 2) {
            // Nothing can be hidden in a text of unknown pieces only.
            if part.iter().any(|&id| pieces.is_text[id as usize]) {
                packer.add(part);
            }
        }
    }
    Ok(packer.finish())
}

/// A note in parts of at most `room` pieces, cut before a word where that can be.
fn parts<'a>(ids: &'a [u32], continues: &[bool], room: usize) -> Vec<&'a [u32]> {
    let mut parts = Vec::new();
    let mut rest = ids;
    while rest.len() > room {
        // A word longer than a whole sequence has to be cut.
        let cut = (1..=room).rev().find(|&at| !continues[rest[at] as usize]).unwrap_or(room);
        parts.push(&rest[..cut]);
        rest = &rest[cut..];
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

struct Packer<'a> {
    pieces: &'a Pieces,
    max_length: usize,
    open: Vec<Vec<u32>>,
    full: Vec<Vec<u32>>,
}

impl Packer<'_> {
    fn add(&mut self, part: &[u32]) {
        let fits = |sequence: &Vec<u32>| sequence.len() + part.len() < self.max_length;
        let fullest = (0..self.open.len()).filter(|&i| fits(&self.open[i])).max_by_key(|&i| self.open[i].len());
        let place = fullest.unwrap_or_else(|| {
            if self.open.len() == OPEN {
                let fullest = (0..OPEN).max_by_key(|&i| self.open[i].len()).unwrap_or_default();
                self.full.push(self.open.remove(fullest));
            }
            self.open.push(vec![self.pieces.cls]);
            self.open.len() - 1
        });
        self.open[place].extend_from_slice(part);
        self.open[place].push(self.pieces.sep);
    }

    fn finish(mut self) -> Vec<Vec<u32>> {
        self.full.append(&mut self.open);
        self.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> Pieces {
        let continues: Vec<bool> = (0..100).map(|id| id >= 50).collect();
        let is_text: Vec<bool> = (0..100).map(|id| id >= 5).collect();
        Pieces { pad: 0, cls: 2, sep: 3, mask: 4, continues, text: (5..100).collect(), is_text }
    }

    #[test]
    fn a_long_note_is_cut_before_a_word() {
        let continues = pieces().continues;
        assert_eq!(parts(&[10, 60, 11, 61, 62, 12], &continues, 4), [&[10, 60][..], &[11, 61, 62, 12]]);
        assert_eq!(parts(&[10, 60, 61, 62, 63], &continues, 3), [&[10, 60, 61][..], &[62, 63]]);
        assert_eq!(parts(&[10, 11], &continues, 2), [&[10, 11][..]]);
        assert!(parts(&[], &continues, 2).is_empty());
    }

    #[test]
    fn a_note_goes_where_it_leaves_the_least_room() {
        let pieces = pieces();
        let mut packer = Packer { pieces: &pieces, max_length: 10, open: Vec::new(), full: Vec::new() };
        for part in [&[10; 7][..], &[11; 5], &[12; 2], &[13; 3]] {
            packer.add(part);
        }
        let sequences = packer.finish();
        assert_eq!(
            sequences,
            [vec![2, 10, 10, 10, 10, 10, 10, 10, 3], vec![2, 11, 11, 11, 11, 11, 3, 12, 12, 3], vec![2, 13, 13, 13, 3]]
        );
    }

    #[test]
    fn nothing_is_lost_when_more_sequences_wait_than_may() {
        let pieces = pieces();
        let mut packer = Packer { pieces: &pieces, max_length: 10, open: Vec::new(), full: Vec::new() };
        for i in 0..500_usize {
            packer.add(&vec![10; 1 + i * 7 % 8]);
        }
        assert!(packer.open.len() <= OPEN);
        let sequences = packer.finish();
        assert!(sequences.iter().all(|sequence| sequence.len() <= 10));
        let kept = sequences.iter().flatten().filter(|&&id| id == 10).count();
        assert_eq!(kept, (0..500).map(|i| 1 + i * 7 % 8).sum::<usize>());
    }
}
