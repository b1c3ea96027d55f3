//! Few-shot samples: a small share of a split with n of each class.
//!
//! Classified texts are drawn one by one. For entities and relations whole documents are drawn, since sentences of one note
//! share names, style and patient, and n sentences of n notes are worth more than n of one: documents are taken in a seeded
//! order, each that holds a class with fewer than n so far, until every class has n or no document helps. A class is a
//! label, or for entities a type, counted by its entities (`B-` tags).
//!
//! The order hangs on the seed and the names of documents (or the ids of texts) alone: it is by the SHA-256 of
//! `minim few-shot 1/<seed>/<name>`. So the order of the files changes nothing, and samples are nested: a document is taken
//! exactly if the documents before it, taken or not, hold fewer than n of one of its classes (as long as a class has fewer
//! than n, none of its documents is passed over), and what is fewer than 16 is fewer than 32.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dataset::{Dataset, Splits};
use crate::error::shown;
use crate::example::{Labelled, Related, Tagged, document};
use crate::label_set::LabelSet;

/// How many of each class to keep, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FewShot {
    /// Of each class in the training split; `None` keeps all of it.
    pub train: Option<usize>,
    /// Of each class in the validation split; `None` keeps all of it.
    pub validation: Option<usize>,
    /// Decides the order in which examples or documents are drawn.
    pub seed: u64,
}

/// What was drawn of one class in one split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassShots {
    /// The label, or the entity type.
    pub class: String,
    /// How many were asked for.
    pub wanted: usize,
    /// How many the whole split has: examples, or entities of a type.
    pub available: usize,
    /// How many the sample has; with whole documents often more than were asked for.
    pub drawn: usize,
}

impl ClassShots {
    /// Whether the split has fewer than were asked for; then the sample has all of them.
    pub fn is_short(&self) -> bool {
        self.drawn < self.wanted
    }
}

impl fmt::Display for ClassShots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "class {}: {} drawn, {} wanted", shown(&self.class), self.drawn, self.wanted)
    }
}

/// What was drawn, class by class in the order of the labels; `None` for a split that was kept whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shots {
    /// Of the training split.
    pub train: Option<Vec<ClassShots>>,
    /// Of the validation split.
    pub validation: Option<Vec<ClassShots>>,
}

impl Shots {
    /// The classes of which a split has fewer than were asked for, with the split's name.
    pub fn short(&self) -> impl Iterator<Item = (&'static str, &ClassShots)> {
        let train = self.train.iter().flatten().map(|class| ("train", class));
        let validation = self.validation.iter().flatten().map(|class| ("validation", class));
        train.chain(validation).filter(|(_, class)| class.is_short())
    }
}

impl Dataset {
    /// A sample with n of each class of the training and the validation split; the test split stays whole.
    ///
    /// ```
    /// use minim_datasets::{Dataset, FewShot, LabelSet, Labelled, Splits};
    ///
    /// let example = |id: usize, label| Labelled { id: id.to_string(), text: "x".into(), text_pair: None, label };
    /// let splits = Splits {
    ///     labels: LabelSet::new(vec!["Affirmed".into(), "Negated".into()])?,
    ///     train: (0..100).map(|id| example(id, usize::from(id % 10 == 0))).collect(),
    ///     validation: Vec::new(),
    ///     test: Vec::new(),
    /// };
    /// let (sample, shots) = Dataset::from(splits).few_shot(FewShot { train: Some(16), validation: None, seed: 1 });
    /// assert_eq!(sample.sizes().train, 16 + 10);
    /// let short: Vec<String> = shots.short().map(|(split, class)| format!("{split}: {class}")).collect();
    /// assert_eq!(short, ["train: class `Negated`: 10 drawn, 16 wanted"]);
    /// # Ok::<(), minim_datasets::Error>(())
    /// ```
    pub fn few_shot(self, settings: FewShot) -> (Self, Shots) {
        match self {
            Self::Sequence(splits) => {
                let (splits, shots) = splits.few_shot(settings);
                (Self::Sequence(splits), shots)
            }
            Self::Tokens(splits) => {
                let (splits, shots) = splits.few_shot(settings);
                (Self::Tokens(splits), shots)
            }
            Self::Relations(splits) => {
                let (splits, shots) = splits.few_shot(settings);
                (Self::Relations(splits), shots)
            }
        }
    }
}

