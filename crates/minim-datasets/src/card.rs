//! Dataset cards: what a corpus is, whose it is, how to get it, and what is wrong with it; `datasets/*.toml`, embedded.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, shown};
use crate::source::read_text;

const CARDS: [(&str, &str); 17] = [
    ("ncbi-disease", include_str!("../../../datasets/ncbi-disease.toml")),
    ("negex", include_str!("../../../datasets/negex.toml")),
    ("ddi-2013", include_str!("../../../datasets/ddi-2013.toml")),
    ("i2b2-2010-concepts", include_str!("../../../datasets/i2b2-2010-concepts.toml")),
    ("i2b2-2010-relations", include_str!("../../../datasets/i2b2-2010-relations.toml")),
    ("i2b2-2012-events", include_str!("../../../datasets/i2b2-2012-events.toml")),
    ("i2b2-2014-phi", include_str!("../../../datasets/i2b2-2014-phi.toml")),
    ("mimic3-mortality", include_str!("../../../datasets/mimic3-mortality.toml")),
    ("mimic3-los", include_str!("../../../datasets/mimic3-los.toml")),
    ("mimic4-mortality", include_str!("../../../datasets/mimic4-mortality.toml")),
    ("mimic4-los", include_str!("../../../datasets/mimic4-los.toml")),
    ("icd9-triage", include_str!("../../../datasets/icd9-triage.toml")),
    ("mednli", include_str!("../../../datasets/mednli.toml")),
    ("prepared-mortality", include_str!("../../../datasets/prepared-mortality.toml")),
    ("prepared-los", include_str!("../../../datasets/prepared-los.toml")),
    ("prepared-conll", include_str!("../../../datasets/prepared-conll.toml")),
    ("prepared-relations", include_str!("../../../datasets/prepared-relations.toml")),
];

/// What a card says of its dataset.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The card's name.
    pub name: String,
    /// The name of its reader in [`names`](crate::names).
    pub reader: String,
    /// The kind of task, as [`Kind`](crate::Kind) writes it.
    pub task: String,
    /// Who made it, and the paper.
    pub source: String,
    /// Under which terms it may be used.
    pub licence: String,
    /// Where to get it and how to lay it out.
    pub how_to_get: String,
    /// Whose split it is and how it is made.
    pub splits: String,
    /// The label names in the order of their indices; empty where the files decide.
    pub labels: Vec<String>,
    /// What a whole copy holds.
    pub expected: Expected,
    /// What to know before trusting a score on it.
    pub flaws: Vec<String>,
    /// Whether a program wrote the text.
    pub synthetic: bool,
}

/// What a whole copy of a dataset holds, as far as a source says; absent where it is not known.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Who counted, if it is not those who made the splits.
    pub source: Option<String>,
    /// Training examples.
    pub train: Option<usize>,
    /// Validation examples.
    pub validation: Option<usize>,
    /// Test examples.
    pub test: Option<usize>,
    /// Training and validation examples together, where the official training part is divided another way.
    pub train_and_validation: Option<usize>,
    /// Validation and test examples together, where the official test part is divided another way.
    pub validation_and_test: Option<usize>,
    /// Examples in all splits together, where only that is known.
    pub total: Option<usize>,
    /// Documents read.
    pub documents: Option<usize>,
    /// Annotations, those that are left out included.
    pub annotations: Option<usize>,
    /// The share by which a found count may differ from its expected one.
    #[serde(default)]
    pub within: f64,
    /// Examples (or words, for tags) of each label over all splits.
    #[serde(default)]
    pub labels: BTreeMap<String, usize>,
    /// Those of the training split.
    #[serde(default)]
    pub train_labels: BTreeMap<String, usize>,
    /// Those of the validation split.
    #[serde(default)]
    pub validation_labels: BTreeMap<String, usize>,
    /// Those of the test split.
    #[serde(default)]
    pub test_labels: BTreeMap<String, usize>,
    /// What the study's own variant holds.
    pub as_published: Option<Box<Expected>>,
}

/// The names that [`card`] knows.
pub fn card_names() -> impl Iterator<Item = &'static str> {
    CARDS.iter().map(|(name, _)| *name)
}

