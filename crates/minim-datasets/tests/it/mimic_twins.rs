//! The synthetic twins of MIMIC: the raw tables, what the reader makes of them, and that words alone do not tell the outcome.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use minim_datasets::synthetic::{write_archive, write_noteevents};
use minim_datasets::{Corpus, Labelled, Mimic, card, card_in};

/// All files below a folder, with their bytes.
pub(crate) fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    for name in ["mimic3-mortality", "mimic4-los", "icd9-triage", "mednli"] {
        let folder = tempfile::tempdir().unwrap();
        for (which, seed) in [("a", 5), ("b", 5), ("c", 6)] {
            write_archive(name, &folder.path().join(which), 60, seed).unwrap();
        }
        let [a, b, c] = ["a", "b", "c"].map(|which| files(&folder.path().join(which)));
        // No assert_eq: it would print the files.
        assert!(a == b, "{name}");
        assert!(
            a.keys().eq(c.keys()) && a.iter().all(|(path, bytes)| path.starts_with("mimic") || c[path] != *bytes),
            "{name}"
        );
    }
}

#[test]
fn the_reader_finds_as_many_examples_as_the_writer_meant() {
    for recipe in Mimic::ALL {
        let folder = tempfile::tempdir().unwrap();
        write_archive(recipe.name(), folder.path(), 900, 3).unwrap();
        let written = card_in(folder.path()).unwrap().unwrap();
        assert!(written.synthetic && written.name == format!("synthetic-{}", recipe.name()));
        assert_eq!(written.labels, card(recipe.name()).unwrap().labels);
        let (splits, tally) = recipe.read_noting(folder.path()).unwrap();
        let expected = [written.expected.train, written.expected.validation, written.expected.test];
        assert_eq!(tally.examples.map(Some), expected, "{}: {tally}", recipe.name());
        let met = [tally.without_admission, tally.newborns, tally.without_text, tally.duplicates, tally.addenda_only];
        assert!(met.iter().all(|&count| count > 0) && tally.without_main_section > 0, "{tally}");
        let texts = [&splits.train, &splits.validation, &splits.test].into_iter().flatten();
        let mut seen = HashSet::new();
        for Labelled { id, text, .. } in texts {
            assert!(seen.insert(text.as_str()), "{id}");
            assert!((40..400).contains(&text.split_whitespace().count()), "{id}");
            assert!(!text.contains("Addendum") && !text.contains("DISCHARGE") && !text.contains('\r'), "{id}");
        }
    }
}

#[test]
fn as_published_it_reads_too_and_loses_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    write_archive("mimic3-mortality", folder.path(), 900, 3).unwrap();
    let (_, mended) = Mimic::ALL[0].read_noting(folder.path()).unwrap();
    let (_, published) = Mimic { as_published: true, ..Mimic::ALL[0] }.read_noting(folder.path()).unwrap();
    assert_eq!(published.unlisted, 0);
    assert!(published.without_main_section > mended.without_main_section, "notes in CRLF are lost");
    assert!(published.told > mended.told, "a second mention in the examination drops the example");
}

#[test]
fn the_raw_tables_have_their_quirks() {
    let folder = tempfile::tempdir().unwrap();
    write_noteevents(folder.path(), 300, 9, 10).unwrap();
    let notes = fs::read_to_string(folder.path().join("NOTEEVENTS.csv")).unwrap();
    let header = "\"ROW_ID\",\"SUBJECT_ID\",\"HADM_ID\",\"CHARTDATE\",\"CHARTTIME\",\"STORETIME\",\"CATEGORY\",\"DESCRIPTION\",\"CGID\",\"ISERROR\",\"TEXT\"\n";
    assert!(notes.starts_with(header));
    for quirk in [
        "[**",
        "\"\"pounding\"\"",
        "\"Physician \"",
        "\"Addendum\"",
        "µg",
        "\r\n",
        "[] not asked",
        ",1,\"",
        "Synthetic",
    ] {
        assert!(notes.contains(quirk), "{quirk}");
    }
    let folder = tempfile::tempdir().unwrap();
    write_archive("mimic4-mortality", folder.path(), 20, 9).unwrap();
    assert!(
        folder.path().join("note/discharge.csv.gz").exists() && folder.path().join("hosp/admissions.csv.gz").exists()
    );
}

