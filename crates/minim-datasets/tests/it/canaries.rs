//! Texts that can be told again: in an archive every longer word of the texts becomes a made-up one of the same length, so that
//! offsets and copies of the text stay right, and whatever shows a word shows where it came from. Also used by the tests of
//! `xtask`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use minim_datasets::{Dataset, read};

/// Words that are texts and something besides: labels, keys and columns, headings, what recipes look for.
const KEPT: &str = "problem treatment neutral entailment contradiction synthetic sentence modality polarity factual occurrence \
                    evidential clinical department expired deceased discharge summary addendum description category subject \
                    admission complaint present illness medical history medication medications allergies physical family social \
                    hospital course pertinent newborn emergency elective acutemedicine cardiology gastroenterology neurology \
                    obstetrics oncology respiratory patient profession location device username country";

/// All files below a folder by their path in it.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut open = vec![root.to_owned()];
    let mut found = BTreeMap::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => {
                    let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                    found.insert(name, fs::read(path).unwrap());
                }
            }
        }
    }
    found
}

/// The texts of a dataset.
pub(crate) fn texts(dataset: &Dataset) -> Vec<String> {
    fn all<E>(splits: &minim_datasets::Splits<E>, text: impl Fn(&E) -> String) -> Vec<String> {
        [&splits.train, &splits.validation, &splits.test].into_iter().flatten().map(text).collect()
    }
    match dataset {
        Dataset::Sequence(splits) => all(splits, |e| format!("{} {}", e.text, e.text_pair.as_deref().unwrap_or(""))),
        Dataset::Tokens(splits) => all(splits, |e| e.words.join(" ")),
        Dataset::Relations(splits) => all(splits, |e| e.text.clone()),
    }
}

/// Puts canaries into an archive's files in place of words, and says which there are.
pub(crate) fn plant(name: &str, root: &Path) -> BTreeSet<String> {
    let dataset = read(name, root).unwrap();
    let mut canaries: BTreeMap<String, String> = BTreeMap::new();
    for text in texts(&dataset) {
        for word in text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() >= 7) {
            let word = word.to_ascii_lowercase();
            if !KEPT.split(' ').any(|kept| kept == word) && !canaries.contains_key(&word) {
                let number = canaries.len();
                let letter = |place: u32| char::from(b'a' + (number / 26usize.pow(place) % 26) as u8);
                let canary = format!("xqzj{}{}{}", letter(2), letter(1), letter(0));
                canaries.insert(word.clone(), format!("{canary:k<width$}", width = word.len()));
            }
        }
    }
    for (path, bytes) in files(root).into_iter().filter(|(path, _)| !path.ends_with(".gz") && path != "card.toml") {
        fs::write(root.join(path), replaced(&String::from_utf8(bytes).unwrap(), &canaries)).unwrap();
    }
    canaries.into_values().collect()
}

/// A text with its words replaced, in capitals where they are: some files have a copy of another's text in small letters.
fn replaced(text: &str, canaries: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()));
        match canaries.get(&word.to_ascii_lowercase()) {
            Some(canary) => {
                out.extend(canary.chars().zip(word.chars()).map(|(new, old)| match old.is_ascii_uppercase() {
                    true => new.to_ascii_uppercase(),
                    false => new,
                }))
            }
            None => out.push_str(word),
        }
        let (other, behind) = behind.split_at(behind.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(behind.len()));
        out.push_str(other);
        rest = behind;
    }
    out
}