/// The card of this name.
///
/// # Errors
/// No card has it.
pub fn card(name: &str) -> Result<Card, Error> {
    let unknown = || Error::UnknownCard { name: shown(name), known: card_names().collect::<Vec<_>>().join(", ") };
    let (_, text) = CARDS.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?;
    Ok(toml::from_str(text).expect("the cards are embedded, and a test parses every one"))
}

/// The card that lies beside the data as `card.toml`, as the synthetic writers put it there; `None` if there is none.
///
/// # Errors
/// The file is there but is not a card.
pub fn card_in(root: &Path) -> Result<Option<Card>, Error> {
    let path = root.join("card.toml");
    if fs::symlink_metadata(&path).is_err() {
        return Ok(None);
    }
    const EXPECTED: &str = "a dataset card with the keys of the shipped ones";
    let text = read_text(&path, EXPECTED)?;
    toml::from_str(&text).map(Some).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        Error::Malformed {
            line: 1 + before.matches('\n').count(),
            path,
            problem: error.message().lines().next().unwrap_or_default().to_owned(),
            expected: EXPECTED.to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, names};

    #[test]
    fn every_card_is_whole() {
        let kinds = [Kind::Sequence, Kind::Tokens, Kind::Relations].map(|kind| kind.to_string());
        for name in card_names() {
            let card = card(name).unwrap();
            assert_eq!(card.name, name);
            assert!(names().any(|reader| reader == card.reader), "{name}: reader {}", card.reader);
            assert!(kinds.contains(&card.task), "{name}: task {}", card.task);
            assert!(!card.flaws.is_empty() && !card.synthetic, "{name}");
            let texts = [card.source, card.licence, card.how_to_get, card.splits];
            assert!(texts.iter().all(|text| text.len() > 10), "{name}");
            for expected in [Some(&card.expected), card.expected.as_published.as_deref()].into_iter().flatten() {
                let Expected { labels, train_labels, validation_labels, test_labels, .. } = expected;
                let all = [labels, train_labels, validation_labels, test_labels];
                let mut named = all.iter().flat_map(|counts| counts.keys());
                assert!(named.all(|label| card.labels.contains(label)), "{name}");
                assert!((0.0..=0.01).contains(&expected.within), "{name}");
            }
        }
    }

    #[test]
    fn the_readers_of_fixed_labels_agree_with_their_cards() {
        for (name, labels) in [
            ("ncbi-disease", &crate::ncbi_disease::LABELS[..]),
            ("negex", &crate::negex::LABELS),
            ("ddi-2013", &crate::ddi_2013::LABELS),
            ("mimic3-mortality", &crate::mimic::labels::MORTALITY),
            ("mimic3-los", &crate::mimic::labels::LENGTH_OF_STAY),
            ("mimic4-mortality", &crate::mimic::labels::MORTALITY),
            ("mimic4-los", &crate::mimic::labels::LENGTH_OF_STAY),
            ("icd9-triage", &crate::icd9_triage::LABELS),
            ("mednli", &crate::mednli::LABELS),
            ("i2b2-2010-concepts", &crate::i2b2_2010::concepts::LABELS),
            ("i2b2-2010-relations", &crate::i2b2_2010::relations::LABELS),
            ("i2b2-2012-events", &crate::i2b2_2012::LABELS),
        ] {
            assert_eq!(card(name).unwrap().labels, labels);
        }
        assert_eq!(card("i2b2-2014-phi").unwrap().labels, crate::i2b2_2014::labels());
    }

    #[test]
    fn a_card_beside_the_data_is_read_strictly() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(card_in(folder.path()).unwrap(), None);
        let path = folder.path().join("card.toml");
        fs::write(&path, CARDS[0].1).unwrap();
        assert_eq!(card_in(folder.path()).unwrap(), Some(card(CARDS[0].0).unwrap()));
        fs::write(&path, CARDS[0].1.replace("licence", "license")).unwrap();
        let error = card_in(folder.path()).unwrap_err().to_string();
        assert!(error.contains("card.toml:5: unknown field `license`"), "{error}");
    }

    #[test]
    fn an_unknown_card_names_the_known() {
        assert!(card("mimic").unwrap_err().to_string().contains("known: ncbi-disease, negex"));
    }
}