/// Multinomial naive Bayes with add-one smoothing over words without their order: log-odds of each label.
pub(crate) struct Words {
    counts: Vec<(f64, BTreeMap<String, f64>)>,
    vocabulary: HashSet<String>,
}

impl Words {
    pub(crate) fn fit<'a>(labels: usize, examples: impl Iterator<Item = (&'a str, usize)>) -> Self {
        let mut fitted = Self { counts: vec![(0.0, BTreeMap::new()); labels], vocabulary: HashSet::new() };
        for (text, label) in examples {
            let (examples, words) = &mut fitted.counts[label];
            *examples += 1.0;
            for word in tokens(text) {
                *words.entry(word.clone()).or_default() += 1.0;
                fitted.vocabulary.insert(word);
            }
        }
        fitted
    }

    pub(crate) fn scores(&self, text: &str) -> Vec<f64> {
        let known: Vec<String> = tokens(text).filter(|word| self.vocabulary.contains(word)).collect();
        let score = |(examples, words): &(f64, BTreeMap<String, f64>)| {
            let total: f64 = words.values().sum::<f64>() + self.vocabulary.len() as f64;
            examples.ln() + known.iter().map(|word| ((words.get(word).unwrap_or(&0.0) + 1.0) / total).ln()).sum::<f64>()
        };
        self.counts.iter().map(score).collect()
    }

    pub(crate) fn predict(&self, text: &str) -> usize {
        let scores = self.scores(text);
        (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0)
    }
}

fn tokens(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| c.is_whitespace() || ".,;:".contains(c)).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[test]
fn words_alone_hardly_tell_who_dies() {
    let folder = tempfile::tempdir().unwrap();
    write_archive("mimic3-mortality", folder.path(), 3000, 3).unwrap();
    let splits = Mimic::ALL[0].read(folder.path()).unwrap();
    let died = splits.train.iter().filter(|example| example.label == 1).count() as f64 / splits.train.len() as f64;
    assert!((0.07..0.14).contains(&died), "{died}");
    let words = Words::fit(2, splits.train.iter().map(|example| (example.text.as_str(), example.label)));
    let scored: Vec<(f64, usize)> = splits
        .test
        .iter()
        .map(|example| {
            let scores = words.scores(&example.text);
            (scores[1] - scores[0], example.label)
        })
        .collect();
    let (dead, alive): (Vec<_>, Vec<_>) = scored.into_iter().partition(|(_, label)| *label == 1);
    let pairs = dead.iter().flat_map(|(dead, _)| alive.iter().map(move |(alive, _)| f64::from(u8::from(dead > alive))));
    let auroc = pairs.sum::<f64>() / (dead.len() * alive.len()) as f64;
    assert!((0.4..0.66).contains(&auroc), "{auroc}");
}

#[test]
fn words_alone_hardly_tell_the_length_of_stay() {
    let folder = tempfile::tempdir().unwrap();
    write_archive("mimic3-los", folder.path(), 3000, 3).unwrap();
    let splits = Mimic::ALL[1].read(folder.path()).unwrap();
    for (label, share) in [0.13, 0.37, 0.31, 0.19].into_iter().enumerate() {
        let found = splits.train.iter().filter(|example| example.label == label).count() as f64;
        assert!((found / splits.train.len() as f64 - share).abs() < 0.04, "{label}");
    }
    let words = Words::fit(4, splits.train.iter().map(|example| (example.text.as_str(), example.label)));
    let right = splits.test.iter().filter(|example| words.predict(&example.text) == example.label).count();
    let accuracy = right as f64 / splits.test.len() as f64;
    assert!((0.24..0.45).contains(&accuracy), "{accuracy}");
}
