//! `i2b2-2010-relations`: what a sentence says between two of its concepts.
//!
//! An example is a pair of concepts that stand on the same line and could be related (a treatment or a test and a problem, or
//! two problems), with the label of the pair's relation or `false`. The text is the line's tokens a space apart, `&apos;` and
//! the like as the characters that they stand for; the head is the treatment or the test and the tail the problem, and of two
//! problems the head is the earlier, so that the order says nothing about the label. A pair with several relations is an
//! example for each. A relation between kinds that should have none is kept; one that is stated twice counts once. Notes are split whole, as in
//! `i2b2-2010-concepts`, and the official test part stays whole.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::annotations::{Concept, concepts, relations};
use super::concepts::CORPUS;
use super::release::{NoteFiles, notes};
use super::text::Text;
use crate::annotation_notes::Notes;
use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::error::Error;
use crate::example::{Mention, Related};
use crate::format::Origin;
use crate::label_set::LabelSet;
use crate::official_parts::{Document, Part, assemble_parts, falls_to_first_half};
use crate::record::{File, Name, Record};
use crate::standoff::{Sentence, Span, decode_entities, sentences, with_plain_line_ends};

/// Its labels, in the order of BLUE; the last is the negative class.
pub(crate) const LABELS: [&str; 9] = ["PIP", "TeCP", "TeRP", "TrAP", "TrCP", "TrIP", "TrNAP", "TrWP", "false"];

/// Place of `false`.
const NONE: usize = LABELS.len() - 1;

/// The reader of `i2b2-2010-relations`.
#[derive(Debug, Clone, Copy, Default)]
pub struct I2b2Relations {
    /// Whether to give what the study trained on, as far as that can be made again.
    ///
    /// Made again: BLUE's rows, that is every pair of concepts of a line whatever their kinds, in the order of the `.con`
    /// file, both replaced by marks such as `@problem$` (and where the file does not keep the order of the text, the two
    /// kinds the wrong way round, as BLUE has them); all training notes train; the rows of the official test part are
    /// divided at random into validation and test, so that both have rows of the same notes and ids name no document. Not
    /// made again: which rows fall to which half, which the study drew anew for each seed of a run; here it is by hash.
    pub as_published: bool,
}

impl I2b2Relations {
    /// Reads the corpus, and counts what became of its annotations.
    ///
    /// # Errors
    /// Those of [`Corpus::read`].
    pub fn read_noting(&self, root: &Path) -> Result<(Splits<Related>, Notes), Error> {
        let mut counts = Notes::default();
        let mut read = Vec::new();
        for note in notes(root, true)? {
            read.push((note.part, self.document(note, &mut counts)?));
        }
        let labels = LabelSet::fixed(&LABELS);
        if self.as_published {
            return published_splits(labels, read, root).map(|splits| (splits, counts));
        }
        let documents = read.into_iter().map(|(part, (name, file))| Document { group: name.clone(), name, part, file });
        let splits = assemble_parts(CORPUS, labels, documents.collect(), root)?;
        Ok((splits, counts))
    }

    fn document(&self, note: NoteFiles, counts: &mut Notes) -> Result<(String, File<Related>), Error> {
        let content = with_plain_line_ends(&note.text.1);
        let text = Text::new(&content);
        let (con_path, con_file) = &note.concepts;
        let concepts = concepts(Origin { path: con_path, stem: &note.name }, con_file, &text)?;
        let (path, file) = note.relations.as_ref().unwrap_or(&note.concepts);
        let relations = relations(Origin { path, stem: &note.name }, file, &text, &concepts, &LABELS)?;

        let mut labels: BTreeMap<[usize; 2], Vec<usize>> = BTreeMap::new();
        for relation in relations {
            let [one, other] = relation.concepts;
            let labels = labels.entry([one.min(other), one.max(other)]).or_default();
            if !labels.contains(&relation.label) {
                labels.push(relation.label);
            }
        }
        let mut pairs = Pairs { note: &note.name, text: &text, concepts: &concepts, labels, records: Vec::new() };
        counts.documents += 1;
        counts.annotations += concepts.len();
        let over_lines = |concept: &&Concept| concept.place.first.0 != concept.place.last.0;
        counts.over_lines += concepts.iter().filter(over_lines).count();
        counts.relations += pairs.labels.values().map(Vec::len).sum::<usize>();
        counts.further_relations += pairs.labels.values().map(|labels| labels.len() - 1).sum::<usize>();
        if self.as_published {
            pairs.published()
        } else {
            pairs.all()
        }
        counts.relations_across_lines += pairs.labels.values().map(Vec::len).sum::<usize>();
        let records = pairs.records;
        Ok((note.name, File { path: path.clone(), records }))
    }
}

