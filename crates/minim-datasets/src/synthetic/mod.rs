//! Synthetic corpora: notes that read like hospital notes, composed by this project from its own word lists and templates.
//!
//! Three tasks are written in the study's prepared formats, and plain notes for pre-training. The same seed gives the same
//! bytes on every machine. Nothing here comes from a patient or from another corpus, and scores on these data say nothing
//! about clinical quality: they show that a model reads context, and that a run works.
//!
//! - [`Synthetic::Mortality`]: `train.csv`, `valid.csv`, `test.csv`, columns `id,text,label`
//! - [`Synthetic::Concepts`]: `train.conll`, `dev.conll`, `test.conll`, `token tag` lines, a blank line after each sentence,
//!   `-DOCSTART- <document>` before each document
//! - [`Synthetic::Relations`]: `train.tsv`, `dev.tsv`, `test.tsv`, columns `index`, `sentence`, `label`
//!
//! Ids and documents are named `synthetic-<split>-<number>`; three sentences in a row make a document, so that scores can be
//! resampled by document. Each folder also gets `labels.json` (the label names, in order) and `card.toml` (what the data is, and the command).

mod annotated;
mod archive;
mod card;
mod concepts;
mod draw;
mod grammar;
mod i2b2;
mod i2b2_2010;
mod i2b2_2012;
mod i2b2_2014;
mod i2b2_xml;
mod icd9_triage;
mod mednli;
mod mimic;
mod mimic_admission;
mod mimic_note;
mod mimic_tables;
mod mortality;
mod notes;
mod relations;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

pub use archive::{archive_names, write_archive};
use card::SyntheticCard;
use draw::Draw;
use grammar::Grammar;
pub use mimic::write_noteevents;
pub use notes::{notes, write_notes};

pub use crate::dataset::Sizes;

const PEOPLE: &str = include_str!("people.txt");
const ENTITIES: &str = include_str!("entities.txt");
const MORTALITY: &[&str] = &[PEOPLE, ENTITIES, include_str!("mortality.txt")];
const CONCEPTS: &[&str] = &[PEOPLE, ENTITIES, include_str!("concepts.txt")];
const RELATIONS: &[&str] = &[PEOPLE, ENTITIES, include_str!("relations.txt")];

/// Sentences of one document in the sentence corpora.
const DOCUMENT: usize = 3;

/// Draws that may repeat a text already written before the writer gives up.
const REPEATS: usize = 10_000;

/// A synthetic corpus could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or its folder could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The word lists do not hold as many different texts as asked for.
    #[error("{name}: no more than {made} different texts in the {split} split, expected {wanted}")]
    Exhausted {
        /// The corpus.
        name: &'static str,
        /// `train`, `validation` or `test`.
        split: &'static str,
        /// Texts written so far.
        made: usize,
        /// Texts asked for.
        wanted: usize,
    },
    /// No archive has this name.
    #[error("no synthetic archive is called {name}; known: {known}")]
    UnknownArchive {
        /// The name asked for.
        name: String,
        /// Every known name.
        known: String,
    },
}

/// A synthetic corpus, one for each kind of task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synthetic {
    /// Notes with a binary outcome: sequence classification.
    Mortality,
    /// Sentences with problems, tests and treatments: named entity recognition.
    Concepts,
    /// Sentences with two marked mentions: relation extraction.
    Relations,
}

impl Sizes {
    /// Nine, two and three fourteenths of `total`: the shares of the shipped samples, 900, 200 and 300 of 1400.
    pub fn of_total(total: usize) -> Self {
        let validation = total / 7;
        let test = total * 3 / 14;
        Self { train: total - validation - test, validation, test }
    }
}

impl Synthetic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mortality, Self::Concepts, Self::Relations];

    /// The corpus's name, `synthetic-mortality` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mortality => "synthetic-mortality",
            Self::Concepts => "synthetic-concepts",
            Self::Relations => "synthetic-relations",
        }
    }

    /// The name's last part, by which commands and folders know it: `mortality`, `concepts`, `relations`.
    pub fn short_name(self) -> &'static str {
        self.name().trim_start_matches("synthetic-")
    }

    /// The corpus of that name, short or long.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.name() == name || which.short_name() == name)
    }

    /// Label names (for [`Self::Concepts`] the tags), in the order of `labels.json`.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Mortality => &mortality::LABELS,
            Self::Concepts => &concepts::LABELS,
            Self::Relations => &relations::LABELS,
        }
    }

    /// File names of the train, validation and test splits.
    pub fn files(self) -> [&'static str; 3] {
        match self {
            Self::Mortality => ["train.csv", "valid.csv", "test.csv"],
            Self::Concepts => ["train.conll", "dev.conll", "test.conll"],
            Self::Relations => ["train.tsv", "dev.tsv", "test.tsv"],
        }
    }

    /// The name under which [`read`](crate::read) knows the files' format.
    pub fn reader(self) -> &'static str {
        match self {
            Self::Mortality => "prepared-csv",
            Self::Concepts => "prepared-conll",
            Self::Relations => "prepared-relations-tsv",
        }
    }

    fn grammar(self) -> Grammar {
        Grammar::read(match self {
            Self::Mortality => MORTALITY,
            Self::Concepts => CONCEPTS,
            Self::Relations => RELATIONS,
        })
    }

    fn header(self) -> &'static str {
        match self {
            Self::Mortality => "id,text,label\n",
            Self::Concepts => "",
            Self::Relations => "index\tsentence\tlabel\n",
        }
    }

    /// Example `place` of a split: the text that must not occur twice, and its lines in the split's file.
    fn example(self, grammar: &Grammar, draw: &mut Draw, split: &str, place: usize) -> (String, String) {
        let sentence = place % DOCUMENT;
        let document = format!("synthetic-{split}-{:06}", place / DOCUMENT);
        match self {
            Self::Mortality => {
                let note = mortality::note(grammar, draw);
                let label = mortality::LABELS[note.label];
                let quoted = note.text.replace('"', "\"\"");
                let line = format!("synthetic-{split}-{place:06},\"{quoted}\",{label}\n");
                (note.text, line)
            }
            Self::Concepts => {
                let tokens = concepts::sentence(grammar, draw);
                let mut lines = String::new();
                if sentence == 0 {
                    lines.push_str(&format!("-DOCSTART- {document}\n\n"));
                }
                for token in &tokens {
                    lines.push_str(&format!("{} {}\n", token.word, concepts::LABELS[token.tag]));
                }
                lines.push('\n');
                (concepts::plain(&tokens), lines)
            }
            Self::Relations => {
                let marked = relations::marked(grammar, draw);
                let label = relations::LABELS[marked.label];
                let line = format!("{document}#{}\t{}\t{label}\n", sentence + 1, marked.text);
                (marked.text, line)
            }
        }
    }
}

