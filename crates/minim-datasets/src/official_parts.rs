//! Corpora that come in a training and a test part: the test part stays whole, and a tenth of the training part validates.
//!
//! What falls to the validation split is decided by group (the patient where the corpus says who it is, else the document)
//! and by the rule of `document_split`: a group whose number lies from 70 to 79 validates, every other trains. So nobody's
//! notes are on two sides, the split depends on no seed and no order of files, and anybody can make it again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::dataset::Splits;
use crate::document_split::{Split, split_of};
use crate::error::{Error, shown};
use crate::example::Example;
use crate::label_set::LabelSet;
use crate::record::File;

/// A part of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Training,
    Test,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Training => Split::Train.name(),
            Self::Test => Split::Test.name(),
        }
    }
}

/// A document that has been read.
#[derive(Debug)]
pub(crate) struct Document<E> {
    /// What its examples' ids begin with.
    pub(crate) name: String,
    /// What must not be on two sides: the patient, or the document itself.
    pub(crate) group: String,
    pub(crate) part: Part,
    pub(crate) file: File<E>,
}

/// The split of a group of the training part.
pub(crate) fn training_split_of(corpus: &str, group: &str) -> Split {
    match split_of(corpus, group) {
        Split::Validation => Split::Validation,
        Split::Train | Split::Test => Split::Train,
    }
}

/// Whether a name falls to the first of two halves: whether the first byte of the SHA-256 of `<corpus>:<name>` is even.
pub(crate) fn falls_to_first_half(corpus: &str, name: &str) -> bool {
    Sha256::digest(format!("{corpus}:{name}")).first().is_some_and(|byte| byte % 2 == 0)
}

/// Takes the last example of each split away, as the study's script for i2b2 loses the last sentence of each.
pub(crate) fn lose_last<E>(splits: &mut Splits<E>) {
    for split in [&mut splits.train, &mut splits.validation, &mut splits.test] {
        split.pop();
    }
}

/// Puts documents into splits.
///
/// # Errors
/// A document's name stands twice, a group is in both parts, a label is outside the set, or a split remains empty.
pub(crate) fn assemble_parts<E: Example>(
    corpus: &str,
    labels: LabelSet,
    documents: Vec<Document<E>>,
    root: &Path,
) -> Result<Splits<E>, Error> {
    let mut names: HashMap<String, PathBuf> = HashMap::new();
    let mut groups: HashMap<String, Part> = HashMap::new();
    let mut splits = Splits { labels, train: Vec::new(), validation: Vec::new(), test: Vec::new() };
    for Document { name, group, part, file } in documents {
        let path = file.path.clone();
        if let Some(first_path) = names.insert(name.clone(), path.clone()) {
            return Err(Error::DuplicateId { path, line: 1, id: shown(&name), first_path, first_line: 1 });
        }
        let first = *groups.entry(group.clone()).or_insert(part);
        if first != part {
            let (first, second) = (first.name(), part.name());
            return Err(Error::SharedDocument { path, line: 1, document: shown(&group), first, second });
        }
        let examples = match part {
            Part::Test => &mut splits.test,
            Part::Training if training_split_of(corpus, &group) == Split::Validation => &mut splits.validation,
            Part::Training => &mut splits.train,
        };
        examples.extend(file.resolve(&splits.labels)?);
    }
    for (split, examples) in Split::ALL.iter().zip([&splits.train, &splits.validation, &splits.test]) {
        if examples.is_empty() {
            let expected = format!("enough documents that one with an example falls to the {} split", split.name());
            return Err(Error::Empty { path: root.to_owned(), expected });
        }
    }
    Ok(splits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Labelled;
    use crate::record::{Name, Record};

    fn document(name: &str, group: &str, part: Part) -> Document<Labelled> {
        let example = Labelled { id: format!("{name}#1"), text: "a".into(), text_pair: None, label: 0 };
        let record = Record { line: 1, names: vec![Name { line: 1, text: "yes".into() }], example };
        let file = File { path: name.into(), records: vec![record] };
        Document { name: name.into(), group: group.into(), part, file }
    }

    fn assemble(documents: Vec<Document<Labelled>>) -> Result<Splits<Labelled>, String> {
        let labels = LabelSet::fixed(&["yes"]);
        assemble_parts("made-up", labels, documents, Path::new("root")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_tenth_of_the_training_groups_validates_and_the_test_part_stays() {
        let documents = (0..2000).flat_map(|n| {
            let group = format!("{n}");
            [0, 1].map(|m| document(&format!("{n}-{m}"), &group, if n < 1000 { Part::Training } else { Part::Test }))
        });
        let splits = assemble(documents.collect()).unwrap();
        assert_eq!(splits.test.len(), 2000);
        assert!((160..240).contains(&splits.validation.len()), "{}", splits.validation.len());
        // Both documents of a group follow one another on the same side.
        for pair in splits.validation.chunks(2) {
            assert_eq!(pair[0].id.split('-').next(), pair[1].id.split('-').next());
        }
    }

    #[test]
    fn what_is_doubled_or_on_both_sides_is_refused() {
        let (train, test) = (Part::Training, Part::Test);
        let twice = assemble(vec![document("a", "a", train), document("a", "b", train)]).unwrap_err();
        assert_eq!(twice, "a:1: id `a` again, first at a:1; expected ids that differ");
        let shared = assemble(vec![document("a", "p", train), document("b", "p", test)]).unwrap_err();
        assert!(
            shared.starts_with("b:1: document `p` is in the test split here and in the train split too"),
            "{shared}"
        );
        let none = assemble(vec![document("b", "p", test)]).unwrap_err();
        assert!(none.contains("falls to the train split"), "{none}");
    }
}
