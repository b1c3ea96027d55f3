//! Which modules a method adapts, by peft's rules (`peft/tuners/tuners_utils.py`, `check_target_module_exists`).

use fancy_regex::Regex;

use crate::Error;

/// A choice of modules by name.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// A module is meant if its name equals an entry or ends with `.` and an entry.
    Names(Vec<String>),
    /// A module is meant if the whole of its name matches (Python's `re.fullmatch`).
    Pattern(String),
    /// Every linear layer that is not trained whole (peft's `"all-linear"`).
    AllLinear,
}

/// peft's word for [`Targets::AllLinear`].
pub(crate) const ALL_LINEAR: &str = "all-linear";

impl From<Vec<String>> for Targets {
    /// `["all-linear"]` is [`Targets::AllLinear`], one name between slashes, `["/.*query/"]`, a [`Targets::Pattern`].
    fn from(names: Vec<String>) -> Self {
        let [name] = &names[..] else { return Targets::Names(names) };
        match name.strip_prefix('/').and_then(|name| name.strip_suffix('/')) {
            Some(pattern) => Targets::Pattern(pattern.into()),
            None if name == ALL_LINEAR => Targets::AllLinear,
            None => Targets::Names(names),
        }
    }
}

impl std::fmt::Display for Targets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Targets::Names(names) => write!(f, "{}", names.join(", ")),
            Targets::Pattern(pattern) => write!(f, "/{pattern}/"),
            Targets::AllLinear => f.write_str(ALL_LINEAR),
        }
    }
}

enum Test {
    Names(Vec<String>),
    Pattern(Regex),
    Everything,
}

impl Test {
    fn holds(&self, module: &str) -> bool {
        match self {
            Test::Names(names) => names.iter().any(|name| {
                module.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }),
            Test::Pattern(pattern) => matches(pattern, module),
            Test::Everything => true,
        }
    }

    /// Whether an entry is the whole of the name.
    fn is_exactly(&self, module: &str) -> bool {
        matches!(self, Test::Names(names) if names.iter().any(|name| name == module))
    }
}

impl Targets {
    /// A test for the names of linear layers.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no name, or the pattern is no regular expression.
    pub fn matcher(&self) -> Result<impl Fn(&str) -> bool + use<>, Error> {
        let test = self.test("targets")?;
        Ok(move |module: &str| test.holds(module))
    }

    fn test(&self, setting: &'static str) -> Result<Test, Error> {
        match self {
            Targets::Names(names) if names.is_empty() || names.iter().any(String::is_empty) => {
                Err(no_names(setting, format!("{names:?}")))
            }
            Targets::Names(names) => Ok(Test::Names(names.clone())),
            Targets::Pattern(pattern) => Ok(Test::Pattern(expression(setting, format!("^(?:{pattern})$"), pattern)?)),
            Targets::AllLinear => Ok(Test::Everything),
        }
    }
}

fn no_names(setting: &'static str, found: String) -> Error {
    Error::Setting { setting, found, expected: "module names or a regular expression" }
}

/// Whether an expression is found in a module's name. One that gives up, after a million steps back, is not.
pub(crate) fn matches(expression: &Regex, module: &str) -> bool {
    expression.is_match(module).unwrap_or_default()
}

/// A regular expression made from `pattern`, which is what an error shows: Python's, with what looks around and back.
pub(crate) fn expression(setting: &'static str, whole: String, pattern: &str) -> Result<Regex, Error> {
    Regex::new(&whole).map_err(|_| no_names(setting, pattern.to_string()))
}

/// Which of the layers that targets name are left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Restriction {
    /// peft's `exclude_modules`: these are not adapted, by the rules of [`Targets`].
    pub exclude: Option<Targets>,
    /// peft's `layers_to_transform`: only layers of these numbers are adapted; all if empty.
    pub layers: Vec<usize>,
    /// peft's `layers_pattern`: what the list of layers is called (`layer`, `h`), each a regular expression; whatever stands before the
    /// first number if empty.
    pub layers_pattern: Vec<String>,
}

impl Restriction {
    /// A test for the names of linear layers: those of `targets`, less what is left out here.
    ///
    /// # Errors
    /// [`Error::Setting`] for a pattern that is no regular expression, and, as in peft, for numbers of layers beside targets that are no
    /// list of names or a `layers_pattern` without numbers.
    pub fn matcher(&self, targets: &Targets) -> Result<impl Fn(&str) -> bool + use<>, Error> {
        let named = targets.test("targets")?;
        let excluded = match &self.exclude {
            None => None,
            Some(Targets::AllLinear) => return Err(no_names("exclude_modules", ALL_LINEAR.into())),
            Some(exclude) => Some(exclude.test("exclude_modules")?),
        };
        let numbered = self.numbered(targets)?;
        let layers = self.layers.clone();
        Ok(move |module: &str| {
            if excluded.as_ref().is_some_and(|excluded| excluded.holds(module)) || !named.holds(module) {
                return false;
            }
            layers.is_empty()
                // As in peft: who names a layer in full means it, whatever its number.
                || named.is_exactly(module)
                || number(&numbered, module).is_some_and(|number| layers.contains(&number))
        })
    }

