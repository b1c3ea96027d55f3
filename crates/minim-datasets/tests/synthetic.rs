//! The synthetic corpora: the committed samples are what their seed gives, the readers take them, and words without their
//! order do not solve them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use minim_datasets::synthetic::{Error, Sizes, Synthetic, notes, write, write_notes};
use minim_datasets::{Card, Dataset, Labelled, Related, Splits, Tagged, read};

/// The seed and the sizes of the committed samples.
const SEED: u64 = 12;
const SIZES: Sizes = Sizes { train: 900, validation: 200, test: 300 };

fn samples(which: Synthetic) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/synthetic").join(which.short_name())
}

fn mortality() -> Splits<Labelled> {
    match read("prepared-csv", &samples(Synthetic::Mortality)).expect("the sample is whole") {
        Dataset::Sequence(splits) => splits,
        other => panic!("a {} corpus", other.kind()),
    }
}

fn concepts() -> Splits<Tagged> {
    match read("prepared-conll", &samples(Synthetic::Concepts)).expect("the sample is whole") {
        Dataset::Tokens(splits) => splits,
        other => panic!("a {} corpus", other.kind()),
    }
}

fn relations() -> Splits<Related> {
    match read("prepared-relations-tsv", &samples(Synthetic::Relations)).expect("the sample is whole") {
        Dataset::Relations(splits) => splits,
        other => panic!("a {} corpus", other.kind()),
    }
}

#[test]
fn the_committed_samples_are_what_their_seed_gives() {
    for which in Synthetic::ALL {
        let folder = tempfile::tempdir().unwrap();
        write(which, folder.path(), SIZES, SEED).unwrap();
        for file in which.files().into_iter().chain(["labels.json", "card.toml"]) {
            let again = fs::read(folder.path().join(file)).unwrap();
            let committed = fs::read(samples(which).join(file)).unwrap();
            // No assert_eq: it would print both files.
            assert!(again == committed, "{} {file}: run the example `synthesize`", which.name());
        }
    }
}

#[test]
fn another_seed_gives_another_corpus_and_a_larger_train_split_keeps_the_test_split() {
    let small = Sizes { train: 20, validation: 10, test: 10 };
    let large = Sizes { train: 60, ..small };
    for which in Synthetic::ALL {
        let folder = tempfile::tempdir().unwrap();
        for (name, sizes, seed) in [("a", small, 1), ("b", large, 1), ("c", small, 2)] {
            write(which, &folder.path().join(name), sizes, seed).unwrap();
        }
        let [train, validation, test] = which.files();
        let text = |name: &str, file: &str| fs::read_to_string(folder.path().join(name).join(file)).unwrap();
        for file in [validation, test] {
            assert!(text("a", file) == text("b", file), "{} {file}", which.name());
            assert!(text("a", file) != text("c", file), "{} {file}", which.name());
        }
        assert!(text("b", train).starts_with(&text("a", train)), "{}", which.name());
    }
}

#[test]
fn every_sample_says_that_it_is_synthetic() {
    for which in Synthetic::ALL {
        let text = fs::read_to_string(samples(which).join("card.toml")).unwrap();
        let card: Card = toml::from_str(&text).unwrap();
        assert!(card.synthetic);
        assert_eq!(card.name, which.name());
        assert_eq!(card.labels, which.labels());
        assert_eq!(card.expected.train, Some(SIZES.train));
        assert!(card.how_to_get.ends_with(&format!("--size 1400 --seed {SEED}")));
        let corpus = read(&card.reader, &samples(which)).unwrap();
        assert_eq!(corpus.kind().to_string(), card.task);
        assert_eq!(corpus.labels().names(), which.labels());
        assert_eq!(corpus.sizes(), SIZES);
    }
    assert!(mortality().train.iter().all(|example| example.id.starts_with("synthetic-train-")));
    assert!(concepts().test.iter().all(|example| example.id.starts_with("synthetic-test-")));
    assert!(relations().validation.iter().all(|example| example.id.starts_with("synthetic-validation-")));
}

