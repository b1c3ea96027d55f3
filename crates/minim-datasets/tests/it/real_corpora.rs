//! The real corpora hold what their cards say. They are not shipped: without them these tests skip, and say so.
//!
//! No assertion prints an example: the text is not to be seen, least of all in a log.

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::path::{Path, PathBuf};

use minim_datasets::{Dataset, Mention, Splits, card, document, read};

/// The corpus's folder, below `MINIM_RAW_DATA` or in `datasets/raw`, where its card says to put it.
fn real(name: &str) -> Option<PathBuf> {
    let raw = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/raw");
    let folder = env::var_os("MINIM_RAW_DATA").map_or_else(raw, PathBuf::from).join(name);
    if !folder.is_dir() {
        eprintln!("skipped: no real corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

/// Id and labels of every example, by split.
fn ids_and_labels(dataset: &Dataset) -> [Vec<(&str, &[usize])>; 3] {
    fn by_split<'a, E>(
        splits: &'a Splits<E>,
        row: impl Fn(&'a E) -> (&'a str, &'a [usize]),
    ) -> [Vec<(&'a str, &'a [usize])>; 3] {
        [&splits.train, &splits.validation, &splits.test].map(|examples| examples.iter().map(&row).collect())
    }
    match dataset {
        Dataset::Sequence(s) => by_split(s, |e| (&e.id, std::slice::from_ref(&e.label))),
        Dataset::Tokens(s) => by_split(s, |e| (&e.id, &e.tags)),
        Dataset::Relations(s) => by_split(s, |e| (&e.id, std::slice::from_ref(&e.label))),
    }
}

/// Reads a corpus and holds it against its card; returns the number of documents in each split.
fn check(name: &str) -> Option<(Dataset, [usize; 3])> {
    let dataset = read(name, &real(name)?).unwrap();
    let card = card(name).unwrap();
    assert_eq!(dataset.kind().to_string(), card.task);
    assert_eq!(dataset.labels().names(), card.labels);
    let sizes = dataset.sizes();
    let expected = [card.expected.train, card.expected.validation, card.expected.test];
    assert_eq!([sizes.train, sizes.validation, sizes.test].map(Some), expected);

    let mut counts = BTreeMap::new();
    let mut documents: [HashSet<&str>; 3] = Default::default();
    for (rows, documents) in ids_and_labels(&dataset).into_iter().zip(&mut documents) {
        for (id, labels) in rows {
            documents.extend(document(id));
            for &label in labels {
                *counts.entry(dataset.labels().name(label).to_owned()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(counts, card.expected.labels);
    let [train, validation, test] = &documents;
    assert!(train.is_disjoint(validation) && train.is_disjoint(test) && validation.is_disjoint(test));
    let documents = documents.map(|documents| documents.len());
    Some((dataset, documents))
}

#[test]
fn ncbi_disease() {
    let Some((Dataset::Tokens(splits), documents)) = check("ncbi-disease") else {
        return;
    };
    assert_eq!(documents, [0; 3]);
    let matched = |e: &minim_datasets::Tagged| e.words.len() == e.tags.len();
    assert!([splits.train, splits.validation, splits.test].iter().flatten().all(matched));
}

#[test]
fn negex() {
    let Some((Dataset::Sequence(splits), documents)) = check("negex") else {
        return;
    };
    assert_eq!(documents, [77, 16, 23]);
    // The quotes of the file are syntax, not text.
    let quoted = splits.train.iter().filter(|e| e.text.starts_with('"') && e.text.ends_with('"'));
    assert_eq!(quoted.count(), 0);
}

#[test]
fn ddi_2013() {
    let Some((Dataset::Relations(splits), documents)) = check("ddi-2013") else {
        return;
    };
    // Of 714 documents, those with a pair.
    assert_eq!(documents, [426, 78, 120]);
    let kinds: HashSet<_> = splits.train.iter().filter_map(|e| Some(e.head.as_ref()?.kind.clone())).collect();
    assert_eq!(kinds, HashSet::from(["drug", "group", "brand", "drug_n"].map(String::from)));

    let all = [&splits.train, &splits.validation, &splits.test].into_iter().flatten();
    let overlapping = all.filter(|e| match (&e.head, &e.tail) {
        (Some(Mention { start, end, .. }), Some(tail)) => *start < tail.end && tail.start < *end,
        _ => panic!("a pair without its mentions"),
    });
    assert_eq!(overlapping.count(), 1);
}

/// The archive and its unpacked form are one corpus.
#[test]
fn ddi_2013_unpacked() {
    let Some(root) = real("ddi-2013") else { return };
    let folder = tempfile::tempdir().unwrap();
    let archive = std::fs::File::open(root.join("train.zip")).unwrap();
    zip::ZipArchive::new(archive).unwrap().extract(folder.path()).unwrap();
    assert!(read("ddi-2013", folder.path()).unwrap() == read("ddi-2013", &root).unwrap());
}
