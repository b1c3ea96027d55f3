//! The synthetic twins of the i2b2 corpora: the same seed gives the same bytes, every split has examples, and words without
//! their surroundings do not solve them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;

use minim_datasets::synthetic::write_archive;
use minim_datasets::{Card, Dataset, Splits, Tagged, card, read};
use tempfile::TempDir;

use crate::canaries::files;

const NAMES: [&str; 4] = ["i2b2-2010-concepts", "i2b2-2010-relations", "i2b2-2012-events", "i2b2-2014-phi"];

fn twin(name: &str, size: usize, seed: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_archive(name, folder.path(), size, seed).unwrap();
    folder
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_documents_do_not_depend_on_the_size() {
    for name in NAMES {
        let small = files(twin(name, 12, 5).path());
        assert!(small == files(twin(name, 12, 5).path()), "{name}");
        let other = files(twin(name, 12, 6).path());
        let large = files(twin(name, 60, 5).path());
        let documents: Vec<_> = small.iter().filter(|(file, _)| *file != "card.toml").collect();
        assert!(documents.len() >= 12, "{name}");
        let same = |files: &BTreeMap<String, Vec<u8>>| {
            documents.iter().filter(|(file, text)| files.get(*file) == Some(*text)).count()
        };
        // A relation file may be empty in both.
        assert!(same(&other) * 10 < documents.len(), "{name}: {}", same(&other));
        // Of 2010 and 2014 a note's folder, and of 2012 a test note's number, go by the size.
        assert!(same(&large) * 3 > documents.len(), "{name}: {}", same(&large));
    }
}

#[test]
fn a_twin_of_any_size_is_read_and_says_that_it_is_synthetic() {
    for name in NAMES {
        for size in [0, 5, 6, 13, 40] {
            let folder = twin(name, size, 1);
            let dataset = read(name, folder.path()).unwrap_or_else(|error| panic!("{name} {size}: {error}"));
            let text = fs::read_to_string(folder.path().join("card.toml")).unwrap();
            let beside: Card = toml::from_str(&text).unwrap();
            assert!(beside.synthetic && beside.name == format!("synthetic-{name}") && beside.reader == name);
            assert_eq!((dataset.labels().names(), dataset.kind().to_string()), (&beside.labels[..], beside.task));
            assert_eq!(beside.labels, card(name).unwrap().labels);
        }
        let documents = files(twin(name, 40, 1).path());
        let notice = "synthetic note".as_bytes();
        let notes = documents.iter().filter(|(file, _)| file.ends_with(".txt") || file.ends_with(".xml"));
        for (file, text) in notes {
            assert!(text.windows(notice.len()).any(|window| window == notice), "{file}");
        }
    }
}

/// F1 from true positives, false positives and false negatives.
fn f1(hits: usize, wrong: usize, missed: usize) -> f64 {
    2.0 * hits as f64 / (2 * hits + wrong + missed).max(1) as f64
}

/// Entities as (sentence, start, end, kind); an `I-` that continues nothing opens one.
fn entities(names: &[String], sentence: usize, tags: &[usize]) -> HashSet<(usize, usize, usize, String)> {
    let mut found = HashSet::new();
    let mut place = 0;
    while place < tags.len() {
        let Some(kind) = names[tags[place]].get(2..) else {
            place += 1;
            continue;
        };
        let inside = format!("I-{kind}");
        let length = tags[place + 1..].iter().take_while(|&&tag| names[tag] == inside).count() + 1;
        found.insert((sentence, place, place + length, kind.to_owned()));
        place += length;
    }
    found
}

/// The F1 of giving every word its most frequent tag.
fn most_frequent_tag(splits: &Splits<Tagged>) -> f64 {
    let mut counts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for sentence in &splits.train {
        for (word, &tag) in sentence.words.iter().zip(&sentence.tags) {
            counts.entry(word).or_insert_with(|| vec![0; splits.labels.len()])[tag] += 1;
        }
    }
    let (mut hits, mut predicted, mut gold) = (0, 0, 0);
    for (place, sentence) in splits.test.iter().enumerate() {
        let guess = |word: &String| {
            counts.get(word.as_str()).map_or(0, |tags| (0..tags.len()).max_by_key(|&tag| tags[tag]).unwrap())
        };
        let guessed: Vec<usize> = sentence.words.iter().map(guess).collect();
        let expected = entities(splits.labels.names(), place, &sentence.tags);
        let found = entities(splits.labels.names(), place, &guessed);
        hits += expected.intersection(&found).count();
        predicted += found.len();
        gold += expected.len();
    }
    f1(hits, predicted - hits, gold - hits)
}

#[test]
fn the_most_frequent_tag_of_a_word_does_not_find_the_entities() {
    for name in ["i2b2-2010-concepts", "i2b2-2012-events", "i2b2-2014-phi"] {
        let Dataset::Tokens(splits) = read(name, twin(name, 300, 2).path()).unwrap() else { panic!("another kind") };
        let f1 = most_frequent_tag(&splits);
        println!("{name}: most frequent tag {f1:.3}, {:?}", splits.sizes());
        assert!((0.10..0.75).contains(&f1), "{name}: {f1}");
    }
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || ".,;:".contains(c)).filter(|word| !word.is_empty())
}

/// Multinomial naive Bayes over the words of the sentence, marked by where they stand: head, tail or elsewhere.
#[test]
fn words_alone_do_not_tell_the_relation() {
    let name = "i2b2-2010-relations";
    let Dataset::Relations(splits) = read(name, twin(name, 300, 2).path()).unwrap() else { panic!("another kind") };
    let features = |pair: &minim_datasets::Related| -> Vec<String> {
        let (head, tail) = (pair.head.as_ref().unwrap(), pair.tail.as_ref().unwrap());
        let kinds = format!("{}+{}", head.kind, tail.kind);
        tokens(&pair.text).map(|word| word.to_lowercase()).chain([kinds]).collect()
    };
    let mut counts = vec![(0.0f64, BTreeMap::<String, f64>::new()); splits.labels.len()];
    let mut vocabulary = BTreeSet::new();
    for pair in &splits.train {
        let (examples, words) = &mut counts[pair.label];
        *examples += 1.0;
        for word in features(pair) {
            *words.entry(word.clone()).or_default() += 1.0;
            vocabulary.insert(word);
        }
    }
    let totals: Vec<f64> =
        counts.iter().map(|(_, words)| words.values().sum::<f64>() + vocabulary.len() as f64).collect();
    let negative = splits.labels.index("false").unwrap();
    let (mut hits, mut predicted, mut gold, mut all_negative) = (0, 0, 0, 0);
    for pair in &splits.test {
        let features = features(pair);
        let score = |label: usize| {
            let (examples, words) = &counts[label];
            let known = features.iter().filter(|word| vocabulary.contains(*word));
            let likelihood = known.map(|word| ((words.get(word).unwrap_or(&0.0) + 1.0) / totals[label]).ln());
            (examples + 1.0).ln() + likelihood.sum::<f64>()
        };
        let label = (0..counts.len()).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap();
        predicted += usize::from(label != negative);
        gold += usize::from(pair.label != negative);
        hits += usize::from(label == pair.label && label != negative);
        all_negative += usize::from(pair.label == negative);
    }
    let micro_f1 = f1(hits, predicted - hits, gold - hits);
    println!("naive Bayes {micro_f1:.3}, false {:.3}", all_negative as f64 / splits.test.len() as f64);
    assert!((0.15..0.70).contains(&micro_f1), "{micro_f1}");
}
