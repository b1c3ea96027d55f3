//! The names of a corpus's labels, in the order that gives each its index.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// An ordered set of label names; serialised as a list.
///
/// ```
/// let labels = minim_datasets::LabelSet::new(vec!["Affirmed".into(), "Negated".into()])?;
/// assert_eq!(labels.index("Negated"), Some(1));
/// # Ok::<(), minim_datasets::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct LabelSet(Vec<String>);

impl LabelSet {
    /// A set with these names in this order.
    ///
    /// # Errors
    /// No name at all, an empty name, or a name that stands twice.
    pub fn new(names: Vec<String>) -> Result<Self, Error> {
        let problem = if names.is_empty() {
            Some("it has no label".to_owned())
        } else {
            names.iter().enumerate().find_map(|(index, name)| {
                if name.is_empty() {
                    Some(format!("label {index} has an empty name"))
                } else {
                    let first = names.iter().position(|other| other == name)?;
                    (first < index).then(|| format!("labels {first} and {index} have one name"))
                }
            })
        };
        match problem {
            Some(problem) => Err(Error::LabelSet { problem }),
            None => Ok(Self(names)),
        }
    }

    /// The names seen in a training file, sorted: by value where every name is a whole number, else by code point.
    pub(crate) fn sorted<'a>(seen: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        let mut names: Vec<String> = seen.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect();
        if names.iter().all(|name| name.parse::<i64>().is_ok()) {
            names.sort_by_key(|name| name.parse::<i64>().unwrap_or_default());
        }
        Self::new(names)
    }

    /// A set that is written in the source, and so known to be sound.
    pub(crate) fn fixed(names: &[&str]) -> Self {
        Self(names.iter().map(|&name| name.to_owned()).collect())
    }

    /// All names, each at its index.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The number of labels, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a set without a label cannot be made")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The index of a name, if the set has it.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| known == name)
    }

    /// The name at an index.
    ///
    /// # Panics
    /// The index is not below [`len`](Self::len).
    pub fn name(&self, index: usize) -> &str {
        &self.0[index]
    }
}

impl TryFrom<Vec<String>> for LabelSet {
    type Error = Error;
    fn try_from(names: Vec<String>) -> Result<Self, Error> {
        Self::new(names)
    }
}

impl From<LabelSet> for Vec<String> {
    fn from(set: LabelSet) -> Self {
        set.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_by_value_and_words_by_code_point() {
        let numbers = LabelSet::sorted(["10", "2", "0", "2"].into_iter()).unwrap();
        assert_eq!(numbers.names(), ["0", "2", "10"]);
        let words = LabelSet::sorted(["b", "10", "2"].into_iter()).unwrap();
        assert_eq!(words.names(), ["10", "2", "b"]);
    }

    #[test]
    fn unsound_sets_are_refused() {
        for names in [vec![], vec!["a", ""], vec!["a", "b", "a"]] {
            let names = names.into_iter().map(str::to_owned).collect();
            assert!(matches!(LabelSet::new(names), Err(Error::LabelSet { .. })));
        }
    }

    #[test]
    fn a_set_is_a_list_in_json() {
        let set = LabelSet::fixed(&["O", "B-x"]);
        let json = serde_json::to_string(&set).unwrap();
        assert_eq!(json, r#"["O","B-x"]"#);
        assert_eq!(serde_json::from_str::<LabelSet>(&json).unwrap(), set);
        assert!(serde_json::from_str::<LabelSet>(r#"["O","O"]"#).is_err());
    }
}
