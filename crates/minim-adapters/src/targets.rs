//! Which modules a method adapts, by peft's rules (`peft/tuners/tuners_utils.py`, `check_target_module_exists`).

use regex::Regex;

use crate::Error;

/// A choice of modules by name.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// A module is meant if its name equals an entry or ends with `.` and an entry.
    Names(Vec<String>),
    /// A module is meant if the whole of its name matches (Python's `re.fullmatch`).
    Pattern(String),
}

impl From<Vec<String>> for Targets {
    fn from(names: Vec<String>) -> Self {
        Targets::Names(names)
    }
}

impl std::fmt::Display for Targets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Targets::Names(names) => write!(f, "{}", names.join(", ")),
            Targets::Pattern(pattern) => write!(f, "/{pattern}/"),
        }
    }
}

impl Targets {
    /// A test for module names.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no name, or the pattern is no regular expression.
    pub fn matcher(&self) -> Result<impl Fn(&str) -> bool, Error> {
        let wrong = |found: String| Error::Setting {
            setting: "targets",
            found,
            expected: "module names or a regular expression",
        };
        let (names, pattern) = match self {
            Targets::Names(names) if names.is_empty() || names.iter().any(String::is_empty) => {
                return Err(wrong(format!("{names:?}")));
            }
            Targets::Names(names) => (names.clone(), None),
            Targets::Pattern(pattern) => {
                let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|_| wrong(pattern.clone()))?;
                (Vec::new(), Some(whole))
            }
        };
        Ok(move |module: &str| match &pattern {
            Some(pattern) => pattern.is_match(module),
            None => names.iter().any(|name| {
                module.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_whole_components_at_the_end() {
        let targets: Targets = vec!["query".into(), "output.dense".into()].into();
        let matches = targets.matcher().unwrap();
        assert!(matches("query"));
        assert!(matches("bert.encoder.layer.0.attention.self.query"));
        assert!(matches("bert.encoder.layer.0.attention.output.dense"));
        assert!(matches("bert.encoder.layer.0.output.dense"));
        assert!(!matches("bert.encoder.layer.0.attention.self.subquery"));
        assert!(!matches("bert.encoder.layer.0.intermediate.dense"));
        assert!(!matches("query.base"));
    }

    #[test]
    fn a_pattern_must_match_the_whole_name() {
        let targets = Targets::Pattern(r".*\.(query|value)".into());
        let matches = targets.matcher().unwrap();
        assert!(matches("layer.0.query"));
        assert!(!matches("layer.0.query.x"));
        assert!(Targets::Pattern("(".into()).matcher().is_err());
        assert!(Targets::Names(vec![]).matcher().is_err());
    }
}