impl Corpus for I2b2Relations {
    type Example = Related;

    fn read(&self, root: &Path) -> Result<Splits<Related>, Error> {
        self.read_noting(root).map(|(splits, _)| splits)
    }
}

/// The pairs of one note.
struct Pairs<'a> {
    note: &'a str,
    text: &'a Text<'a>,
    concepts: &'a [Concept],
    /// Labels by the pair's places in the list of concepts, the smaller first; taken out as they are used.
    labels: BTreeMap<[usize; 2], Vec<usize>>,
    records: Vec<Record<Related>>,
}

impl Pairs<'_> {
    /// Every pair that could be related, and every one that is, by sentence and position.
    fn all(&mut self) {
        let words = self.text.words();
        let spans: Vec<Span> = self.concepts.iter().map(|concept| concept.span.clone()).collect();
        let key = |place: &usize| (spans[*place].start, spans[*place].end, spans[*place].kind);
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(key);
        // A concept that the file has twice is one; relations are between the first of its lines.
        order.dedup_by(|later, first| key(later) == key(first));
        let mut rest = order.as_slice();
        for sentence in sentences(self.text.content, &words, &spans) {
            let end = words[sentence.words.end - 1].end;
            let (inside, behind) = rest.split_at(rest.partition_point(|&place| spans[place].start < end));
            rest = behind;
            if inside.len() < 2 {
                continue;
            }
            let laid_out = LaidOut::new(self.text.content, &words, &sentence);
            for (place, &first) in inside.iter().enumerate() {
                for &second in &inside[place + 1..] {
                    self.pair(&laid_out, first, second);
                }
            }
        }
    }

    /// The examples of two concepts, given in the order of the text.
    fn pair(&mut self, sentence: &LaidOut, first: usize, second: usize) {
        let (one, other) = (&self.concepts[first], &self.concepts[second]);
        let share_line = one.place.first.0 <= other.place.last.0 && other.place.first.0 <= one.place.last.0;
        let labels = self.labels.remove(&[first.min(second), first.max(second)]);
        let same = (one.span.start, one.span.end) == (other.span.start, other.span.end);
        if labels.is_none() && (same || !share_line || !can_relate(one.span.kind, other.span.kind)) {
            return;
        }
        let swapped = one.span.kind == "problem" && other.span.kind != "problem";
        let (head, tail) = if swapped { (other, one) } else { (one, other) };
        let line = sentence.line;
        let id = format!("{}#{line}.{}-{}", self.note, head.span.line, tail.span.line);
        for (place, label) in labels.unwrap_or_else(|| vec![NONE]).into_iter().enumerate() {
            let id = if place == 0 { id.clone() } else { format!("{id}.{}", place + 1) };
            let names = vec![Name { line, text: LABELS[label].to_owned() }];
            let example = Related {
                id,
                text: sentence.text.clone(),
                head: Some(sentence.mention(&head.span)),
                tail: Some(sentence.mention(&tail.span)),
                label: 0,
            };
            self.records.push(Record { line, names, example });
        }
    }

    /// BLUE's rows.
    fn published(&mut self) {
        for first in 0..self.concepts.len() {
            for second in first + 1..self.concepts.len() {
                let line = self.concepts[first].place.first.0;
                if line != self.concepts[second].place.first.0 {
                    continue;
                }
                let text = self.marked(line, first, second);
                let labels = self.labels.remove(&[first, second]).unwrap_or_else(|| vec![NONE]);
                let id = format!(
                    "{}.{line}.{}-{}",
                    self.note, self.concepts[first].span.line, self.concepts[second].span.line
                );
                // BLUE takes the last line of the file first.
                for (place, label) in labels.into_iter().rev().enumerate() {
                    let id = if place == 0 { id.clone() } else { format!("{id}.{}", place + 1) };
                    let names = vec![Name { line, text: LABELS[label].to_owned() }];
                    let example = Related { id, text: text.clone(), head: None, tail: None, label: 0 };
                    self.records.push(Record { line, names, example });
                }
            }
        }
    }

    /// A line with two concepts, given in the order of the `.con` file, replaced by marks.
    fn marked(&self, line: usize, first: usize, second: usize) -> String {
        let (one, other) = (&self.concepts[first].span, &self.concepts[second].span);
        let content = self.text.content;
        // A concept that goes on in the next line takes the mark's sentence with it.
        let line = self.text.line(line).start..self.text.line(line).end.max(one.end).max(other.end);
        let replaced = |range: Range<usize>, mark: &str| {
            format!("{}{mark}{}", &content[line.start..range.start], &content[range.end..line.end])
        };
        if one.start <= other.end && other.start <= one.end {
            let union = one.start.min(other.start)..one.end.max(other.end);
            return replaced(union, &format!("@{}-{}$", one.kind, other.kind));
        }
        let (left, right) = if one.start < other.start { (one, other) } else { (other, one) };
        let between = &content[left.end..right.start];
        replaced(left.start..right.end, &format!("@{}${between}@{}$", one.kind, other.kind))
    }
}