    /// The expressions that find the number of a layer, in the order in which they are tried.
    fn numbered(&self, targets: &Targets) -> Result<Vec<Regex>, Error> {
        let wrong = |setting, found, expected| Err(Error::Setting { setting, found, expected });
        if self.layers.is_empty() {
            return match self.layers_pattern.is_empty() {
                true => Ok(Vec::new()),
                false => wrong("layers_pattern", self.layers_pattern.join(", "), "layers_to_transform beside it"),
            };
        }
        if !matches!(targets, Targets::Names(_)) {
            return wrong("layers_to_transform", format!("{:?}", self.layers), "targets by name beside it");
        }
        if self.layers_pattern.is_empty() {
            let first = r"^.*?\.[^.]*\.(?P<number>\d+)\.";
            return Ok(vec![expression("layers_pattern", first.into(), first)?]);
        }
        let patterns = self.layers_pattern.iter();
        // As in peft, where a pattern is no group of its own.
        let whole = |pattern: &str| format!(r"^(?:(?:|.*?\.){pattern}\.(?P<number>\d+)\.)");
        patterns.map(|pattern| expression("layers_pattern", whole(pattern), pattern)).collect()
    }
}

fn number(expressions: &[Regex], module: &str) -> Option<usize> {
    let captures = expressions.iter().find_map(|expression| expression.captures(module).ok()?)?;
    captures.name("number")?.as_str().parse().ok()
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
        assert_eq!(Targets::from(vec!["/.*query/".into()]), Targets::Pattern(".*query".into()));
        let around = Targets::Pattern(r"(?!.*\.0\.).*\.(query|value)(?<!lora\.value)".into()).matcher().unwrap();
        assert!(around("layer.1.query") && !around("layer.0.query") && !around("layer.1.lora.value"));
        assert!(Targets::Pattern("(".into()).matcher().is_err());
        assert!(Targets::Names(vec![]).matcher().is_err());
    }

    #[test]
    fn a_restriction_leaves_out_by_name_and_by_number() {
        let targets: Targets = vec!["query".into(), "dense".into()].into();
        let restriction = |restriction: Restriction| restriction.matcher(&targets).unwrap();
        let exclude: Targets = vec!["output.dense".into()].into();
        let excluding = restriction(Restriction { exclude: Some(exclude), ..Default::default() });
        assert!(excluding("bert.encoder.layer.0.intermediate.dense"));
        assert!(!excluding("bert.encoder.layer.0.output.dense"));
        let second = restriction(Restriction { layers: vec![1], ..Default::default() });
        assert!(second("bert.encoder.layer.1.attention.self.query"));
        assert!(!second("bert.encoder.layer.11.attention.self.query"));
        assert!(!second("bert.pooler.dense"), "no number, no layer");
        assert!(!second("layer.1.query"), "peft wants a name before the list's");
        let second_ffn = Restriction { layers: vec![2], layers_pattern: vec!["ffn".into()], ..Default::default() };
        let nested = restriction(second_ffn);
        let whole: Targets = vec!["bert.encoder.layer.0.attention.self.query".into(), "value".into()].into();
        let whole = Restriction { layers: vec![1], ..Default::default() }.matcher(&whole).unwrap();
        assert!(whole("bert.encoder.layer.0.attention.self.query"), "named in full");
        assert!(!whole("bert.encoder.layer.0.attention.self.value"));
        assert!(nested("mobilebert.encoder.layer.0.ffn.2.output.dense"));
        assert!(!nested("mobilebert.encoder.layer.2.ffn.0.output.dense"));
    }

    #[test]
    fn numbers_need_names_and_a_pattern_needs_numbers() {
        let numbers = Restriction { layers: vec![0], ..Default::default() };
        assert!(numbers.matcher(&Targets::Pattern(".*".into())).is_err());
        assert!(numbers.matcher(&Targets::AllLinear).is_err());
        let pattern = Restriction { layers_pattern: vec!["layer".into()], ..Default::default() };
        assert!(pattern.matcher(&vec!["query".into()].into()).is_err());
        let all = Restriction { exclude: Some(Targets::AllLinear), ..Default::default() };
        assert!(all.matcher(&vec!["query".into()].into()).is_err());
    }
}
