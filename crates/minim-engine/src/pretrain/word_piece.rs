//! A WordPiece vocabulary from text: byte-pair merges of pieces (Sennrich et al. 2016, arXiv 1508.07909) written in BERT's `##` form, as
//! the `tokenizers` crate's `WordPieceTrainer` does it.
//!
//! Why not that trainer: it numbers pieces in the order of a randomly seeded hash map and breaks ties between merges by these numbers,
//! so that two runs on one text end in two vocabularies; and it counts pairs in 32 bits. Here ties fall to the pair that was known first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use crate::Error;

/// The special pieces; their ids are their places.
pub(super) const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// A rare character beyond these is left to `[UNK]`: each costs two rows of the embeddings.
const ALPHABET: usize = 1_000;

/// A pair that occurs once is no unit of the language.
const LEAST_COUNT: u64 = 2;

/// The normalizer of uncased BERT.
pub(super) fn normalizer() -> BertNormalizer {
    BertNormalizer::new(true, true, None, true)
}

/// The pieces of a vocabulary of at most `size`, by id.
pub(super) fn train(notes: &[String], size: usize) -> Result<Vec<String>, Error> {
    let words = count_words(notes)?;
    let alphabet = alphabet(&words);
    let least = SPECIAL.len() + 2 * alphabet.len();
    if size < least {
        return Err(Error::Input(format!(
            "a vocabulary of {size} is too small for {} different characters; expected at least {least}",
            alphabet.len()
        )));
    }
    let mut merger = Merger::new(&alphabet, words);
    while merger.pieces.len() < size && merger.merge() {}
    Ok(merger.pieces)
}

/// Words of the normalised text and how often they occur.
fn count_words(notes: &[String]) -> Result<BTreeMap<String, u64>, Error> {
    let failed = |error: tokenizers::Error| Error::Input(format!("a text cannot be split into words: {error}"));
    let normalizer = normalizer();
    let mut words = BTreeMap::new();
    for note in notes {
        let mut text = NormalizedString::from(note.as_str());
        normalizer.normalize(&mut text).map_err(failed)?;
        let mut text = PreTokenizedString::from(text);
        BertPreTokenizer.pre_tokenize(&mut text).map_err(failed)?;
        for (word, _, _) in text.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
            match words.get_mut(word) {
                Some(count) => *count += 1,
                None => _ = words.insert(word.to_string(), 1),
            }
        }
    }
    Ok(words)
}

/// The most frequent characters, in their own order.
fn alphabet(words: &BTreeMap<String, u64>) -> Vec<char> {
    let mut counts: BTreeMap<char, u64> = BTreeMap::new();
    for (word, count) in words {
        for c in word.chars() {
            *counts.entry(c).or_default() += count;
        }
    }
    let mut kept: Vec<(Reverse<u64>, char)> = counts.into_iter().map(|(c, count)| (Reverse(count), c)).collect();
    kept.sort_unstable();
    kept.truncate(ALPHABET);
    let mut kept: Vec<char> = kept.into_iter().map(|(_, c)| c).collect();
    kept.sort_unstable();
    kept
}

type Pair = (u32, u32);

struct Word {
    pieces: Vec<u32>,
    count: u64,
}

/// Where a pair of neighbouring pieces stands; a word that lost the pair may still be listed.
#[derive(Default)]
struct Places {
    count: u64,
    words: Vec<usize>,
}

struct Merger {
    pieces: Vec<String>,
    ids: HashMap<String, u32>,
    words: Vec<Word>,
    pairs: HashMap<Pair, Places>,
    /// Every count a pair ever had; one that is no longer true is put right when it comes up.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
}

impl Merger {
    fn new(alphabet: &[char], words: BTreeMap<String, u64>) -> Self {
        let mut pieces: Vec<String> = SPECIAL.iter().map(|piece| piece.to_string()).collect();
        pieces.extend(alphabet.iter().map(char::to_string));
        pieces.extend(alphabet.iter().map(|c| format!("##{c}")));
        let ids: HashMap<String, u32> = pieces.iter().cloned().zip(0..).collect();
        let first = SPECIAL.len() as u32;
        let place: HashMap<char, u32> = alphabet.iter().copied().zip(first..).collect();
        let spell = |word: &str| -> Option<Vec<u32>> {
            let known: Option<Vec<u32>> = word.chars().map(|c| place.get(&c).copied()).collect();
            let mut pieces = known?;
            pieces.iter_mut().skip(1).for_each(|piece| *piece += alphabet.len() as u32);
            Some(pieces)
        };
        let words = words.into_iter().filter_map(|(word, count)| Some(Word { pieces: spell(&word)?, count })).collect();
        let mut merger = Self { pieces, ids, words, pairs: HashMap::new(), queue: BinaryHeap::new() };
        for word in 0..merger.words.len() {
            merger.list(word);
        }
        // The order of a hash map's values does not matter here: the queue orders by content alone.
        merger.queue = merger.pairs.iter().map(|(&pair, places)| (places.count, Reverse(pair))).collect();
        merger
    }

