//! peft's `rank_pattern` and `alpha_pattern` (`peft/utils/other.py`, `get_pattern_key`).

use std::collections::BTreeMap;

use fancy_regex::Regex;

use crate::Error;
use crate::targets::{expression, matches};

/// A setting that differs between modules.
pub(crate) struct ByModule<T> {
    exceptions: Vec<(Regex, T)>,
    otherwise: T,
}

impl<T: Copy> ByModule<T> {
    /// `setting` is what an error calls it.
    pub(crate) fn new(setting: &'static str, exceptions: &BTreeMap<String, T>, otherwise: T) -> Result<Self, Error> {
        let compiled = exceptions
            .iter()
            .map(|(pattern, value)| Ok((expression(setting, format!(r"^(?:.*\.)?(?:{pattern})$"), pattern)?, *value)));
        Ok(Self { exceptions: compiled.collect::<Result<_, Error>>()?, otherwise })
    }

    /// The value of the first pattern, in the order of the alphabet, that is the end of the module's name from a dot on, or the whole of it.
    pub(crate) fn of(&self, module: &str) -> T {
        self.exceptions.iter().find(|(pattern, _)| matches(pattern, module)).map_or(self.otherwise, |(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_ends_the_name_decides() {
        let patterns = [("layer.0.query", 1), ("layer.[01].*", 2), ("value", 3)];
        let patterns = patterns.map(|(pattern, rank)| (pattern.to_string(), rank)).into();
        let ranks = ByModule::new("rank_pattern", &patterns, 8).unwrap();
        assert_eq!(ranks.of("bert.layer.0.query"), 1);
        assert_eq!(ranks.of("bert.layer.1.value"), 2);
        assert_eq!(ranks.of("bert.layer.2.value"), 3);
        assert_eq!(ranks.of("value"), 3);
        assert_eq!(ranks.of("bert.layer.2.subvalue"), 8);
        assert!(ByModule::new("rank_pattern", &[("(".to_string(), 1)].into(), 8).is_err());
    }
}
