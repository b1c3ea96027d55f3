//! Reads TOML tables key by key, so that every complaint names file, line and key.
//!
//! `serde`'s derived readers lose the line of a value that parses but makes no sense (a rank of 0) and cannot say which
//! key was meant; both matter more here than the few lines that deriving would save.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Error;

/// The file that a table comes from.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) file: &'t Path,
    pub(super) text: &'t str,
}

impl Source<'_> {
    pub(super) fn line(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    pub(super) fn invalid(&self, offset: usize, message: impl Into<String>) -> Error {
        Error::Invalid { file: self.file.to_owned(), line: self.line(offset), message: message.into() }
    }
}

/// One table of the file, with its name as a reader of the file knows it.
pub(super) struct Table<'t> {
    source: Source<'t>,
    name: String,
    offset: usize,
    entries: &'t DeTable<'t>,
}

impl<'t> Table<'t> {
    pub(super) fn new(source: Source<'t>, name: impl Into<String>, table: &'t Spanned<DeTable<'t>>) -> Self {
        Self { source, name: name.into(), offset: table.span().start, entries: table.get_ref() }
    }

    /// Fails on the first key, in the file's order, that is not in `known`.
    pub(super) fn check_keys(&self, known: &[&str]) -> Result<(), Error> {
        let unknown = self
            .entries
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        match unknown {
            None => Ok(()),
            Some(key) => Err(Error::UnknownKey {
                file: self.source.file.to_owned(),
                line: self.source.line(key.span().start),
                key: key.get_ref().to_string(),
                table: self.name.clone(),
                nearest: nearest(key.get_ref(), known).to_owned(),
            }),
        }
    }

    pub(super) fn get(&self, key: &'static str) -> Option<Value<'t>> {
        let (_, value) = self.entries.iter().find(|(k, _)| k.get_ref() == key)?;
        Some(Value {
            source: self.source,
            key: format!("`{key}` in {}", self.name),
            table: self.name.clone(),
            offset: value.span().start,
            value: value.get_ref(),
        })
    }

    pub(super) fn required(&self, key: &'static str) -> Result<Value<'t>, Error> {
        self.get(key).ok_or_else(|| self.invalid(format!("{} needs the key `{key}`", self.name)))
    }

    pub(super) fn invalid(&self, message: impl Into<String>) -> Error {
        self.source.invalid(self.offset, message)
    }
}

/// One value of a table.
pub(super) struct Value<'t> {
    source: Source<'t>,
    key: String,
    table: String,
    offset: usize,
    value: &'t DeValue<'t>,
}

impl<'t> Value<'t> {
    pub(super) fn invalid(&self, expected: impl std::fmt::Display) -> Error {
        self.source.invalid(self.offset, format!("{}: {expected}", self.key))
    }

    fn expected(&self, what: &str) -> Error {
        let found = match self.value {
            DeValue::Integer(integer) => integer.as_str().to_owned(),
            DeValue::Float(float) => float.as_str().to_owned(),
            other => format!("{} {}", article(other.type_str()), other.type_str()),
        };
        self.invalid(format_args!("expected {what}, found {found}"))
    }

    pub(super) fn string(&self) -> Result<String, Error> {
        match self.value.as_str() {
            Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
            Some(_) => Err(self.invalid("expected a text, found an empty one")),
            None => Err(self.expected("a text in quotes")),
        }
    }

    /// A name that can stand in a file name: lower-case letters, digits, `-`, `_` and `.`, a letter or digit first.
    pub(super) fn slug(&self) -> Result<String, Error> {
        let text = self.string()?;
        let first = text.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let rest = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
        if first && rest && text.len() <= 64 {
            Ok(text)
        } else {
            Err(self.invalid(format_args!(
                "\"{text}\" is no slug: expected at most 64 lower-case letters, digits, `-`, `_` and `.`, \
                 a letter or digit first"
            )))
        }
    }

    /// One of the names in `choices`.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Result<T, Error> {
        let text = self.string()?;
        if let Some((_, chosen)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(*chosen);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        Err(self.unknown(&text, &names))
    }