/// The texts of a corpus are all different, over its three splits together.
fn check_different<E>(splits: &Splits<E>, text: impl Fn(&E) -> String) {
    let mut seen = HashSet::new();
    for example in splits.train.iter().chain(&splits.validation).chain(&splits.test) {
        assert!(seen.insert(text(example)));
    }
    assert_eq!(seen.len(), SIZES.train + SIZES.validation + SIZES.test);
}

#[test]
fn no_text_occurs_twice() {
    check_different(&mortality(), |example| example.text.clone());
    check_different(&concepts(), |example| example.words.join(" "));
    check_different(&relations(), |example| example.text.clone());
}

#[test]
fn texts_have_the_length_and_the_labels_the_share_that_the_tasks_ask_for() {
    let splits = mortality();
    for part in [&splits.train, &splits.validation, &splits.test] {
        let positive = part.iter().filter(|example| example.label == 1).count() as f64 / part.len() as f64;
        assert!((0.33..0.47).contains(&positive), "{positive}");
        assert!(part.iter().all(|example| (12..=90).contains(&example.text.split(' ').count())));
    }
    let splits = relations();
    for part in [&splits.train, &splits.validation, &splits.test] {
        let negative = part.iter().filter(|example| splits.labels.name(example.label) == "false").count();
        assert!((0.48..0.62).contains(&(negative as f64 / part.len() as f64)), "{negative} of {}", part.len());
        for example in part {
            assert_eq!(example.text.matches('@').count(), 2, "{}", example.id);
            assert!((8..=40).contains(&example.text.split(' ').count()), "{}", example.id);
        }
    }
    let splits = concepts();
    let used: BTreeSet<usize> = splits.train.iter().flat_map(|sentence| sentence.tags.clone()).collect();
    assert_eq!(used.len(), splits.labels.len());
    assert!(splits.train.iter().all(|sentence| (7..=30).contains(&sentence.words.len())));
}

/// Multinomial naive Bayes with add-one smoothing: the words of a text, without their order.
struct Words {
    /// Per label: examples, and the count of each word.
    counts: Vec<(f64, BTreeMap<String, f64>)>,
    vocabulary: BTreeSet<String>,
}

impl Words {
    fn fit<'a>(labels: usize, examples: impl Iterator<Item = (&'a str, usize)>) -> Self {
        let mut fitted = Self { counts: vec![(0.0, BTreeMap::new()); labels], vocabulary: BTreeSet::new() };
        for (text, label) in examples {
            let (examples, words) = &mut fitted.counts[label];
            *examples += 1.0;
            for word in tokens(text) {
                *words.entry(word.to_owned()).or_default() += 1.0;
                fitted.vocabulary.insert(word.to_owned());
            }
        }
        fitted
    }

    fn predict(&self, text: &str) -> usize {
        let score = |(examples, words): &(f64, BTreeMap<String, f64>)| {
            let total: f64 = words.values().sum::<f64>() + self.vocabulary.len() as f64;
            let known = tokens(text).filter(|word| self.vocabulary.contains(*word));
            examples.ln() + known.map(|word| ((words.get(word).unwrap_or(&0.0) + 1.0) / total).ln()).sum::<f64>()
        };
        let scores: Vec<f64> = self.counts.iter().map(score).collect();
        (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0)
    }
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || ".,;:".contains(c)).filter(|word| !word.is_empty())
}

/// F1 from true positives, false positives and false negatives.
fn f1(hits: usize, wrong: usize, missed: usize) -> f64 {
    2.0 * hits as f64 / (2 * hits + wrong + missed).max(1) as f64
}

#[test]
fn words_alone_do_not_tell_the_outcome() {
    let splits = mortality();
    let words = Words::fit(2, splits.train.iter().map(|example| (example.text.as_str(), example.label)));
    let mut confusion = [[0_usize; 2]; 2];
    for example in &splits.test {
        confusion[example.label][words.predict(&example.text)] += 1;
    }
    let [[a, b], [c, d]] = confusion;
    let macro_f1 = (f1(a, c, b) + f1(d, b, c)) / 2.0;
    assert!((0.40..0.80).contains(&macro_f1), "{macro_f1}");
}

