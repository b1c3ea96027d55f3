//! Prepared files: what is written is read again as it was, and a writer that fails leaves what was there.

use std::fs;
use std::path::Path;

use minim_datasets::synthetic::write_archive;
use minim_datasets::{
    Dataset, Error, JsonlWriter, LabelSet, Labelled, Mention, Mimic, Related, Sink, Splits, Statistics, Tagged, names,
    pass, read, write_jsonl,
};
use proptest::prelude::*;

use crate::canaries::files;
use crate::{folder, mutated};

fn written(dataset: &Dataset) -> Dataset {
    let out = tempfile::tempdir().unwrap();
    write_jsonl(dataset, out.path()).unwrap();
    let mut found: Vec<_> = files(out.path()).into_keys().collect();
    found.sort();
    assert_eq!(found, ["labels.json", "test.jsonl", "train.jsonl", "validation.jsonl"]);
    read("jsonl", out.path()).unwrap()
}

/// Any text with something in it, line ends of every kind, quotes and characters beyond one byte among it.
fn text() -> impl Strategy<Value = String> {
    "[a-zé\u{2028}\u{85}\"\\\\\t\r\n ,#\u{1F489}\u{0}]{0,12}".prop_map(|text| format!("µ{text}"))
}

fn splits<E: std::fmt::Debug>(
    labels: [&'static str; 3],
    example: impl Strategy<Value = E>,
    name: fn(&mut E, String),
) -> impl Strategy<Value = Splits<E>> {
    prop::collection::vec(example, 3..9).prop_map(move |mut examples| {
        examples.iter_mut().enumerate().for_each(|(n, example)| name(example, format!("d{n}#é {n}")));
        let labels = LabelSet::new(labels.map(String::from).to_vec()).unwrap();
        let test = examples.split_off(examples.len() - 1);
        let validation = examples.split_off(examples.len() - 1);
        Splits { labels, train: examples, validation, test }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn texts_and_pairs_come_back(
        splits in splits(["0", "a b", "é\""], (text(), prop::option::of(text()), 0..3usize).prop_map(|(text, text_pair, label)| {
            Labelled { id: String::new(), text, text_pair, label }
        }), |example, id| example.id = id)
    ) {
        let dataset = Dataset::from(splits);
        prop_assert!(written(&dataset) == dataset);
    }

    #[test]
    fn words_and_tags_come_back(
        splits in splits(["O", "B-x", "I-x"], prop::collection::vec((text(), 0..3usize), 1..5).prop_map(|words| {
            let (words, tags) = words.into_iter().unzip();
            Tagged { id: String::new(), words, tags }
        }), |example, id| example.id = id)
    ) {
        let dataset = Dataset::from(splits);
        prop_assert!(written(&dataset) == dataset);
    }

    #[test]
    fn mentions_come_back_where_they_were(
        splits in splits(["0", "1", "2"], (text(), text(), text(), any::<bool>(), 0..3usize).prop_map(|(a, b, c, marked, label)| {
            let mention = |start, length, kind: &str| Some(Mention { start, end: start + length, kind: kind.into() });
            let (head, tail) = match marked {
                true => (None, None),
                // The second begins before the first, and they may touch.
                false => (mention(a.len() + b.len(), c.len(), "k\"é"), mention(a.len(), b.len(), "")),
            };
            Related { id: String::new(), text: a + &b + &c, head, tail, label }
        }), |example, id| example.id = id)
    ) {
        let dataset = Dataset::from(splits);
        prop_assert!(written(&dataset) == dataset);
    }
}

/// Every reader's examples come back, in their order, with the labels in theirs.
#[test]
fn every_dataset_comes_back() {
    for name in names() {
        let raw = mutated::archive(name);
        let dataset = read(name, raw.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(written(&dataset) == dataset, "{name}");
        let out = tempfile::tempdir().unwrap();
        let mut sinks = (JsonlWriter::create(out.path()).unwrap(), Statistics::default());
        pass(name, raw.path(), false, &mut sinks).unwrap();
        sinks.0.finish().unwrap();
        assert!(read("jsonl", out.path()).unwrap() == dataset, "{name}, passed");
        let sizes = dataset.sizes();
        let counted = sinks.1.splits.each_ref().map(|split| split.examples);
        assert_eq!(counted, [sizes.train, sizes.validation, sizes.test], "{name}");
    }
}

fn prepare(raw: &Path, out: &Path) -> Result<(), Error> {
    let mut writer = JsonlWriter::create(out)?.with_card_in(raw)?;
    pass(Mimic::ALL[0].name(), raw, false, &mut writer)?;
    writer.finish()
}

#[test]
fn a_failure_leaves_what_was_there_and_a_success_replaces_it() {
    let raw = folder(&[]);
    write_archive("mimic3-mortality", raw.path(), 24, 4).unwrap();
    let out = folder(&[]);
    prepare(raw.path(), out.path()).unwrap();
    let before = files(out.path());
    assert_eq!(before.len(), 5, "the card of the twin goes along");
    assert!(minim_datasets::card_in(out.path()).unwrap().unwrap().synthetic);

    // The last note is broken: many examples are written before it is met, and none may be seen.
    let notes = raw.path().join("NOTEEVENTS.csv");
    let whole = fs::read(&notes).unwrap();
    fs::write(&notes, [&whole[..], b"1,2\n"].concat()).unwrap();
    assert!(matches!(prepare(raw.path(), out.path()), Err(Error::Malformed { .. })));
    assert!(files(out.path()) == before, "what was there is as it was, and nothing is beside it");

    // Real data after synthetic: the card must not stay.
    fs::write(&notes, &whole).unwrap();
    fs::remove_file(raw.path().join("card.toml")).unwrap();
    prepare(raw.path(), out.path()).unwrap();
    assert_eq!(files(out.path()).len(), 4);
}

#[test]
fn a_writer_that_was_killed_is_in_nobody_s_way() {
    let out = folder(&[("train.jsonl", "old"), (".test.jsonl.partial", "half")]);
    let mut writer = JsonlWriter::create(out.path()).unwrap();
    let labels = LabelSet::new(vec!["a".into()]).unwrap();
    writer.begin(minim_datasets::Kind::Sequence, &labels).unwrap();
    drop(writer);
    assert_eq!(files(out.path()).into_keys().collect::<Vec<_>>(), ["train.jsonl"]);
}

#[test]
fn a_folder_with_something_else_or_in_a_file_s_place_is_refused() {
    let out = folder(&[("train.jsonl", "old"), ("thesis.tex", "")]);
    let refused = JsonlWriter::create(out.path()).unwrap_err();
    assert!(matches!(refused, Error::NotEmpty { .. }), "{refused}");
    let refused = JsonlWriter::create(&out.path().join("thesis.tex")).unwrap_err();
    assert!(matches!(refused, Error::Write { .. }), "{refused}");
    assert_eq!(files(out.path()).len(), 2);
}