    /// The complaint that `text` is none of `names`.
    pub(super) fn unknown(&self, text: &str, names: &[&str]) -> Error {
        self.invalid(format_args!(
            "\"{text}\" is not known; the nearest of {} is \"{}\"",
            names.join(", "),
            nearest(text, names)
        ))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<bool, Error> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    /// A whole number of at least `least`.
    pub(super) fn count(&self, least: usize) -> Result<usize, Error> {
        let what = format!("a whole number of at least {least}");
        let count: usize =
            self.unsigned().and_then(|number| usize::try_from(number).ok()).ok_or_else(|| self.expected(&what))?;
        if count < least {
            return Err(self.expected(&what));
        }
        Ok(count)
    }

    /// TOML's whole numbers are signed 64-bit ones; those that are not negative come back.
    fn unsigned(&self) -> Option<u64> {
        let integer = self.value.as_integer()?;
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
        u64::try_from(number).ok()
    }

    /// A number for which `holds`; `expected` says in words what that is.
    pub(super) fn number(&self, expected: &str, holds: impl Fn(f64) -> bool) -> Result<f64, Error> {
        let number: Option<f64> = match self.value {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(_) => self.unsigned().map(|number| number as f64),
            _ => None,
        };
        number.filter(|number| number.is_finite() && holds(*number)).ok_or_else(|| self.expected(expected))
    }

    fn elements(&self, what: &str) -> Result<Vec<Value<'t>>, Error> {
        let array = self.value.as_array().ok_or_else(|| self.expected(what))?;
        Ok(array.iter().map(|element| self.inside(element)).collect())
    }

    /// A value inside of this one.
    fn inside(&self, value: &'t Spanned<DeValue<'t>>) -> Value<'t> {
        Value {
            source: self.source,
            key: self.key.clone(),
            table: self.table.clone(),
            offset: value.span().start,
            value: value.get_ref(),
        }
    }

    /// A list of at least one different texts.
    pub(super) fn strings(&self) -> Result<Vec<String>, Error> {
        let mut texts = Vec::new();
        for element in self.elements("a list of texts")? {
            let text = element.string()?;
            if texts.contains(&text) {
                return Err(element.invalid(format_args!("\"{text}\" stands there twice")));
            }
            texts.push(text);
        }
        if texts.is_empty() {
            return Err(self.invalid("expected a list of at least one text, found an empty list"));
        }
        Ok(texts)
    }

    /// A list of at least one whole numbers.
    pub(super) fn counts(&self) -> Result<Vec<usize>, Error> {
        let elements = self.elements("a list of whole numbers")?;
        let numbers = elements.iter().map(|element| element.count(0)).collect::<Result<Vec<_>, _>>()?;
        if numbers.is_empty() {
            return Err(self.invalid("expected at least one number, found an empty list"));
        }
        Ok(numbers)
    }

    /// The keys of a table, whichever they are, with their values.
    pub(super) fn entries(&self) -> Result<Vec<(String, Value<'t>)>, Error> {
        let DeValue::Table(entries) = self.value else { return Err(self.expected("a table")) };
        Ok(entries.iter().map(|(key, value)| (key.get_ref().to_string(), self.inside(value))).collect())
    }

    /// A list of at least one different seeds.
    pub(super) fn seeds(&self) -> Result<Vec<u64>, Error> {
        let mut seeds = Vec::new();
        for element in self.elements("a list of seeds, as [12, 34, 56]")? {
            let seed =
                element.unsigned().ok_or_else(|| element.expected("a seed: a whole number from 0 to 2^63 - 1"))?;
            if seeds.contains(&seed) {
                return Err(element.invalid(format_args!("seed {seed} stands there twice")));
            }
            seeds.push(seed);
        }
        if seeds.is_empty() {
            return Err(self.invalid("expected at least one seed, found an empty list"));
        }
        Ok(seeds)
    }

    /// A table called `name`.
    pub(super) fn table(&self, name: &str) -> Result<Table<'t>, Error> {
        match self.value {
            DeValue::Table(entries) => {
                Ok(Table { source: self.source, name: name.to_owned(), offset: self.offset, entries })
            }
            _ => Err(self.expected("a table")),
        }
    }

    /// A list of tables, each called `name`.
    pub(super) fn tables(&self, name: &str) -> Result<Vec<Table<'t>>, Error> {
        self.elements(&format!("a list of tables, each under {name}"))?
            .iter()
            .map(|element| element.table(name))
            .collect()
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// The member of `known` that is spelt most like `word`; empty if there is none.
fn nearest<'k>(word: &str, known: &[&'k str]) -> &'k str {
    known.iter().copied().min_by_key(|candidate| strsim::damerau_levenshtein(word, candidate)).unwrap_or_default()
}