/// A sentence as the text of its examples.
struct LaidOut {
    /// 1-based.
    line: usize,
    text: String,
    /// Where each word stands: in the note, and in the text.
    words: Vec<(Range<usize>, Range<usize>)>,
}

impl LaidOut {
    fn new(content: &str, words: &[Range<usize>], sentence: &Sentence) -> Self {
        let mut laid_out = Self { line: sentence.line + 1, text: String::new(), words: Vec::new() };
        for word in &words[sentence.words.clone()] {
            if !laid_out.text.is_empty() {
                laid_out.text.push(' ');
            }
            let start = laid_out.text.len();
            laid_out.text.push_str(&decode_entities(&content[word.clone()]));
            laid_out.words.push((word.clone(), start..laid_out.text.len()));
        }
        laid_out
    }

    /// A concept of the sentence; concepts begin and end with a word.
    fn mention(&self, span: &Span) -> Mention {
        let first = self.words.partition_point(|(word, _)| word.end <= span.start);
        let last = self.words.partition_point(|(word, _)| word.start < span.end);
        let covered = &self.words[first.min(last)..last];
        let start = covered.first().map_or(0, |(_, place)| place.start);
        let end = covered.last().map_or(0, |(_, place)| place.end);
        Mention { start, end, kind: span.kind.to_owned() }
    }
}

fn can_relate(one: &str, other: &str) -> bool {
    one == "problem" || other == "problem"
}

/// The study's splits: training notes train, test rows are halved.
fn published_splits(
    labels: LabelSet,
    read: Vec<(Part, (String, File<Related>))>,
    root: &Path,
) -> Result<Splits<Related>, Error> {
    let mut splits = Splits { labels, train: Vec::new(), validation: Vec::new(), test: Vec::new() };
    for (part, (_, file)) in read {
        for example in file.resolve(&splits.labels)? {
            match part {
                Part::Training => splits.train.push(example),
                Part::Test if falls_to_first_half(CORPUS, &example.id) => splits.validation.push(example),
                Part::Test => splits.test.push(example),
            }
        }
    }
    if splits.train.is_empty() || splits.validation.is_empty() || splits.test.is_empty() {
        let expected = "enough pairs of concepts that one falls to each split".to_owned();
        return Err(Error::Empty { path: root.to_owned(), expected });
    }
    Ok(splits)
}
