//! A corpus by name, example by example: what `data prepare`, `data stats` and `data check` are made of.

use std::fmt;
use std::path::Path;

use crate::annotation_notes::Notes;
use crate::corpus::Corpus;
use crate::dataset::{Dataset, Kind, Splits};
use crate::error::{Error, shown};
use crate::example_ref::{ExampleRef, Sink};
use crate::i2b2_2010::{I2b2Concepts, I2b2Relations};
use crate::i2b2_2012::I2b2Events;
use crate::i2b2_2014::I2b2Phi;
use crate::mednli::MedNli;
use crate::mimic::{Mimic, Release, Tally};
use crate::registry::read;

/// Reads a corpus, as the study did if told so.
type ReadVariant = fn(&Path, bool) -> Result<(Dataset, Remarks), Error>;

/// The readers that have the study's own variant, but for those of MIMIC-III; the study has no MIMIC-IV.
const PUBLISHED: [(&str, ReadVariant); 5] = [
    ("i2b2-2010-concepts", |root, as_published| noted(I2b2Concepts { as_published }.read_noting(root))),
    ("i2b2-2010-relations", |root, as_published| noted(I2b2Relations { as_published }.read_noting(root))),
    ("i2b2-2012-events", |root, as_published| noted(I2b2Events { as_published }.read_noting(root))),
    ("i2b2-2014-phi", |root, as_published| noted(I2b2Phi { as_published }.read_noting(root))),
    ("mednli", |root, as_published| Ok((MedNli { as_published }.read(root)?.into(), Remarks::None))),
];

fn noted<E>(read: Result<(Splits<E>, Notes), Error>) -> Result<(Dataset, Remarks), Error>
where
    Dataset: From<Splits<E>>,
{
    read.map(|(splits, notes)| (splits.into(), Remarks::Notes(notes)))
}

/// What a reader counted on the way besides its examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remarks {
    /// Nothing.
    None,
    /// What became of stand-off annotations.
    Notes(Notes),
    /// What became of the notes of MIMIC.
    Tally(Tally),
}

impl fmt::Display for Remarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Notes(notes) => notes.fmt(f),
            Self::Tally(tally) => tally.fmt(f),
        }
    }
}

/// The names that [`pass`] reads as the study did, too.
pub fn published_names() -> impl Iterator<Item = &'static str> {
    let mimic = Mimic::ALL.into_iter().filter(|recipe| recipe.release == Release::Three);
    PUBLISHED.into_iter().map(|(name, _)| name).chain(mimic.map(|recipe| recipe.name()))
}

/// Reads the corpus in a folder with the reader of this name, as the study did if asked, and hands its examples to `sink`.
/// MIMIC is read as a stream: its examples come as the tables go by, of all splits mixed, and are not held.
///
/// # Errors
/// Those of [`read`](crate::read), [`Error::NoPublished`] where there is no such variant, and those of the sink.
pub fn pass(name: &str, root: &Path, as_published: bool, sink: &mut dyn Sink) -> Result<Remarks, Error> {
    if as_published && !published_names().any(|published| published == name) {
        let known = published_names().collect::<Vec<_>>().join(", ");
        return Err(Error::NoPublished { name: shown(name), known });
    }
    if let Some(recipe) = Mimic::named(name) {
        sink.begin(Kind::Sequence, &recipe.labels())?;
        let recipe = Mimic { as_published, ..recipe };
        let tally = recipe.prepare(root, &mut |split, example| sink.take(split, ExampleRef::Sequence(&example)))?;
        return Ok(Remarks::Tally(tally));
    }
    let (dataset, remarks) = match PUBLISHED.iter().find(|(published, _)| *published == name) {
        Some((_, read)) => read(root, as_published)?,
        None => (read(name, root)?, Remarks::None),
    };
    dataset.pass_to(sink)?;
    Ok(remarks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    struct Nothing;

    impl Sink for Nothing {
        fn begin(&mut self, _: Kind, _: &crate::LabelSet) -> Result<(), Error> {
            Ok(())
        }
        fn take(&mut self, _: crate::Split, _: ExampleRef<'_>) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn a_variant_that_is_not_there_names_those_that_are() {
        for name in names().filter(|&name| !published_names().any(|published| published == name)) {
            let error = pass(name, Path::new("nowhere"), true, &mut Nothing).unwrap_err();
            assert!(matches!(error, Error::NoPublished { .. }), "{error}");
            assert!(error.to_string().ends_with("mednli, mimic3-mortality, mimic3-los"), "{error}");
        }
        for name in published_names() {
            let error = pass(name, Path::new("nowhere"), true, &mut Nothing).unwrap_err();
            assert!(matches!(error, Error::Missing { .. }), "{error}");
        }
    }
}
