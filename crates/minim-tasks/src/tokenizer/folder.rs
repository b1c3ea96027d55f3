//! A tokenizer from the files of a Hugging Face folder: `tokenizer.json`, or the older `vocab.txt` (WordPiece), or `vocab.json` with
//! `merges.txt` (byte-level BPE).
//!
//! Sources: `BertTokenizer` and `RobertaTokenizer` of transformers for the defaults and for what wins over what.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{AddedToken, ModelWrapper, NormalizerWrapper};

use super::Tokenizer;
use crate::Error;

const JSON: &str = "tokenizer.json";
const VOCAB: &str = "vocab.txt";
const CONFIG: &str = "tokenizer_config.json";
const BPE_VOCAB: &str = "vocab.json";
const MERGES: &str = "merges.txt";
const ADDED: &str = "added_tokens.json";
const SPECIAL: &str = "special_tokens_map.json";

/// The keys of `tokenizer_config.json` (and of the older `special_tokens_map.json`) that decide ids.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    unk_token: Option<Piece>,
    sep_token: Option<Piece>,
    pad_token: Option<Piece>,
    cls_token: Option<Piece>,
    mask_token: Option<Piece>,
    eos_token: Option<Piece>,
    add_prefix_space: Option<bool>,
    tokenizer_class: Option<String>,
    added_tokens_decoder: BTreeMap<u32, Piece>,
}

/// A special piece, written plainly or with its matching rules.
#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Plain(String),
    Rules { content: String },
}

impl Piece {
    fn content(&self) -> &str {
        match self {
            Self::Plain(content) | Self::Rules { content } => content,
        }
    }
}

/// Names of the special pieces.
struct Special {
    unk: String,
    sep: String,
    pad: String,
    cls: String,
    mask: String,
}

impl Special {
    fn new(config: &Config, map: &Config) -> Self {
        let name = |pick: fn(&Config) -> Option<&Piece>, default: &str| {
            pick(config).or_else(|| pick(map)).map_or(default, Piece::content).to_owned()
        };
        Self {
            unk: name(|c| c.unk_token.as_ref(), "[UNK]"),
            sep: name(|c| c.sep_token.as_ref(), "[SEP]"),
            pad: name(|c| c.pad_token.as_ref(), "[PAD]"),
            cls: name(|c| c.cls_token.as_ref(), "[CLS]"),
            mask: name(|c| c.mask_token.as_ref(), "[MASK]"),
        }
    }
}

/// SHA-256 over the names and contents of those of a tokenizer's files that are there.
pub(super) fn fingerprint(folder: &Path) -> Result<[u8; 32], Error> {
    let mut hash = Sha256::new();
    for name in [JSON, VOCAB, CONFIG, BPE_VOCAB, MERGES, ADDED, SPECIAL] {
        let file = folder.join(name);
        match fs::read(&file) {
            Ok(bytes) => hash.update([name.as_bytes(), &[0], &(bytes.len() as u64).to_le_bytes(), &bytes].concat()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Read { file, source }),
        }
    }
    Ok(hash.finalize().into())
}

pub(super) fn read(folder: &Path) -> Result<Tokenizer, Error> {
    let config: Option<Config> = read_json(&folder.join(CONFIG))?;
    let map: Config = read_json(&folder.join(SPECIAL))?.unwrap_or_default();
    let special = Special::new(config.as_ref().unwrap_or(&Config::default()), &map);
    let json = folder.join(JSON);
    if json.is_file() {
        return from_json(json, config.unwrap_or_default(), &special);
    }
    let vocab = folder.join(VOCAB);
    if vocab.is_file() {
        return from_vocab(folder, vocab, config, &special);
    }
    let (vocab, merges) = (folder.join(BPE_VOCAB), folder.join(MERGES));
    if vocab.is_file() && merges.is_file() {
        return from_merges(folder, vocab, &merges, config.unwrap_or_default(), map);
    }
    Err(Error::NoTokenizer { folder: folder.to_owned() })
}

