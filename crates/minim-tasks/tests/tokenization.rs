//! Ids, types and word indices equal those of transformers' `BertTokenizerFast`, from both layouts of a tokenizer folder.
//!
//! Fixtures: `tests/fixtures/bert/wordpieces.py` of the workspace.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use minim_tasks::{Encoded, Error, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixtures {
    uncased: Fixture,
    cased: Fixture,
}

#[derive(Deserialize)]
struct Fixture {
    texts: Vec<Text>,
    pairs: Vec<Text>,
    word_lists: Vec<WordList>,
    #[serde(default)]
    windows: Vec<Windows>,
}

#[derive(Deserialize)]
struct Windows {
    text: String,
    max_length: usize,
    stride: usize,
    ids: Vec<Vec<u32>>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    text_pair: Option<String>,
    max_length: Option<usize>,
    ids: Vec<u32>,
    type_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct WordList {
    words: Vec<String>,
    max_length: Option<usize>,
    ids: Vec<u32>,
    type_ids: Vec<u32>,
    word_ids: Vec<Option<u32>>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bert").join(name)
}

fn tokenizer(name: &str) -> Tokenizer {
    Tokenizer::from_folder(&folder(name)).unwrap()
}

fn check(tokenizer: &Tokenizer, fixture: &Fixture) {
    for row in fixture.texts.iter().chain(&fixture.pairs) {
        let max_length = row.max_length.unwrap_or(usize::MAX);
        let pair = row.text_pair.as_deref();
        let found = tokenizer.encode(&row.text, pair, max_length).unwrap();
        let name = (&row.text, pair, row.max_length);
        assert_eq!((&found.ids, &found.types), (&row.ids, &row.type_ids), "{name:?}");
        let whole = tokenizer.encode(&row.text, pair, usize::MAX).unwrap();
        assert_eq!(found.truncated, whole.len() > max_length, "{name:?}");
    }
    for row in &fixture.word_lists {
        let max_length = row.max_length.unwrap_or(usize::MAX);
        let found = tokenizer.encode_words(&row.words, max_length).unwrap();
        let name = (&row.words, row.max_length);
        assert_eq!((&found.ids, &found.types), (&row.ids, &row.type_ids), "{name:?}");
        assert_eq!(found.words, row.word_ids, "{name:?}");
    }
    for row in &fixture.windows {
        let found = tokenizer.encode_windows(&row.text, None, row.max_length, row.stride).unwrap();
        let found: Vec<Vec<u32>> = found.into_iter().map(|window| window.ids).collect();
        assert_eq!(found, row.ids, "{:?}", (&row.text, row.max_length, row.stride));
    }
}

#[test]
fn ids_equal_those_of_transformers() {
    let json = fs::read_to_string(folder("tokenization.json")).unwrap();
    let fixtures: Fixtures = serde_json::from_str(&json).unwrap();
    for (case, fixture) in [("uncased", &fixtures.uncased), ("cased", &fixtures.cased)] {
        assert!(fixture.texts.len() > 40 && fixture.pairs.len() > 30 && fixture.word_lists.len() > 20);
        assert!(fixture.windows.iter().filter(|row| row.ids.len() > 2).count() > 20);
        for layout in ["", "-json"] {
            check(&tokenizer(&format!("tokenizer-{case}{layout}")), fixture);
        }
    }
}

#[test]
fn ids_of_byte_level_and_byte_fallback_tokenizers_equal_those_of_transformers() {
    let folder = folder("../models/tokenizers");
    let json = fs::read_to_string(folder.join("tokenization.json")).unwrap();
    let fixtures: BTreeMap<String, Fixture> = serde_json::from_str(&json).unwrap();
    assert_eq!(fixtures.len(), 4);
    for (name, fixture) in &fixtures {
        assert!(fixture.texts.len() > 40 && fixture.pairs.len() > 20 && fixture.word_lists.len() > 20, "{name}");
        check(&Tokenizer::from_folder(&folder.join(name)).unwrap(), fixture);
    }
    // The same ids from the files that RoBERTa was first published as.
    check(&Tokenizer::from_folder(&folder.join("roberta-files")).unwrap(), &fixtures["roberta"]);
}

/// What the words give when all of them are looked at.
fn first_pieces(tokenizer: &Tokenizer, text: &str, max_length: usize) -> Encoded {
    let mut encoded = tokenizer.encode(text, None, usize::MAX).unwrap();
    if encoded.len() > max_length {
        for pieces in [&mut encoded.ids, &mut encoded.types] {
            pieces.drain(max_length - 1..pieces.len() - 1);
        }
        encoded.truncated = true;
    }
    encoded
}

#[test]
fn reading_only_the_words_that_are_needed_changes_nothing() {
    let tokenizer = tokenizer("tokenizer-uncased");
    for text in [
        "fever cough \u{200b} \u{200b} \u{200b} \u{200b} \u{200b} \u{200b} \u{200b} \u{200b} blood",
        "fever \u{200b} \u{200b} \u{200b} \u{200b} \u{200b} \u{200b}",
        "next\u{85}line\u{b}tab cafe \u{301}s \u{301} and pain, fever. cough",
        "\u{4e2d}\u{6587}\u{533b} cardiomyopathy nephrectomy pain",
        "the patient was admitted with chest pain and  severe  \n cough ",
    ] {
        for max_length in 3..20 {
            let found = tokenizer.encode(text, None, max_length).unwrap();
            assert_eq!(found, first_pieces(&tokenizer, text, max_length), "{text:?} {max_length}");
        }
    }
}

/// Every tokenizer of the fixtures that takes texts and words.
fn tokenizers() -> Vec<Tokenizer> {
    let models = folder("../models/tokenizers");
    let mut read: Vec<Tokenizer> = ["tokenizer-uncased", "tokenizer-cased-json"].map(tokenizer).into();
    let mut folders: Vec<PathBuf> = fs::read_dir(models).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    read.extend(folders.iter().map(|folder| Tokenizer::from_folder(folder).unwrap()));
    read
}

const LONG: &str = "the patient was admitted with chest pain, \u{200b} cardiomyopathy and a fever of 39.5 \u{4e2d}\u{6587} cafe\u{301}s";

/// The pieces of a text between the special ones.
fn inner<'a>(encoded: &'a Encoded, of_nothing: &Encoded, ids: &'a [u32]) -> &'a [u32] {
    // Special pieces stand at both ends, or before the text only.
    let special = of_nothing.len();
    let before = if special == 0 { 0 } else { 1 };
    &ids[before..encoded.len() - (special - before)]
}

#[test]
fn windows_of_a_text_hold_all_of_it() {
    for tokenizer in tokenizers() {
        let of_nothing = tokenizer.encode("", None, usize::MAX).unwrap();
        let whole = tokenizer.encode(LONG, None, usize::MAX).unwrap();
        for max_length in [5, 8, 13, whole.len() - 1, whole.len(), 100] {
            let cut = tokenizer.encode(LONG, None, max_length).unwrap();
            for overlap in [0, 1, max_length / 4, max_length - of_nothing.len() - 1] {
                let windows = tokenizer.encode_windows(LONG, None, max_length, overlap).unwrap();
                assert_eq!((&windows[0].ids, &windows[0].types), (&cut.ids, &cut.types), "the first is the cut text");
                assert_eq!(windows.len() == 1, whole.len() <= max_length);
                if windows.len() == 1 {
                    assert_eq!(windows[0], cut);
                }
                let mut joined: Vec<u32> = Vec::new();
                for (index, window) in windows.iter().enumerate() {
                    assert!(window.len() <= max_length && window.types.len() == window.len() && !window.truncated);
                    let pieces = inner(window, &of_nothing, &window.ids);
                    let shared = if index == 0 { 0 } else { overlap };
                    assert_eq!(pieces[..shared], joined[joined.len() - shared..], "{max_length} {overlap}");
                    assert!(pieces.len() > shared);
                    joined.extend(&pieces[shared..]);
                }
                assert_eq!(joined, inner(&whole, &of_nothing, &whole.ids), "{max_length} {overlap}");
            }
        }
    }
}

#[test]
fn windows_of_words_name_every_word_once() {
    for tokenizer in tokenizers() {
        let words: Vec<String> = LONG.split(' ').map(str::to_owned).cycle().take(90).collect();
        let whole = tokenizer.encode_words(&words, usize::MAX).unwrap();
        let readable: Vec<u32> = {
            let mut words: Vec<u32> = whole.words.iter().flatten().copied().collect();
            words.dedup();
            words
        };
        // The word that is nothing but a space of no width has no piece in a vocabulary of whole words.
        assert!(readable.len() >= 80);
        for (max_length, overlap) in [(12, 0), (12, 3), (30, 7), (30, 20), (whole.len(), 5), (1000, 250)] {
            let windows = tokenizer.encode_words_windows(&words, max_length, overlap).unwrap();
            let cut = tokenizer.encode_words(&words, max_length).unwrap();
            assert_eq!((&windows[0].ids, &windows[0].types), (&cut.ids, &cut.types), "the first is the cut text");
            assert_eq!(windows.len() == 1, whole.len() <= max_length);
            if windows.len() == 1 {
                assert_eq!(windows[0], cut);
            }
            let mut named: Vec<u32> = Vec::new();
            for window in &windows {
                assert!(window.len() <= max_length && window.words.len() == window.len() && !window.truncated);
                let mut words: Vec<u32> = window.words.iter().flatten().copied().collect();
                words.dedup();
                named.extend(words);
            }
            assert_eq!(named, readable, "{max_length} {overlap}");
        }
    }
}

#[test]
fn a_pair_is_cut_and_impossible_windows_are_refused() {
    let tokenizer = tokenizer("tokenizer-uncased");
    let pair = tokenizer.encode_windows(LONG, Some(LONG), 16, 4).unwrap();
    assert_eq!(pair, [tokenizer.encode(LONG, Some(LONG), 16).unwrap()]);
    assert!(pair[0].truncated);
    assert!(tokenizer.encode_windows(LONG, Some(""), 16, 4).unwrap().len() > 1, "an empty second text is none");
    for short in ["fever", LONG] {
        let error = tokenizer.encode_windows(short, None, 16, 14).unwrap_err();
        assert!(matches!(error, Error::Overlap { overlap: 14, room: 14 }), "{error}");
    }
    let error = tokenizer.encode_words_windows(&["fever".to_owned()], 16, 20).unwrap_err().to_string();
    assert!(error.contains("share 20 pieces, expected fewer than the 14"), "{error}");
}

/// Fails where `work` takes longer than a quadratic step would leave it.
fn within_seconds(seconds: u64, work: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        work();
        done.send(()).ok();
    });
    assert!(wait.recv_timeout(Duration::from_secs(seconds)).is_ok(), "not done within {seconds} s");
}

