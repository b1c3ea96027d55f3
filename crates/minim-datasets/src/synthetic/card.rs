//! The card that stands beside synthetic data, in the form of [`Card`](crate::Card).

use super::list;

/// What is particular to one corpus's card.
pub(super) struct SyntheticCard<'a> {
    /// Its name without `synthetic-`.
    pub(super) name: &'a str,
    pub(super) reader: &'a str,
    pub(super) task: &'a str,
    /// What follows "written by this project from its own word lists and templates".
    pub(super) source: String,
    /// The name that `data synth` knows it by.
    pub(super) command: &'a str,
    pub(super) size: usize,
    pub(super) seed: u64,
    /// What follows the seed.
    pub(super) splits: String,
    pub(super) labels: &'a [&'a str],
    /// What is wrong with it beyond what is with all of them.
    pub(super) flaw: Option<&'a str>,
    /// Names and numbers.
    pub(super) expected: &'a [(&'a str, usize)],
}

impl SyntheticCard<'_> {
    /// The card as TOML.
    pub(super) fn text(&self) -> String {
        let Self { name, reader, task, source, command, size, seed, splits, .. } = self;
        let flaw = self.flaw.map(|flaw| format!("  \"{flaw}\",\n")).unwrap_or_default();
        let expected: String = self.expected.iter().map(|(what, count)| format!("{what} = {count}\n")).collect();
        format!(
            r#"name = "synthetic-{name}"
reader = "{reader}"
task = "{task}"
source = "Synthetic: written by this project from its own word lists and templates{source}"
licence = "MIT OR Apache-2.0"
how_to_get = "cargo xtask data synth {command} --out DIR --size {size} --seed {seed}"
splits = "Seed {seed}: {splits}"
labels = {labels}
flaws = [
  "Synthetic: a score on it says nothing about clinical quality.",
  "Written from templates: a model can learn the templates.",
{flaw}]
synthetic = true

[expected]
{expected}"#,
            labels = list(self.labels),
        )
    }
}
