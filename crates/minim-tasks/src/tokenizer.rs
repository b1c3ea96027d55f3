//! Text to pieces: a Hugging Face tokenizer folder, cut to a maximum length.
//!
//! Sources: `BertTokenizerFast` of transformers (ids, `longest_first` truncation, `is_split_into_words`), WordPiece of
//! Wu et al. 2016 (<https://arxiv.org/abs/1609.08144>) as the `tokenizers` crate implements it. Parity test: `tests/tokenization.rs`.

mod folder;
mod layout;
mod window;

use std::ops::Range;
use std::path::{Path, PathBuf};

use tokenizers::{Encoding, PreTokenizerWrapper, Token, TruncationDirection, TruncationParams, TruncationStrategy};

use crate::Error;
pub(crate) use window::Anchors;

/// The pieces of one example, special pieces included, never longer than the maximum length it was encoded with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Piece ids.
    pub ids: Vec<u32>,
    /// Token type of each piece: 0, or 1 in the second text of a pair.
    pub types: Vec<u32>,
    /// The word each piece belongs to: `None` for special pieces, and for words that another window of the same text is asked about;
    /// empty for texts that were not given as words.
    pub words: Vec<Option<u32>>,
    /// Whether pieces were left out to meet the maximum length.
    pub truncated: bool,
}

impl Encoded {
    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no piece at all.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// A tokenizer read from a Hugging Face folder; truncation and padding stored in the folder are ignored.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    file: PathBuf,
    pad_id: u32,
    vocab_size: usize,
    /// Whether the pieces of a text's first words do not depend on the words after them.
    word_by_word: bool,
    /// For words given one by one, where they are cut otherwise than the beginning of a text.
    of_words: Option<Box<tokenizers::Tokenizer>>,
}

impl Tokenizer {
    /// Reads `tokenizer.json`, or else `vocab.txt` (WordPiece) or `vocab.json` and `merges.txt` (byte-level BPE) with
    /// `tokenizer_config.json`, from `folder`.
    ///
    /// A casing stated in `tokenizer_config.json` wins over the one in `tokenizer.json`, as in transformers.
    ///
    /// # Errors
    ///
    /// A missing or unreadable file, a vocabulary without one of the special pieces, a casing that nothing states.
    pub fn from_folder(folder: &Path) -> Result<Self, Error> {
        folder::read(folder)
    }

    /// SHA-256 over the files that decide which pieces a text gets.
    ///
    /// # Errors
    ///
    /// A file that can no longer be read.
    pub fn fingerprint(&self) -> Result<[u8; 32], Error> {
        folder::fingerprint(self.file.parent().unwrap_or(Path::new("")))
    }