impl Splits<Labelled> {
    /// A sample with n texts of each label; see [`Dataset::few_shot`].
    pub fn few_shot(self, settings: FewShot) -> (Self, Shots) {
        sample_splits(self, settings)
    }
}

impl Splits<Tagged> {
    /// A sample of whole documents with at least n entities of each type, where there are so many; see
    /// [`Dataset::few_shot`]. Where the corpus does not say which document a sentence is from, it is drawn by itself.
    pub fn few_shot(self, settings: FewShot) -> (Self, Shots) {
        sample_splits(self, settings)
    }
}

impl Splits<Related> {
    /// A sample of whole documents with at least n pairs of each label, where there are so many; see
    /// [`Dataset::few_shot`]. Where the corpus does not say which document a pair is from, it is drawn by itself.
    pub fn few_shot(self, settings: FewShot) -> (Self, Shots) {
        sample_splits(self, settings)
    }
}

/// What sampling needs of any kind of example.
trait Shot {
    /// The name of what is drawn as a whole.
    fn unit(&self) -> &str;
    /// Indices into the label set, each counted once.
    fn labels(&self) -> &[usize];
    /// The class that one of an example's labels counts for.
    fn class(label: &str) -> Option<&str>;
}

impl Shot for Labelled {
    fn unit(&self) -> &str {
        &self.id
    }
    fn labels(&self) -> &[usize] {
        std::slice::from_ref(&self.label)
    }
    fn class(label: &str) -> Option<&str> {
        Some(label)
    }
}

impl Shot for Tagged {
    fn unit(&self) -> &str {
        document(&self.id).unwrap_or(&self.id)
    }
    fn labels(&self) -> &[usize] {
        &self.tags
    }
    fn class(label: &str) -> Option<&str> {
        label.strip_prefix("B-")
    }
}

impl Shot for Related {
    fn unit(&self) -> &str {
        document(&self.id).unwrap_or(&self.id)
    }
    fn labels(&self) -> &[usize] {
        std::slice::from_ref(&self.label)
    }
    fn class(label: &str) -> Option<&str> {
        Some(label)
    }
}

fn sample_splits<E: Shot>(splits: Splits<E>, settings: FewShot) -> (Splits<E>, Shots) {
    let Splits { labels, train, validation, test } = splits;
    let sample = |examples, wanted| match wanted {
        Some(wanted) => {
            let (sample, shots) = sample(examples, &labels, wanted, settings.seed);
            (sample, Some(shots))
        }
        None => (examples, None),
    };
    let (train, of_train) = sample(train, settings.train);
    let (validation, of_validation) = sample(validation, settings.validation);
    (Splits { labels, train, validation, test }, Shots { train: of_train, validation: of_validation })
}

