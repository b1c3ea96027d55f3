//! A corpus by name, example by example: what `data prepare`, `data stats` and `data check` are made of.

use std::fmt;
use std::path::Path;

use crate::annotation_notes::Notes;
use crate::dataset::{Dataset, Kind};
use crate::error::{Error, shown};
use crate::example_ref::{ExampleRef, Sink};
use crate::i2b2_2010::{I2b2Concepts, I2b2Relations};
use crate::i2b2_2012::I2b2Events;
use crate::i2b2_2014::I2b2Phi;
use crate::mednli::MedNli;
use crate::mimic::{Mimic, Tally};
use crate::registry::read;

/// The readers that have the study's own variant. The study has no MIMIC-IV.
const PUBLISHED: [&str; 7] = [
    "i2b2-2010-concepts",
    "i2b2-2010-relations",
    "i2b2-2012-events",
    "i2b2-2014-phi",
    "mimic3-mortality",
    "mimic3-los",
    "mednli",
];

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
    PUBLISHED.into_iter()
}

/// Reads the corpus in a folder with the reader of this name, as the study did if asked, and hands its examples to `sink`.
/// MIMIC is read as a stream: its examples come as the tables go by, of all splits mixed, and are not held.
///
/// # Errors
/// Those of [`read`](crate::read), [`Error::NoPublished`] where there is no such variant, and those of the sink.
pub fn pass(name: &str, root: &Path, as_published: bool, sink: &mut dyn Sink) -> Result<Remarks, Error> {
    if as_published && !PUBLISHED.contains(&name) {
        return Err(Error::NoPublished { name: shown(name), known: PUBLISHED.join(", ") });
    }
    if let Some(recipe) = Mimic::named(name) {
        sink.begin(Kind::Sequence, &recipe.labels())?;
        let recipe = Mimic { as_published, ..recipe };
        let tally = recipe.prepare(root, &mut |split, example| sink.take(split, ExampleRef::Sequence(&example)))?;
        return Ok(Remarks::Tally(tally));
    }
    let noted = |(dataset, notes): (Dataset, Notes)| (dataset, Remarks::Notes(notes));
    let (dataset, remarks) = match name {
        "i2b2-2010-concepts" => {
            I2b2Concepts { as_published }.read_noting(root).map(|(splits, notes)| noted((splits.into(), notes)))?
        }
        "i2b2-2010-relations" => {
            I2b2Relations { as_published }.read_noting(root).map(|(splits, notes)| noted((splits.into(), notes)))?
        }
        "i2b2-2012-events" => {
            I2b2Events { as_published }.read_noting(root).map(|(splits, notes)| noted((splits.into(), notes)))?
        }
        "i2b2-2014-phi" => {
            I2b2Phi { as_published }.read_noting(root).map(|(splits, notes)| noted((splits.into(), notes)))?
        }
        "mednli" => (crate::Corpus::read(&MedNli { as_published }, root)?.into(), Remarks::None),
        _ => (read(name, root)?, Remarks::None),
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
        for name in names().filter(|name| !PUBLISHED.contains(name)) {
            let error = pass(name, Path::new("nowhere"), true, &mut Nothing).unwrap_err();
            assert!(matches!(error, Error::NoPublished { .. }), "{error}");
            assert!(error.to_string().ends_with("mimic3-los, mednli"), "{error}");
        }
        for name in PUBLISHED {
            let error = pass(name, Path::new("nowhere"), true, &mut Nothing).unwrap_err();
            assert!(matches!(error, Error::Missing { .. }), "{error}");
        }
    }
}