/// Byte-level BPE from `vocab.json` and `merges.txt`, as RoBERTa was first published.
fn from_merges(folder: &Path, file: PathBuf, merges: &Path, config: Config, map: Config) -> Result<Tokenizer, Error> {
    let failed = |what: String| Error::TokenizerFile { file: file.clone(), what };
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let model = BPE::from_file(&path(&file), &path(merges)).build().map_err(|error| failed(error.to_string()))?;
    let vocab: HashMap<String, u32> = model.get_vocab().into_iter().collect();
    check_added(folder, &config, &vocab)?;
    let name = |pick: fn(&Config) -> Option<&Piece>, default: &str| {
        pick(&config).or_else(|| pick(&map)).map_or(default, Piece::content).to_owned()
    };
    let names = [
        name(|c| c.cls_token.as_ref(), "<s>"),
        name(|c| c.sep_token.as_ref(), "</s>"),
        name(|c| c.unk_token.as_ref(), "<unk>"),
        name(|c| c.pad_token.as_ref(), "<pad>"),
        name(|c| c.mask_token.as_ref(), "<mask>"),
    ];
    let id = |piece: &str| {
        vocab.get(piece).copied().ok_or_else(|| Error::NoSpecialPiece { file: file.clone(), piece: piece.to_owned() })
    };
    let [cls, sep, _, pad, mask] = &names;
    let (cls, sep, pad_id) = ((cls.clone(), id(cls)?), (sep.clone(), id(sep)?), id(pad)?);
    let prefix_space = config.add_prefix_space.unwrap_or(false);
    let mut inner = tokenizers::Tokenizer::new(model);
    inner
        .with_pre_tokenizer(Some(ByteLevel::new(prefix_space, true, true)))
        .with_post_processor(Some(RobertaProcessing::new(sep, cls).add_prefix_space(prefix_space)));
    let known: Vec<AddedToken> = names
        .iter()
        .filter(|name| vocab.contains_key(*name))
        // The mask stands for a word and the space before it.
        .map(|name| AddedToken::from(name.clone(), true).lstrip(name == mask))
        .collect();
    inner.add_special_tokens(&known);
    Ok(Tokenizer::new(inner, file, pad_id).spacing_words())
}

fn from_json(file: PathBuf, config: Config, special: &Special) -> Result<Tokenizer, Error> {
    let mut inner = tokenizers::Tokenizer::from_file(&file)
        .map_err(|error| Error::TokenizerFile { file: file.clone(), what: error.to_string() })?;
    let stored_pad = inner.get_padding().map(|padding| padding.pad_id);
    inner.with_padding(None);
    // Taking a truncation away cannot fail; only setting one is checked.
    let _ = inner.with_truncation(None);

    if let Some(NormalizerWrapper::BertNormalizer(stored)) = inner.get_normalizer() {
        let mut normalizer = *stored;
        normalizer.lowercase = config.do_lower_case.unwrap_or(normalizer.lowercase);
        normalizer.strip_accents = config.strip_accents.or(normalizer.strip_accents);
        normalizer.handle_chinese_chars = config.tokenize_chinese_chars.unwrap_or(normalizer.handle_chinese_chars);
        inner.with_normalizer(Some(normalizer));
    }
    if let ModelWrapper::WordPiece(model) = inner.get_model() {
        let unk = model.unk_token.clone();
        if inner.token_to_id(&unk).is_none() {
            return Err(Error::NoSpecialPiece { file, piece: unk });
        }
    }
    let pad_id = inner
        .token_to_id(&special.pad)
        .or(stored_pad)
        // Llama has no piece for padding; whoever pads takes the one that ends a text.
        .or_else(|| inner.token_to_id(config.eos_token.as_ref()?.content()))
        .ok_or_else(|| Error::NoSpecialPiece { file: file.clone(), piece: special.pad.clone() })?;
    let roberta = config.tokenizer_class.as_deref().is_some_and(|class| class.starts_with("Roberta"));
    let tokenizer = Tokenizer::new(inner, file, pad_id);
    Ok(if roberta { tokenizer.spacing_words() } else { tokenizer })
}