/// The examples of the units that are drawn, in their order, and what they hold of each class.
fn sample<E: Shot>(examples: Vec<E>, labels: &LabelSet, wanted: usize, seed: u64) -> (Vec<E>, Vec<ClassShots>) {
    let (class_of, mut shots) = classes::<E>(labels, wanted);
    let mut place: HashMap<&str, usize> = HashMap::new();
    let mut units: Vec<Unit<'_>> = Vec::new();
    let mut unit_of = Vec::with_capacity(examples.len());
    for example in &examples {
        let unit = *place.entry(example.unit()).or_insert_with(|| {
            units.push(Unit { name: example.unit(), counts: Vec::new(), drawn: false });
            units.len() - 1
        });
        unit_of.push(unit);
        for class in example.labels().iter().filter_map(|&label| class_of[label]) {
            units[unit].count(class);
        }
    }
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_cached_key(|&unit| (rank(seed, units[unit].name), units[unit].name));
    for unit in order {
        let unit = &mut units[unit];
        // Counted over all units so far: while a class is short, they are those that were drawn.
        unit.drawn = unit.counts.iter().any(|&(class, _)| shots[class].available < wanted);
        for &(class, count) in &unit.counts {
            shots[class].available += count;
            shots[class].drawn += if unit.drawn { count } else { 0 };
        }
    }
    let drawn: Vec<bool> = units.iter().map(|unit| unit.drawn).collect();
    let kept = examples.into_iter().zip(unit_of).filter(|(_, unit)| drawn[*unit]).map(|(example, _)| example);
    (kept.collect(), shots)
}

/// A document, or an example by itself.
struct Unit<'a> {
    name: &'a str,
    /// How many it has of each class that it has any of.
    counts: Vec<(usize, usize)>,
    drawn: bool,
}

impl Unit<'_> {
    fn count(&mut self, class: usize) {
        match self.counts.iter_mut().find(|(known, _)| *known == class) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((class, 1)),
        }
    }
}

/// The class of each label, and an empty count of each class.
fn classes<E: Shot>(labels: &LabelSet, wanted: usize) -> (Vec<Option<usize>>, Vec<ClassShots>) {
    let mut shots = Vec::new();
    let class_of = labels.names().iter().map(|name| {
        E::class(name).map(|class| {
            shots.push(ClassShots { class: class.to_owned(), wanted, available: 0, drawn: 0 });
            shots.len() - 1
        })
    });
    (class_of.collect(), shots)
}