/// Writes a corpus into a folder, which is created: three split files, `labels.json` and `card.toml`.
///
/// No text occurs twice, in one split or in two. The test and the validation split do not depend on the size of the
/// training split.
///
/// # Errors
/// [`Error::Write`] for a file that cannot be written, [`Error::Exhausted`] for more examples than there are texts.
pub fn write(which: Synthetic, dir: &Path, sizes: Sizes, seed: u64) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(|source| Error::Write { path: dir.to_owned(), source })?;
    let grammar = which.grammar();
    let mut seen = HashSet::new();
    let [train, validation, test] = which.files();
    // Train comes last, so that asking for more of it leaves the others as they are.
    for (split, file, size) in
        [("test", test, sizes.test), ("validation", validation, sizes.validation), ("train", train, sizes.train)]
    {
        let text = split_text(which, &grammar, split, size, seed, &mut seen)?;
        save(&dir.join(file), &text)?;
    }
    save(&dir.join("labels.json"), &format!("{}\n", list(which.labels())))?;
    save(&dir.join("card.toml"), &card(which, sizes, seed))
}

fn split_text(
    which: Synthetic,
    grammar: &Grammar,
    split: &'static str,
    size: usize,
    seed: u64,
    seen: &mut HashSet<String>,
) -> Result<String, Error> {
    let mut draw = Draw::stream(seed, &format!("{}/{split}", which.name()));
    let mut text = which.header().to_owned();
    let mut repeats = 0;
    let mut made = 0;
    while made < size {
        let (unique, lines) = which.example(grammar, &mut draw, split, made);
        if seen.insert(unique) {
            text.push_str(&lines);
            made += 1;
            continue;
        }
        repeats += 1;
        if repeats > REPEATS {
            return Err(Error::Exhausted { name: which.name(), split, made, wanted: size });
        }
    }
    Ok(text)
}

/// The card that stands beside the data, in the form of [`Card`](crate::Card).
fn card(which: Synthetic, sizes: Sizes, seed: u64) -> String {
    let (task, what) = match which {
        Synthetic::Mortality => (
            "sequence-classification",
            "Short admission notes; the label is 1 when a severe finding is asserted of the patient, now.",
        ),
        Synthetic::Concepts => ("ner", "Sentences with problems, tests and treatments tagged as in i2b2-2010."),
        Synthetic::Relations => (
            "relation-extraction",
            "Sentences with one marked pair of mentions; the label is the relation that the sentence states between them.",
        ),
    };
    let Sizes { train, validation, test } = sizes;
    SyntheticCard {
        name: which.short_name(),
        reader: which.reader(),
        task,
        source: format!("; no patient, no other corpus. {what}"),
        command: which.short_name(),
        size: train + validation + test,
        seed,
        splits: format!("{train} train, {validation} validation, {test} test examples; no text is in two of them."),
        labels: which.labels(),
        flaw: None,
        expected: &[("train", train), ("validation", validation), ("test", test)],
    }
    .text()
}

/// A list of names, alike in JSON and TOML.
fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

fn save(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Error, Grammar, Sizes, Synthetic, card, split_text};

    #[test]
    fn names_are_found_short_and_long() {
        for which in Synthetic::ALL {
            assert!(which.name().starts_with("synthetic-"));
            assert_eq!(Synthetic::from_name(which.name()), Some(which));
            assert_eq!(Synthetic::from_name(which.short_name()), Some(which));
        }
        assert_eq!(Synthetic::from_name("mimic"), None);
    }

    #[test]
    fn the_shipped_sizes_are_shares_of_their_total() {
        assert_eq!(Sizes::of_total(1400), Sizes { train: 900, validation: 200, test: 300 });
        assert_eq!(Sizes::of_total(0), Sizes { train: 0, validation: 0, test: 0 });
    }

    #[test]
    fn a_grammar_with_one_text_is_exhausted_after_it() {
        let grammar = Grammar::read(&["sentence =\n  no fever was seen by the team .\n"]);
        let result = split_text(Synthetic::Concepts, &grammar, "train", 2, 1, &mut HashSet::new());
        assert!(matches!(result, Err(Error::Exhausted { made: 1, wanted: 2, split: "train", .. })), "{result:?}");
    }

    #[test]
    fn cards_say_synthetic_seed_and_command() {
        let sizes = Sizes { train: 5, validation: 3, test: 2 };
        let text = card(Synthetic::Concepts, sizes, 12);
        for expected in ["synthetic = true", "Seed 12:", "synth concepts --out DIR --size 10 --seed 12"] {
            assert!(text.contains(expected), "{expected}");
        }
    }
}