fn from_vocab(folder: &Path, file: PathBuf, config: Option<Config>, special: &Special) -> Result<Tokenizer, Error> {
    let vocab = read_vocab(&file)?;
    let id = |piece: &str| {
        vocab.get(piece).copied().ok_or_else(|| Error::NoSpecialPiece { file: file.clone(), piece: piece.to_owned() })
    };
    id(&special.unk)?;
    let pad_id = id(&special.pad)?;
    let sep = (special.sep.clone(), id(&special.sep)?);
    let cls = (special.cls.clone(), id(&special.cls)?);
    let names = [&special.unk, &special.sep, &special.pad, &special.cls, &special.mask];

    let no_config = config.is_none();
    let config = config.unwrap_or_default();
    let lowercase = match config.do_lower_case {
        Some(stated) => stated,
        // transformers would lower-case silently, which ruins a cased checkpoint that lost its configuration.
        None if no_config && has_upper_case(&vocab, &names) => {
            return Err(Error::UnknownCasing { file: folder.join(CONFIG) });
        }
        None => true,
    };
    check_added(folder, &config, &vocab)?;

    let model = serde_json::json!({
        "type": "WordPiece",
        "unk_token": special.unk,
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": vocab,
    });
    let failed = |what: String| Error::TokenizerFile { file: file.clone(), what };
    let model = WordPiece::from_bytes(model.to_string()).map_err(|e| failed(e.to_string()))?;
    let mut inner = tokenizers::Tokenizer::new(model);
    inner
        .with_normalizer(Some(BertNormalizer::new(
            true,
            config.tokenize_chinese_chars.unwrap_or(true),
            config.strip_accents,
            lowercase,
        )))
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(BertProcessing::new(sep, cls)));
    let known: Vec<AddedToken> = names
        .into_iter()
        .filter(|name| vocab.contains_key(*name))
        .map(|name| AddedToken::from(name.clone(), true))
        .collect();
    inner.add_special_tokens(&known);
    Ok(Tokenizer::new(inner, file, pad_id))
}

/// One piece a line, its id the 0-based line; of a piece that stands twice the last id counts, as in transformers.
fn read_vocab(file: &Path) -> Result<HashMap<String, u32>, Error> {
    let bytes = fs::read(file).map_err(|source| Error::Read { file: file.to_owned(), source })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Error::NotUtf8 { file: file.to_owned(), line: valid.iter().filter(|&&byte| byte == b'\n').count() + 1 }
    })?;
    Ok(text.lines().map(str::to_owned).zip(0..).collect())
}

fn has_upper_case(vocab: &HashMap<String, u32>, special: &[&String]) -> bool {
    vocab.keys().any(|piece| {
        let bracketed = piece.starts_with('[') && piece.ends_with(']');
        !bracketed && !special.contains(&piece) && piece.contains(|c: char| c.is_uppercase())
    })
}

/// Pieces added beside `vocab.txt` would shift ids unseen; such a folder needs its `tokenizer.json`.
fn check_added(folder: &Path, config: &Config, vocab: &HashMap<String, u32>) -> Result<(), Error> {
    let file = folder.join(ADDED);
    let added: BTreeMap<String, u32> = read_json(&file)?.unwrap_or_default();
    let beside = added.iter().map(|(piece, id)| (&file, piece.as_str(), *id));
    let config_file = folder.join(CONFIG);
    let decoder = config.added_tokens_decoder.iter();
    let decoder = decoder.map(|(id, piece)| (&config_file, piece.content(), *id));
    for (file, piece, id) in beside.chain(decoder) {
        if vocab.get(piece) != Some(&id) {
            return Err(Error::AddedPiece { file: file.clone(), id });
        }
    }
    Ok(())
}

/// `None` where there is no such file.
fn read_json<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, Error> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::Read { file: file.to_owned(), source });
        }
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Error::TokenizerFile { file: file.to_owned(), what: error.to_string() })
}