/// Where a unit stands in the order of a seed.
fn rank(seed: u64, name: &str) -> [u8; 32] {
    Sha256::digest(format!("minim few-shot 1/{seed}/{name}")).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::example::Example;

    const TAGS: [&str; 5] = ["O", "B-Drug", "I-Drug", "B-Dose", "I-Dose"];

    fn tagged(documents: &[Vec<Vec<usize>>]) -> Vec<Tagged> {
        let sentences = documents.iter().enumerate().flat_map(|(document, sentences)| {
            sentences.iter().enumerate().map(move |(sentence, tags)| Tagged {
                id: format!("note-{document}#{sentence}"),
                words: vec!["x".to_owned(); tags.len()],
                tags: tags.clone(),
            })
        });
        sentences.collect()
    }

    fn related(documents: &[Vec<usize>]) -> Vec<Related> {
        let pairs = documents.iter().enumerate().flat_map(|(document, labels)| {
            labels.iter().enumerate().map(move |(pair, &label)| Related {
                id: format!("note-{document}#{pair}"),
                text: "x".to_owned(),
                head: None,
                tail: None,
                label,
            })
        });
        pairs.collect()
    }

    fn labelled(labels: &[usize]) -> Vec<Labelled> {
        let text = |(id, &label): (usize, &usize)| Labelled {
            id: format!("text-{id}"),
            text: "x".to_owned(),
            text_pair: None,
            label,
        };
        labels.iter().enumerate().map(text).collect()
    }

    fn splits<E: Clone>(labels: &[&str], train: Vec<E>) -> Splits<E> {
        let validation = train.clone();
        Splits { labels: LabelSet::fixed(labels), train, validation, test: Vec::new() }
    }

    fn train(per_class: usize, seed: u64) -> FewShot {
        FewShot { train: Some(per_class), validation: None, seed }
    }

    #[test]
    fn texts_are_drawn_n_per_class_and_shortage_is_said() {
        let labels: Vec<usize> = (0..60).map(|example| if example % 10 == 0 { 2 } else { example % 2 }).collect();
        let all = splits(&["a", "b", "c"], labelled(&labels));
        let (sample, shots) = all.clone().few_shot(train(8, 1));
        let count = |label| sample.train.iter().filter(|example| example.label == label).count();
        assert_eq!([count(0), count(1), count(2)], [8, 8, 6]);
        let of_train = shots.train.as_ref().unwrap();
        let numbers = |shots: &ClassShots| (shots.wanted, shots.available, shots.drawn);
        assert_eq!(of_train.iter().map(numbers).collect::<Vec<_>>(), [(8, 24, 8), (8, 30, 8), (8, 6, 6)]);
        let short: Vec<_> = shots.short().map(|(split, class)| (split, class.class.as_str())).collect();
        assert_eq!(short, [("train", "c")]);
        assert_eq!((shots.validation, &sample.validation), (None, &all.validation));
    }

    #[test]
    fn validation_is_drawn_like_training_where_asked() {
        let all = splits(&["a", "b"], labelled(&[0, 1, 0, 1, 0, 1, 0, 1]));
        let (sample, shots) = all.clone().few_shot(FewShot { train: None, validation: Some(2), seed: 3 });
        assert_eq!((sample.train.len(), sample.validation.len()), (8, 4));
        assert!(shots.train.is_none() && shots.short().next().is_none());
        let (other, shots) = all.few_shot(FewShot { train: Some(2), validation: Some(5), seed: 3 });
        // The same ids in both splits here, so the same draw.
        assert_eq!(other.train, sample.validation);
        assert_eq!(shots.short().map(|(split, _)| split).collect::<Vec<_>>(), ["validation", "validation"]);
    }

    #[test]
    fn another_seed_draws_another_sample() {
        let all = splits(&["a"], labelled(&[0; 200]));
        let samples: BTreeSet<Vec<String>> = (0..20)
            .map(|seed| all.clone().few_shot(train(5, seed)).0.train.into_iter().map(|example| example.id).collect())
            .collect();
        assert_eq!(samples.len(), 20);
    }

    #[test]
    fn a_draw_never_changes() {
        // Recorded runs can only be repeated while this holds. Python: sorted(("text-%d" % n for n in range(20)),
        // key=lambda name: hashlib.sha256(b"minim few-shot 1/12/" + name.encode()).digest())[:4], in the order of the ids.
        let (sample, _) = splits(&["a"], labelled(&[0; 20])).few_shot(train(4, 12));
        let ids: Vec<&str> = sample.train.iter().map(|example| example.id.as_str()).collect();
        assert_eq!(ids, ["text-0", "text-2", "text-3", "text-13"]);
    }

    #[test]
    fn documents_stay_whole_and_those_without_an_entity_out() {
        let drug = vec![0, 1, 2, 0];
        let documents = [vec![drug.clone(), vec![0]], vec![vec![0, 0]], vec![vec![0], drug.clone(), drug]];
        let (sample, shots) = splits(&TAGS, tagged(&documents)).few_shot(train(3, 0));
        let ids: Vec<&str> = sample.train.iter().map(|sentence| sentence.id.as_str()).collect();
        assert_eq!(ids, ["note-0#0", "note-0#1", "note-2#0", "note-2#1", "note-2#2"]);
        let of_train = shots.train.unwrap();
        let numbers: Vec<_> = of_train.iter().map(|c| (c.class.as_str(), c.available, c.drawn)).collect();
        // An `I-` begins nothing: three entities of two words each.
        assert_eq!(numbers, [("Drug", 3, 3), ("Dose", 0, 0)]);
    }

    #[test]
    fn a_sentence_of_no_document_is_drawn_by_itself() {
        let sentence = |id: usize| Tagged { id: id.to_string(), words: vec!["x".to_owned()], tags: vec![1] };
        let (sample, _) = splits(&TAGS, (0..30).map(sentence).collect()).few_shot(train(7, 5));
        assert_eq!(sample.train.len(), 7);
    }

    #[test]
    fn a_label_that_looks_like_text_is_not_shown() {
        let class = ClassShots { class: "pt. with fever".to_owned(), wanted: 3, available: 1, drawn: 1 };
        assert_eq!(class.to_string(), "class (not shown: 14 characters): 1 drawn, 3 wanted");
    }

    fn ids<E: Example>(examples: &[E]) -> BTreeSet<String> {
        examples.iter().map(|example| example.id().to_owned()).collect()
    }

    /// What must hold of samples of n and of more than n, for any kind of example.
    fn check<E: Shot + Example + Clone + PartialEq + fmt::Debug>(
        all: &[E],
        labels: &[&str],
        (few, more): (usize, usize),
        seed: u64,
    ) -> Result<(), TestCaseError> {
        let labels = LabelSet::fixed(labels);
        let draw = |examples: &[E], wanted| sample(examples.to_vec(), &labels, wanted, seed);
        let (small, small_shots) = draw(all, few);
        let (large, _) = draw(all, few + more);
        prop_assert!(ids(&small).is_subset(&ids(&large)), "not nested");
        // The same again, and from files in another order.
        prop_assert_eq!(&draw(all, few), &(small.clone(), small_shots.clone()));
        let reversed: Vec<E> = all.iter().rev().cloned().collect();
        let (turned, turned_shots) = draw(&reversed, few);
        prop_assert_eq!((ids(&turned), &turned_shots), (ids(&small), &small_shots));
        // In the order of the split, and units whole.
        let units: BTreeSet<&str> = small.iter().map(Shot::unit).collect();
        let whole: Vec<E> = all.iter().filter(|example| units.contains(example.unit())).cloned().collect();
        prop_assert_eq!(&small, &whole);
        // As many as asked for, or all there are; and the counts are those of the sample.
        let class_of = classes::<E>(&labels, 0).0;
        let count = |examples: &[E], class: usize| {
            examples
                .iter()
                .flat_map(|example| example.labels())
                .filter(|&&label| class_of[label] == Some(class))
                .count()
        };
        for (class, shots) in small_shots.iter().enumerate() {
            prop_assert_eq!((shots.available, shots.drawn), (count(all, class), count(&small, class)));
            prop_assert!(shots.drawn >= few.min(shots.available));
            prop_assert_eq!(shots.is_short(), shots.available < few);
        }
        // None can be left out: the last unit drawn was needed when it came.
        let last = units.iter().max_by_key(|unit| rank(seed, unit));
        if let Some(last) = last {
            let before: Vec<E> = small.iter().filter(|example| example.unit() != *last).cloned().collect();
            let needed = |class: usize| count(&before, class) < few && count(&small, class) > count(&before, class);
            prop_assert!((0..small_shots.len()).any(needed));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn samples_of_texts_are_nested_and_repeat(
            texts in vec(0..4_usize, 0..80),
            sizes in (0..10_usize, 0..20_usize),
            seed in any::<u64>(),
        ) {
            check(&labelled(&texts), &["a", "b", "c", "d"], sizes, seed)?;
            // Texts are drawn one by one: never more than asked for.
            let (_, shots) = sample(labelled(&texts), &LabelSet::fixed(&["a", "b", "c", "d"]), sizes.0, seed);
            prop_assert!(shots.iter().all(|class| class.drawn <= sizes.0));
        }

        #[test]
        fn samples_of_documents_with_entities_are_nested_and_repeat(
            documents in vec(vec(vec(0..TAGS.len(), 1..5), 1..4), 0..25),
            sizes in (0..10_usize, 0..20_usize),
            seed in any::<u64>(),
        ) {
            check(&tagged(&documents), &TAGS, sizes, seed)?;
        }

        #[test]
        fn samples_of_documents_with_relations_are_nested_and_repeat(
            documents in vec(vec(0..3_usize, 1..9), 0..25),
            sizes in (0..10_usize, 0..20_usize),
            seed in any::<u64>(),
        ) {
            check(&related(&documents), &["false", "effect", "int"], sizes, seed)?;
        }
    }
}