#[test]
fn a_text_of_100_000_words_is_cut_quickly() {
    within_seconds(20, || {
        let tokenizer = tokenizer("tokenizer-uncased");
        let words = vec!["pneumonia,".to_owned(); 100_000];
        let text = words.join(" ");
        let one_word = "x".repeat(600_000);
        for encoded in [
            tokenizer.encode(&text, None, 128).unwrap(),
            tokenizer.encode(&text, Some(&text), 128).unwrap(),
            tokenizer.encode_words(&words, 128).unwrap(),
        ] {
            assert_eq!(encoded.len(), 128);
            assert!(encoded.truncated);
        }
        assert_eq!(tokenizer.encode(&one_word, None, 128).unwrap().len(), 3);
    });
}

/// A copy of `tokenizer-cased` without the files named, with others written into it.
fn broken(without: &[&str], with: &[(&str, &str)]) -> (tempfile::TempDir, Result<Tokenizer, Error>) {
    let copy = tempfile::tempdir().unwrap();
    for file in ["vocab.txt", "tokenizer_config.json"] {
        if !without.contains(&file) {
            fs::copy(folder("tokenizer-cased").join(file), copy.path().join(file)).unwrap();
        }
    }
    for (file, content) in with {
        fs::write(copy.path().join(file), content).unwrap();
    }
    let read = Tokenizer::from_folder(copy.path());
    (copy, read)
}