    fn new(inner: tokenizers::Tokenizer, file: PathBuf, pad_id: u32) -> Self {
        let vocab_size = inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        let spaced = inner.get_added_vocabulary().get_vocab().keys().any(|piece| piece.contains(is_plain_space));
        let bert = matches!(inner.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)));
        Self { inner, file, pad_id, vocab_size, word_by_word: bert && !spaced, of_words: None }
    }

    /// Puts a space before each word that is given by itself: byte-level pieces hold the space before them, and a word inside a text has
    /// one. Does nothing for a tokenizer that isn't byte-level.
    fn spacing_words(mut self) -> Self {
        if let Some(PreTokenizerWrapper::ByteLevel(stored)) = self.inner.get_pre_tokenizer() {
            let mut of_words = self.inner.clone();
            let mut byte_level = *stored;
            byte_level.add_prefix_space = true;
            of_words.with_pre_tokenizer(Some(byte_level));
            self.of_words = Some(Box::new(of_words));
        }
        self
    }

    /// The id that fills a batch up to its longest example.
    pub fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// One more than the largest id that this tokenizer can give.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The id of a piece, `[MASK]` for instance.
    pub fn id(&self, piece: &str) -> Option<u32> {
        self.inner.token_to_id(piece)
    }

    /// The piece of an id; a WordPiece that continues a word begins with `##`.
    pub fn piece(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Checks that a model with `vocab_size` embeddings knows every id of this tokenizer.
    ///
    /// # Errors
    ///
    /// [`Error::VocabTooLarge`] with both sizes.
    pub fn check_vocab(&self, vocab_size: usize) -> Result<(), Error> {
        if self.vocab_size <= vocab_size {
            return Ok(());
        }
        Err(Error::VocabTooLarge { file: self.file.clone(), tokenizer: self.vocab_size, model: vocab_size })
    }

    /// Encodes one text or a pair, truncated from the end, the longer one first; an empty second text is none, as in transformers.
    ///
    /// # Errors
    ///
    /// [`Error::MaxLength`] when `max_length` leaves no room for text.
    pub fn encode(&self, text: &str, pair: Option<&str>, max_length: usize) -> Result<Encoded, Error> {
        let pair = pair.filter(|pair| !pair.is_empty());
        let room = self.room(max_length, pair.is_some())?;
        let (first, second) = match pair {
            None => (self.first_pieces(text, room)?, None),
            // Which of two over-long texts loses the odd piece depends on their full lengths.
            Some(pair) => (self.pieces(text)?, Some(self.pieces(pair)?)),
        };
        let truncated = first.len() + second.as_ref().map_or(0, Encoding::len) > room;
        let params = TruncationParams {
            max_length: room,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
            direction: TruncationDirection::Right,
        };
        let (first, second) = tokenizers::utils::truncation::truncate_encodings(first, second, &params)
            .map_err(|error| self.failed(&error))?;
        self.finish(first, second, truncated)
    }

    /// Encodes words one by one, truncated from the end; a word may get several pieces, or none.
    ///
    /// # Errors
    ///
    /// [`Error::MaxLength`] when `max_length` leaves no room for text.
    pub fn encode_words(&self, words: &[String], max_length: usize) -> Result<Encoded, Error> {
        let room = self.room(max_length, false)?;
        // Stopping there keeps a text of any length cheap: the words behind the cut are never looked at.
        let (mut ids, mut owners) = self.pieces_of_words(words, room)?;
        let truncated = ids.len() > room;
        ids.truncate(room);
        owners.truncate(room);
        self.finish_words(&ids, owners.into_iter().map(Some), truncated)
    }

    /// Encodes one text in windows of at most `max_length` pieces, special ones included, of which neighbours share `overlap`. The first
    /// is what [`encode`](Self::encode) keeps, and the only one where the text is short enough. A pair is cut all the same: its texts
    /// must be seen together.
    ///
    /// # Errors
    ///
    /// [`Error::MaxLength`] when `max_length` leaves no room for text, [`Error::Overlap`] when the overlap leaves none.
    pub fn encode_windows(
        &self,
        text: &str,
        pair: Option<&str>,
        max_length: usize,
        overlap: usize,
    ) -> Result<Vec<Encoded>, Error> {
        let first = self.encode(text, pair, max_length)?;
        let room = self.room_for_windows(max_length, overlap)?;
        if !first.truncated || pair.is_some_and(|pair| !pair.is_empty()) {
            return Ok(vec![first]);
        }
        let encoding = self.pieces(text)?;
        layout::of_pieces(encoding.len(), room, overlap)
            .into_iter()
            .map(|window| self.finish(encoding_of(&encoding.get_ids()[window]), None, false))
            .collect()
    }

    /// Encodes words in windows as [`encode_windows`](Self::encode_windows) does a text. Each window begins with a word, and
    /// [`Encoded::words`] names each word in one window only, that in which it has most context on both sides.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn encode_words_windows(
        &self,
        words: &[String],
        max_length: usize,
        overlap: usize,
    ) -> Result<Vec<Encoded>, Error> {
        let room = self.room_for_windows(max_length, overlap)?;
        let (ids, owners) = self.pieces_of_words(words, usize::MAX)?;
        let windows = layout::of_words(&owners, room, overlap);
        let judged = layout::judged(&owners, &windows);
        let encode = |(window, words): (Range<usize>, Vec<_>)| self.finish_words(&ids[window], words, false);
        windows.into_iter().zip(judged).map(encode).collect()
    }

    /// The ids of all words and the word of each, or at least those of the first `room + 1` pieces.
    fn pieces_of_words(&self, words: &[String], room: usize) -> Result<(Vec<u32>, Vec<u32>), Error> {
        let tokenizer = self.of_words.as_deref().unwrap_or(&self.inner);
        let (mut ids, mut owners) = (Vec::new(), Vec::new());
        for (index, word) in words.iter().enumerate() {
            let pieces = tokenizer.encode_fast(word.as_str(), false).map_err(|error| self.failed(&error))?;
            ids.extend_from_slice(pieces.get_ids());
            owners.resize(ids.len(), index as u32);
            if ids.len() > room {
                break;
            }
        }
        Ok((ids, owners))
    }

    /// Adds the special pieces to those of words.
    fn finish_words(
        &self,
        ids: &[u32],
        words: impl IntoIterator<Item = Option<u32>>,
        truncated: bool,
    ) -> Result<Encoded, Error> {
        let mut encoding = encoding_of(ids);
        encoding.get_word_ids_mut().iter_mut().zip(words).for_each(|(slot, word)| *slot = word);
        let encoding = self.inner.post_process(encoding, None, true).map_err(|error| self.failed(&error))?;
        Ok(Encoded {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
            words: encoding.get_word_ids().to_vec(),
            truncated,
        })
    }

    /// Encodes one text; where it is too long, the pieces nearest to its anchors are kept instead of the first ones.
    pub(crate) fn encode_around(&self, text: &str, anchors: &Anchors, max_length: usize) -> Result<Encoded, Error> {
        let whole = self.encode(text, None, max_length)?;
        if !whole.truncated || anchors.is_empty() {
            return Ok(whole);
        }
        let room = self.room(max_length, false)?;
        let encoding = self.inner.encode(text, false).map_err(|error| self.failed(&error))?;
        let kept: Vec<u32> =
            anchors.nearest(encoding.get_offsets(), room).into_iter().map(|index| encoding.get_ids()[index]).collect();
        self.finish(encoding_of(&kept), None, true)
    }

    /// How many pieces fit beside the special ones.
    fn room(&self, max_length: usize, pair: bool) -> Result<usize, Error> {
        let special = self
            .inner
            .get_post_processor()
            .map_or(0, |processor| tokenizers::PostProcessor::added_tokens(processor, pair));
        match max_length.checked_sub(special) {
            Some(room) if room > 0 => Ok(room),
            _ => Err(Error::MaxLength { max_length, least: special + 1 }),
        }
    }

    fn room_for_windows(&self, max_length: usize, overlap: usize) -> Result<usize, Error> {
        let room = self.room(max_length, false)?;
        if overlap < room { Ok(room) } else { Err(Error::Overlap { overlap, room }) }
    }

    fn pieces(&self, text: &str) -> Result<Encoding, Error> {
        self.inner.encode_fast(text, false).map_err(|error| self.failed(&error))
    }

    /// All pieces of `text`, or at least its first `room + 1`, without looking at more words than that needs.
    fn first_pieces(&self, text: &str, room: usize) -> Result<Encoding, Error> {
        let mut words = room.saturating_add(1);
        loop {
            let end = if self.word_by_word { end_of_words(text, words) } else { text.len() };
            let encoding = self.pieces(&text[..end])?;
            if end == text.len() || encoding.len() > room {
                return Ok(encoding);
            }
            words = words.saturating_mul(2);
        }
    }

    /// Adds the special pieces.
    fn finish(&self, mut first: Encoding, mut second: Option<Encoding>, truncated: bool) -> Result<Encoded, Error> {
        // The post-processor would build every pair of overflowing parts: quadratic in the length of the text.
        first.take_overflowing();
        if let Some(second) = &mut second {
            second.take_overflowing();
            // What a post-processor that says nothing of types leaves as it is.
            second.set_type_ids(vec![1; second.len()]);
        }
        let encoding = self.inner.post_process(first, second, true).map_err(|error| self.failed(&error))?;
        Ok(Encoded {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
            words: Vec::new(),
            truncated,
        })
    }

    fn failed(&self, error: &tokenizers::Error) -> Error {
        Error::TokenizerFile { file: self.file.clone(), what: error.to_string() }
    }
}

fn encoding_of(ids: &[u32]) -> Encoding {
    let tokens = ids.iter().map(|&id| Token::new(id, String::new(), (0, 0))).collect();
    Encoding::from_tokens(tokens, 0)
}

/// The characters that every BERT normalizer keeps as a space; others that Unicode calls white space are deleted as control characters.
fn is_plain_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The byte offset just behind the first `words` words of `text`.
fn end_of_words(text: &str, words: usize) -> usize {
    let mut seen = 0;
    let mut inside = false;
    for (at, byte) in text.bytes().enumerate() {
        let space = is_plain_space(byte as char);
        if inside && space {
            seen += 1;
            if seen == words {
                return at;
            }
        }
        inside = !space;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_words_stops_behind_the_last_wanted_word() {
        for (text, words, end) in [
            ("", 1, 0),
            ("one", 1, 3),
            ("one two", 1, 3),
            ("  one\n\ttwo  three", 2, 10),
            ("one two ", 2, 7),
            ("one two ", 3, 8),
            ("é\u{85}é x", 1, 6),
        ] {
            assert_eq!(end_of_words(text, words), end, "{text:?} {words}");
        }
    }
}