#[test]
fn words_alone_do_not_tell_the_relation() {
    let splits = relations();
    let words =
        Words::fit(splits.labels.len(), splits.train.iter().map(|example| (example.text.as_str(), example.label)));
    let negative = splits.labels.index("false").unwrap();
    let (mut hits, mut predicted, mut gold) = (0, 0, 0);
    for example in &splits.test {
        let label = words.predict(&example.text);
        predicted += usize::from(label != negative);
        gold += usize::from(example.label != negative);
        hits += usize::from(label == example.label && label != negative);
    }
    let micro_f1 = f1(hits, predicted - hits, gold - hits);
    assert!((0.20..0.72).contains(&micro_f1), "{micro_f1}");
}

/// Entities as (sentence, start, end, tag of the first word); an `I-` that continues nothing opens one.
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

#[test]
fn the_most_frequent_tag_of_a_word_does_not_find_the_concepts() {
    let splits = concepts();
    let mut counts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for sentence in &splits.train {
        for (word, &tag) in sentence.words.iter().zip(&sentence.tags) {
            counts.entry(word).or_insert_with(|| vec![0; splits.labels.len()])[tag] += 1;
        }
    }
    let outside = splits.labels.index("O").unwrap();
    let (mut hits, mut predicted, mut gold) = (0, 0, 0);
    for (place, sentence) in splits.test.iter().enumerate() {
        let guess = |word: &String| {
            counts.get(word.as_str()).map_or(outside, |tags| (0..tags.len()).max_by_key(|&tag| tags[tag]).unwrap())
        };
        let guessed: Vec<usize> = sentence.words.iter().map(guess).collect();
        let expected = entities(splits.labels.names(), place, &sentence.tags);
        let found = entities(splits.labels.names(), place, &guessed);
        hits += expected.intersection(&found).count();
        predicted += found.len();
        gold += expected.len();
    }
    let entity_f1 = f1(hits, predicted - hits, gold - hits);
    assert!((0.10..0.80).contains(&entity_f1), "{entity_f1}");
}

#[test]
fn notes_repeat_with_their_seed_and_speak_the_language_of_the_tasks() {
    let corpus: Vec<String> = notes(4000, 34).collect();
    assert!(corpus == notes(4000, 34).collect::<Vec<_>>());
    assert!(corpus != notes(4000, 35).collect::<Vec<_>>());
    assert!(corpus.iter().all(|note| !note.is_empty() && !note.contains('\n')));

    let known: HashSet<&str> = corpus.iter().flat_map(|note| tokens(note)).collect();
    assert!((1500..3000).contains(&known.len()), "{} word forms", known.len());
    for splits in [
        mortality().test.iter().map(|example| example.text.clone()).collect::<Vec<_>>(),
        concepts().test.iter().map(|example| example.words.join(" ")).collect(),
        relations().test.iter().map(|example| example.text.clone()).collect(),
    ] {
        let words: Vec<&str> = splits.iter().flat_map(|text| tokens(text)).collect();
        let covered = words.iter().filter(|word| known.contains(**word)).count();
        assert!(covered * 100 >= words.len() * 99, "{covered} of {} words", words.len());
        assert!(splits.iter().all(|text| !corpus.contains(text)), "a test text is among the notes");
    }
}

#[test]
fn notes_are_written_one_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/synthetic-notes.txt");
    write_notes(&path, 25, 3).unwrap();
    let text = fs::read_to_string(path).unwrap();
    assert!(text.lines().eq(notes(25, 3)));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let sizes = Sizes::of_total(14);
    let error = write(Synthetic::Mortality, &file.join("inside"), sizes, 1).unwrap_err();
    assert!(matches!(error, Error::Write { .. }));
    assert!(error.to_string().contains("inside"), "{error}");
}
