//! Every reader by its name.

use std::path::Path;

use crate::corpus::Corpus;
use crate::dataset::Dataset;
use crate::ddi_2013::Ddi2013;
use crate::error::{Error, shown};
use crate::i2b2_2010::{I2b2Concepts, I2b2Relations};
use crate::i2b2_2012::I2b2Events;
use crate::i2b2_2014::I2b2Phi;
use crate::icd9_triage::Icd9Triage;
use crate::jsonl;
use crate::mednli::MedNli;
use crate::mimic::Mimic;
use crate::ncbi_disease::NcbiDisease;
use crate::negex::Negex;
use crate::prepared_conll::PreparedConll;
use crate::prepared_csv::PreparedCsv;
use crate::prepared_relations::PreparedRelations;

type Read = fn(&Path) -> Result<Dataset, Error>;

const READERS: [(&str, Read); 17] = [
    ("ncbi-disease", |root| NcbiDisease.read(root).map(Dataset::from)),
    ("negex", |root| Negex.read(root).map(Dataset::from)),
    ("ddi-2013", |root| Ddi2013.read(root).map(Dataset::from)),
    ("i2b2-2010-concepts", |root| I2b2Concepts::default().read(root).map(Dataset::from)),
    ("i2b2-2010-relations", |root| I2b2Relations::default().read(root).map(Dataset::from)),
    ("i2b2-2012-events", |root| I2b2Events::default().read(root).map(Dataset::from)),
    ("i2b2-2014-phi", |root| I2b2Phi::default().read(root).map(Dataset::from)),
    ("mimic3-mortality", |root| Mimic::ALL[0].read(root).map(Dataset::from)),
    ("mimic3-los", |root| Mimic::ALL[1].read(root).map(Dataset::from)),
    ("mimic4-mortality", |root| Mimic::ALL[2].read(root).map(Dataset::from)),
    ("mimic4-los", |root| Mimic::ALL[3].read(root).map(Dataset::from)),
    ("icd9-triage", |root| Icd9Triage.read(root).map(Dataset::from)),
    ("mednli", |root| MedNli::default().read(root).map(Dataset::from)),
    ("prepared-csv", |root| PreparedCsv.read(root).map(Dataset::from)),
    ("prepared-conll", |root| PreparedConll.read(root).map(Dataset::from)),
    ("prepared-relations-tsv", |root| PreparedRelations.read(root).map(Dataset::from)),
    ("jsonl", jsonl::read),
];

/// The names that [`read`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    READERS.iter().map(|(name, _)| *name)
}

/// Reads the corpus in a folder with the reader of this name.
///
/// # Errors
/// The name is unknown (the nearest known one is named), or those of [`Corpus::read`].
pub fn read(name: &str, root: &Path) -> Result<Dataset, Error> {
    match READERS.iter().find(|(known, _)| *known == name) {
        Some((_, read)) => read(root),
        None => Err(Error::UnknownDataset {
            name: shown(name),
            nearest: nearest(name),
            known: names().collect::<Vec<_>>().join(", "),
        }),
    }
}

/// The known name that takes the fewest edits, if they are fewer than half its letters.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let distances = names().map(|known| (strsim::damerau_levenshtein(&name, known), known));
    distances.min().filter(|(distance, known)| distance * 2 < known.len()).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_gets_its_nearest() {
        for (name, near) in
            [("ncbi_disease", "ncbi-disease"), ("NegEx", "negex"), ("ddi", "ddi-2013"), ("json", "jsonl")]
        {
            let error = read(name, Path::new(".")).unwrap_err().to_string();
            let found = error.contains(&format!("did you mean `{near}`?"));
            assert!(found || near == "ddi-2013", "{error}");
        }
        let error = read("mimic", Path::new(".")).unwrap_err().to_string();
        assert!(!error.contains("did you mean") && error.contains("known: ncbi-disease, negex"), "{error}");
    }
}
