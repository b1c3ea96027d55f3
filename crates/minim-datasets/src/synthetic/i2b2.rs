//! What the twins of the three i2b2 corpora share: names that give every split a document, and the card beside the files.

use std::fs;
use std::path::Path;

use super::card::SyntheticCard;
use super::{Error, save};
use crate::document_split::Split;
use crate::official_parts::training_split_of;

/// Said in every document: nobody should take one for a patient's.
pub(super) const NOTICE: &str = "synthetic note , written by a program about nobody";

/// How many of a corpus's documents train or validate, and how many test, by the release's own numbers.
pub(super) fn parts(size: usize, training: usize, test: usize) -> [usize; 2] {
    let first = (size * training).div_ceil(training + test).max(3);
    [first, size.saturating_sub(first).max(2)]
}

/// Numbers from `first` on for the training groups of a corpus, among them one that trains and one that validates.
pub(super) fn numbers(corpus: &str, count: usize, first: usize, name: impl Fn(usize) -> String) -> Vec<usize> {
    let validates = |number: &usize| training_split_of(corpus, &name(*number)) == Split::Validation;
    let mut numbers: Vec<usize> = (first..first + count).collect();
    if let Some(last) = numbers.last_mut().filter(|_| !(first..first + count).any(|number| validates(&number))) {
        *last = (first + count..).find(validates).unwrap_or(*last);
    }
    if let Some(one) = numbers.first_mut().filter(|_| (first..first + count).all(|number| validates(&number))) {
        *one = (first + count..).find(|number| !validates(number)).unwrap_or(*one);
    }
    numbers
}

/// Writes a file, making its folders.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
    }
    save(path, text)
}

/// What a twin's card says beside what the corpus's own card does.
pub(super) struct Twin<'a> {
    /// The corpus whose archive it imitates.
    pub(super) name: &'a str,
    pub(super) documents: [usize; 2],
    pub(super) size: usize,
    pub(super) seed: u64,
}

/// Writes the card that stands beside the archive, in the form of [`Card`](crate::Card).
pub(super) fn write_card(out: &Path, twin: &Twin<'_>) -> Result<(), Error> {
    let Twin { name, documents: [training, test], size, seed } = twin;
    // The shipped cards are embedded and parse, as a test sees to.
    let card = crate::card(name).expect("every twin is of a corpus that has a card");
    let labels: Vec<&str> = card.labels.iter().map(String::as_str).collect();
    let card = SyntheticCard {
        name,
        reader: name,
        task: &card.task,
        source: format!(", in the file formats of {name}; no patient, no other corpus."),
        command: name,
        size: *size,
        seed: *seed,
        splits: format!(
            "{training} training and {test} test documents; about a tenth of the former validates, by the rule of the corpus."
        ),
        labels: &labels,
        flaw: None,
        expected: &[("documents", training + test)],
    };
    write_file(&out.join("card.toml"), &card.text())
}

/// For tests: how many of the meant entities were not found; those found must be among the meant, in order.
#[cfg(test)]
pub(super) fn count_lost(document: &str, meant: &[(&'static str, String)], found: &[(String, String)]) -> usize {
    let mut rest = meant.iter();
    for (kind, text) in found {
        let next = rest.by_ref().find(|(meant, words)| meant == kind && words == text);
        assert!(next.is_some(), "{document}: a {kind} that nobody meant");
    }
    meant.len() - found.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::grammar::{Grammar, Piece, pieces};
    use super::super::{i2b2_2010, i2b2_2012, i2b2_2014};
    use super::*;

    /// From the lists that a writer begins with, every slot leads to a list or a range, or is filled by the program.
    #[test]
    fn every_slot_of_the_word_lists_is_known() {
        let is_range = |slot: &str| slot.split('-').all(|end| end.parse::<usize>().is_ok());
        for (files, roots, filled) in [
            (i2b2_2010::GRAMMAR, i2b2_2010::lists(), &[][..]),
            (i2b2_2012::GRAMMAR, i2b2_2012::lists(), &[][..]),
            (i2b2_2014::GRAMMAR, i2b2_2014::lists(), &["PATIENT", "PATIENT_FULL", "PATIENT_AGE"][..]),
        ] {
            let grammar = Grammar::read(files);
            let mut open: Vec<&str> = roots;
            let mut seen = BTreeSet::new();
            while let Some(list) = open.pop().filter(|_| seen.len() < 1000) {
                assert!(!grammar.list(list).is_empty(), "no list {list}");
                for piece in grammar.list(list).iter().flat_map(|template| pieces(template)) {
                    let Piece::Slot(slot) = piece else { continue };
                    let slot = slot.trim_end_matches(['?', '!']);
                    let slot = match slot.split_once(':') {
                        Some((head, list)) if head.contains('<') => list,
                        Some(_) => continue,
                        None => slot,
                    };
                    if !is_range(slot) && !filled.contains(&slot) && seen.insert(slot) {
                        open.push(slot);
                    }
                }
            }
            assert!(seen.len() > 20);
        }
    }

    #[test]
    fn parts_follow_the_release_and_are_never_too_small() {
        assert_eq!(parts(426, 170, 256), [170, 256]);
        assert_eq!(parts(1304, 790, 514), [790, 514]);
        assert_eq!(parts(0, 170, 256), [3, 2]);
    }

    #[test]
    fn some_of_the_numbers_validate_and_some_train() {
        for count in 2..30 {
            let numbers = numbers("made-up", count, 1, |n| format!("note-{n}"));
            let validating =
                numbers.iter().filter(|n| training_split_of("made-up", &format!("note-{n}")) == Split::Validation);
            let validating = validating.count();
            assert!(validating > 0 && validating < count && numbers.len() == count, "{count}: {validating}");
        }
    }
}