#[test]
fn a_broken_folder_is_named() {
    let message = |without: &[&str], with: &[(&str, &str)]| {
        let (_folder, read) = broken(without, with);
        read.unwrap_err().to_string()
    };
    assert!(message(&["vocab.txt"], &[]).contains("expected `tokenizer.json`, or `vocab.txt`"));
    assert!(message(&["tokenizer_config.json"], &[]).contains("do_lower_case"));
    assert!(message(&[], &[("vocab.txt", "[PAD]\n[CLS]\n[SEP]\nfever\n")]).contains("`[UNK]`"));
    assert!(message(&[], &[("vocab.txt", "[PAD]\n[UNK]\n[CLS]\nfever\n")]).contains("`[SEP]`"));
    assert!(message(&[], &[("tokenizer_config.json", "{\"do_lower_case\": ")]).contains("tokenizer_config.json"));
    assert!(message(&[], &[("added_tokens.json", "{\"<new>\": 1000}")]).contains("adds piece 1000"));
    assert!(message(&[], &[("tokenizer.json", "{}")]).contains("tokenizer.json"));
}

#[test]
fn without_configuration_a_lower_case_vocabulary_is_lower_cased() {
    let vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfever\n";
    let (_folder, read) = broken(&["tokenizer_config.json"], &[("vocab.txt", vocab)]);
    let encoded = read.unwrap().encode("FEVER f\u{e9}ver [MASK]", None, 16).unwrap();
    assert_eq!(encoded.ids, [2, 5, 5, 4, 3]);
}

#[test]
fn a_stated_casing_wins_over_the_stored_one() {
    let json = fs::read_to_string(folder("tokenizer-cased-json").join("tokenizer.json")).unwrap();
    let config = "{\"do_lower_case\": true}";
    let (_folder, read) = broken(&[], &[("tokenizer.json", &json), ("tokenizer_config.json", config)]);
    let read = read.unwrap();
    let id = |text| read.encode(text, None, 16).unwrap().ids;
    assert_eq!(id("Fever"), id("fever"));
}

#[test]
fn sizes_are_checked() {
    let tokenizer = tokenizer("tokenizer-uncased");
    let size = tokenizer.vocab_size();
    assert!(tokenizer.check_vocab(size).is_ok());
    let error = tokenizer.check_vocab(size - 1).unwrap_err().to_string();
    assert!(error.contains(&format!("only {} embeddings", size - 1)), "{error}");
    assert!(matches!(tokenizer.encode("fever", Some("cough"), 3), Err(Error::MaxLength { max_length: 3, least: 4 })));
    assert!(tokenizer.encode_words(&["fever".to_owned()], 2).is_err());
    assert_eq!(tokenizer.pad_id(), 0);
    assert_eq!(tokenizer.id("[MASK]"), Some(6));
    assert_eq!(tokenizer.piece(6).as_deref(), Some("[MASK]"));
}