    /// Counts the pairs of a word, and queues those that this changes.
    fn list(&mut self, word: usize) {
        let Word { pieces, count } = &self.words[word];
        for pair in pieces.windows(2).map(|pair| (pair[0], pair[1])) {
            let places = self.pairs.entry(pair).or_default();
            places.count += count;
            if places.words.last() != Some(&word) {
                places.words.push(word);
            }
        }
    }

    fn unlist(&mut self, word: usize) {
        let Word { pieces, count } = &self.words[word];
        for pair in pieces.windows(2).map(|pair| (pair[0], pair[1])) {
            if let Some(places) = self.pairs.get_mut(&pair) {
                places.count -= count;
            }
        }
    }

    /// Makes one piece of the most frequent pair; false when no pair is frequent enough.
    fn merge(&mut self) -> bool {
        let pair = loop {
            let Some((count, Reverse(pair))) = self.queue.pop() else { return false };
            let now = self.pairs.get(&pair).map_or(0, |places| places.count);
            if now < LEAST_COUNT {
                continue;
            }
            if now == count {
                break pair;
            }
            if now < count {
                self.queue.push((now, Reverse(pair)));
            }
        };
        let merged = self.piece(pair);
        let places = self.pairs.remove(&pair).unwrap_or_default();
        let mut changed = Vec::new();
        for word in places.words {
            let pieces = &self.words[word].pieces;
            if !pieces.windows(2).any(|two| (two[0], two[1]) == pair) {
                continue;
            }
            let joined = join(pieces, pair, merged);
            self.unlist(word);
            self.words[word].pieces = joined;
            self.list(word);
            let neighbours = self.words[word].pieces.windows(2).map(|two| (two[0], two[1]));
            changed.extend(neighbours.filter(|two| two.0 == merged || two.1 == merged));
        }
        changed.sort_unstable();
        changed.dedup();
        for pair in changed {
            self.queue.push((self.pairs[&pair].count, Reverse(pair)));
        }
        true
    }

    /// The id of a pair's piece, which two different pairs may share.
    fn piece(&mut self, (first, second): Pair) -> u32 {
        let second = &self.pieces[second as usize];
        let piece = format!("{}{}", self.pieces[first as usize], second.strip_prefix("##").unwrap_or(second));
        let next = self.pieces.len() as u32;
        let id = *self.ids.entry(piece.clone()).or_insert(next);
        if id == next {
            self.pieces.push(piece);
        }
        id
    }
}

fn join(pieces: &[u32], pair: Pair, merged: u32) -> Vec<u32> {
    let mut joined = Vec::with_capacity(pieces.len());
    let mut rest = pieces;
    while let Some((&piece, behind)) = rest.split_first() {
        if (piece, behind.first()) == (pair.0, Some(&pair.1)) {
            joined.push(merged);
            rest = &behind[1..];
        } else {
            joined.push(piece);
            rest = behind;
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(notes: &[&str], size: usize) -> Vec<String> {
        let notes: Vec<String> = notes.iter().map(|note| note.to_string()).collect();
        train(&notes, size).unwrap()
    }

    #[test]
    fn special_pieces_come_first_then_characters_then_merges_by_count() {
        let pieces = vocabulary(&["Lows low low LÓW", "new new"], 100);
        assert_eq!(pieces[..5], SPECIAL);
        assert_eq!(pieces[5..11], ["e", "l", "n", "o", "s", "w"]);
        assert_eq!(pieces[11..17], ["##e", "##l", "##n", "##o", "##s", "##w"]);
        // "l" + "##o" and "##o" + "##w" occur 4 times each; "l" was known first.
        assert_eq!(pieces[17..], ["lo", "low", "ne", "new"]);
    }

    #[test]
    fn a_run_of_one_character_is_counted_as_it_is_joined() {
        assert_eq!(join(&[1, 2, 2, 2, 2, 3], (2, 2), 9), [1, 9, 9, 3]);
        let pieces = vocabulary(&["aaaaa aaaaa"], 100);
        assert_eq!(pieces[5..], ["a", "##a", "##aa", "aaa", "aaaaa"]);
    }

    #[test]
    fn two_runs_give_the_same_vocabulary_within_its_size() {
        let notes: Vec<String> = (0..300_u64)
            .map(|i| format!("w{} x{} {}", i * 7919 % 101, i * 104_729 % 97, "abcdefgh".repeat(1 + (i % 3) as usize)))
            .collect();
        let first = train(&notes, 150).unwrap();
        assert_eq!(first.len(), 150);
        for _ in 0..3 {
            assert_eq!(train(&notes, 150).unwrap(), first);
        }
        let mut turned = notes;
        turned.reverse();
        assert_eq!(train(&turned, 150).unwrap(), first);
    }

    #[test]
    fn a_size_below_the_characters_is_refused() {
        let error = train(&["abc".to_string()], 10).unwrap_err().to_string();
        assert!(error.contains("at least 11"), "{error}");
    }
}
