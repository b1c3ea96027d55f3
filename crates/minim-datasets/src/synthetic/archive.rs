//! Synthetic twins of licensed corpora, by name: the raw archive of each, in its own formats and with every quirk of them.

use std::path::Path;

use super::{Error, i2b2_2010, i2b2_2012, i2b2_2014, icd9_triage, mednli, mimic};
use crate::mimic::Mimic;

/// The corpora that have a twin.
const NAMES: [&str; 10] = [
    "i2b2-2010-concepts",
    "i2b2-2010-relations",
    "i2b2-2012-events",
    "i2b2-2014-phi",
    "mimic3-mortality",
    "mimic3-los",
    "mimic4-mortality",
    "mimic4-los",
    "icd9-triage",
    "mednli",
];

/// The names that [`write_archive`] knows: those of the readers.
pub fn archive_names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter()
}

/// Writes the synthetic twin of a corpus's raw archive into a folder, which is created, with a card that says so.
///
/// `size` counts documents (of i2b2, divided into parts as in the release; at least three train and two test), admissions (of
/// MIMIC; the reader leaves some out), rows or pairs. The same seed gives the
/// same bytes on every machine, and a document does not depend on how many others there are. Nothing in it comes from a
/// patient or from another corpus, and scores on it say nothing about clinical quality.
///
/// # Errors
/// [`Error::UnknownArchive`] for a name without a twin, [`Error::Write`] for a file that cannot be written.
pub fn write_archive(name: &str, out: &Path, size: usize, seed: u64) -> Result<(), Error> {
    match name {
        "i2b2-2010-concepts" | "i2b2-2010-relations" => i2b2_2010::write(name, out, size, seed),
        "i2b2-2012-events" => i2b2_2012::write(out, size, seed),
        "i2b2-2014-phi" => i2b2_2014::write(out, size, seed),
        "icd9-triage" => icd9_triage::write(out, size, seed),
        "mednli" => mednli::write(out, size, seed),
        _ if let Some(recipe) = Mimic::named(name) => mimic::write(recipe, out, size, seed),
        _ => Err(Error::UnknownArchive { name: name.to_owned(), known: NAMES.join(", ") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_readers_and_an_unknown_one_names_the_known() {
        assert!(archive_names().all(|name| crate::names().any(|reader| reader == name)));
        let error = write_archive("i2b2", Path::new("nowhere"), 1, 1).unwrap_err().to_string();
        assert!(error.contains("known: i2b2-2010-concepts"), "{error}");
    }
}
