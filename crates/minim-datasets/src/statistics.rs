//! What a corpus holds, in numbers: examples, labels and lengths. None of it carries text.

use std::collections::BTreeMap;

use crate::dataset::Kind;
use crate::document_split::Split;
use crate::error::{Error, safe};
use crate::example_ref::{ExampleRef, Sink};
use crate::label_set::LabelSet;

/// The lengths beyond which a model of so many positions cuts a text.
pub const LIMITS: [usize; 4] = [128, 256, 480, 512];

/// The numbers of a corpus; a [`Sink`], so that examples are counted as they come and not held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// What kind of examples it has; `None` before the first is taken.
    pub kind: Option<Kind>,
    /// The names of its labels, in order.
    pub labels: Vec<String>,
    /// In the order of [`Split::ALL`].
    pub splits: [SplitStatistics; 3],
}

/// The numbers of one split.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SplitStatistics {
    /// The number of examples.
    pub examples: usize,
    /// Examples of each label; for tags, words of each tag.
    pub labels: Vec<usize>,
    /// Of each example, in order: words between white space (of both texts of a pair), or words as they are tagged.
    pub words: Vec<usize>,
}

/// The middle and the end of a list of lengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lengths {
    /// The smallest length that half of them do not exceed.
    pub median: usize,
    /// The smallest length that nine tenths of them do not exceed.
    pub p90: usize,
    /// The greatest.
    pub max: usize,
    /// The share that exceeds each of [`LIMITS`], 0 to 1.
    pub longer: [f64; LIMITS.len()],
}

impl Lengths {
    /// Of no lengths, `None`.
    pub fn of(lengths: &[usize]) -> Option<Self> {
        let mut sorted = lengths.to_vec();
        sorted.sort_unstable();
        let max = *sorted.last()?;
        let quantile = |tenths: usize| sorted[(sorted.len() * tenths).div_ceil(10).saturating_sub(1)];
        let longer = LIMITS.map(|limit| {
            let beyond = sorted.len() - sorted.partition_point(|&length| length <= limit);
            beyond as f64 / sorted.len() as f64
        });
        Some(Self { median: quantile(5), p90: quantile(9), max, longer })
    }
}

impl Statistics {
    /// What is told apart: labels, or for tags the types of entities, each with the examples or entities (`B-` tags) of each
    /// split. A name that does not look like one is not shown: a column taken for labels may hold texts.
    pub fn classes(&self) -> Vec<(String, [usize; 3])> {
        let counts = |label: usize| [0, 1, 2].map(|split: usize| self.splits[split].labels[label]);
        let of_tags = self.kind == Some(Kind::Tokens);
        let class = |(label, name): (usize, &String)| {
            let name = if of_tags { name.strip_prefix("B-")? } else { name };
            Some((safe(name), counts(label)))
        };
        self.labels.iter().enumerate().filter_map(class).collect()
    }

    /// What each label has over all splits: examples, or for tags words.
    pub fn label_totals(&self) -> BTreeMap<&str, usize> {
        let total = |label: usize| self.splits.iter().map(|split| split.labels[label]).sum();
        self.labels.iter().enumerate().map(|(label, name)| (name.as_str(), total(label))).collect()
    }
}

impl Sink for Statistics {
    fn begin(&mut self, kind: Kind, labels: &LabelSet) -> Result<(), Error> {
        let split = || SplitStatistics { labels: vec![0; labels.len()], ..SplitStatistics::default() };
        *self = Self { kind: Some(kind), labels: labels.names().to_vec(), splits: [split(), split(), split()] };
        Ok(())
    }

    fn take(&mut self, split: Split, example: ExampleRef<'_>) -> Result<(), Error> {
        let split = &mut self.splits[split as usize];
        let words = |text: &str| text.split_whitespace().count();
        split.examples += 1;
        split.words.push(match example {
            ExampleRef::Sequence(e) => words(&e.text) + e.text_pair.as_deref().map_or(0, words),
            ExampleRef::Tokens(e) => e.words.len(),
            ExampleRef::Relations(e) => words(&e.text),
        });
        match example {
            ExampleRef::Sequence(e) => split.labels[e.label] += 1,
            ExampleRef::Tokens(e) => e.tags.iter().for_each(|&tag| split.labels[tag] += 1),
            ExampleRef::Relations(e) => split.labels[e.label] += 1,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Labelled, Splits, Tagged};

    #[test]
    fn quantiles_are_lengths_that_occur() {
        let lengths: Vec<usize> = (1..=10).map(|n| n * 60).collect();
        let found = Lengths::of(&lengths).unwrap();
        assert_eq!((found.median, found.p90, found.max), (300, 540, 600));
        assert_eq!(found.longer, [0.8, 0.6, 0.2, 0.2]);
        assert_eq!(Lengths::of(&[7]).unwrap(), Lengths { median: 7, p90: 7, max: 7, longer: [0.0; 4] });
        assert_eq!(Lengths::of(&[]), None);
    }

    #[test]
    fn entities_are_counted_by_their_first_word_and_pairs_as_one_text() {
        let labels = LabelSet::fixed(&["O", "B-x", "I-x"]);
        let example = |id: &str, tags: Vec<usize>| Tagged { id: id.into(), words: vec!["a".into(); tags.len()], tags };
        let splits = Splits {
            labels,
            train: vec![example("a", vec![1, 2, 1]), example("b", vec![0])],
            validation: Vec::new(),
            test: vec![example("c", vec![1, 0])],
        };
        let mut found = Statistics::default();
        Dataset::from(splits).pass_to(&mut found).unwrap();
        assert_eq!(found.classes(), [("x".to_owned(), [2, 0, 1])]);
        assert_eq!(found.label_totals(), BTreeMap::from([("O", 2), ("B-x", 3), ("I-x", 1)]));
        assert_eq!((found.splits[0].examples, &found.splits[0].words[..]), (2, &[3, 1][..]));

        let pair = Labelled { id: "a".into(), text: "no  fever".into(), text_pair: Some(" cough\n".into()), label: 1 };
        let labels = LabelSet::fixed(&["0", "1"]);
        let splits = Splits { labels, train: vec![pair], validation: Vec::new(), test: Vec::new() };
        Dataset::from(splits).pass_to(&mut found).unwrap();
        assert_eq!(found.splits[0], SplitStatistics { examples: 1, labels: vec![0, 1], words: vec![3] });
        assert_eq!(found.classes(), [("0".to_owned(), [0, 0, 0]), ("1".to_owned(), [1, 0, 0])]);
    }
}
