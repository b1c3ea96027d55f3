//! The synthetic twin of i2b2 2010: notes of three hospitals' habits, with concepts and relations in `.con` and `.rel` files.
//!
//! One archive serves `i2b2-2010-concepts` and `i2b2-2010-relations`. The last noun of a concept decides its kind, as in
//! `synthetic-concepts`; what was started or stopped, meant or not meant, and in which order, decides a relation: most clauses come
//! in pairs of the same words, also between two mentions, that state something else. The quirks: lines that begin with a space
//! (their tokens count one higher), concepts over two lines, touching and overlapping ones, two relations on one pair, a relation
//! that stands twice, escaped characters, letters beyond ASCII, `\r\n`, a last line without an end, and concept files that do not
//! keep the order of the text.

use std::path::Path;

use super::annotated::{Composer, Line};
use super::draw::Draw;
use super::grammar::Grammar;
use super::i2b2::{NOTICE, Twin, numbers, parts, write_card, write_file};
use super::{ENTITIES, Error, PEOPLE};
use crate::i2b2_2010::concepts::CORPUS;
use crate::i2b2_2010::relations::LABELS;

pub(super) const GRAMMAR: &[&str] =
    &[PEOPLE, ENTITIES, include_str!("concepts.txt"), include_str!("relations.txt"), include_str!("i2b2_2010.txt")];

const KINDS: [&str; 3] = ["problem", "test", "treatment"];
const SLOTS: [(&str, &str); 3] = [("problem", "problem"), ("test", "test"), ("treatment", "treatment")];

/// The lists of clauses, and how often each is drawn: the relations of the corpus by their shares, and clauses without any.
const CLAUSES: [(&str, usize); 9] = [
    ("PIP", 22),
    ("TeCP", 5),
    ("TeRP", 28),
    ("TrAP", 26),
    ("TrCP", 6),
    ("TrIP", 4),
    ("TrNAP", 3),
    ("TrWP", 3),
    ("none", 30),
];

/// Notes in the training part's two halves and in the test part, in the release.
const RELEASE: [usize; 3] = [73, 97, 256];

/// How people of one hospital write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Site {
    Beth,
    Partners,
    Third,
}

impl Site {
    fn header(self) -> &'static str {
        match self {
            Self::Beth => "header.beth",
            Self::Partners => "header.partners",
            Self::Third => "header.third",
        }
    }
}

/// The lists of a section's title and lines, and how many lines it has at least and at most.
const SECTIONS: [(&str, &str, usize, usize); 8] = [
    ("section.present", "clause", 3, 7),
    ("section.history", "history", 2, 5),
    ("section.allergy", "allergy", 1, 1),
    ("section.medicine", "medicine", 2, 6),
    ("section.social", "social", 1, 3),
    ("section.examination", "examination", 2, 5),
    ("section.laboratory", "laboratory", 2, 5),
    ("section.course", "clause", 4, 12),
];

/// A line of a note and the relations between its mentions.
#[derive(Debug, Default)]
struct Sentence {
    line: Line,
    /// Places of two mentions, and of the label.
    relations: Vec<(usize, usize, usize)>,
}

/// A note: the texts of its three files, and what they were meant to say.
#[derive(Debug, Default)]
struct Note {
    text: String,
    concepts: String,
    relations: String,
    /// Kind and words of every concept, in the order of the text.
    #[cfg_attr(not(test), expect(dead_code, reason = "what the tests hold the reader against"))]
    meant: Vec<(&'static str, String)>,
}

/// The lists that notes begin with.
#[cfg(test)]
pub(super) fn lists() -> Vec<&'static str> {
    let sections = SECTIONS.iter().flat_map(|(title, list, ..)| [*title, *list]).filter(|list| *list != "clause");
    let headers = [Site::Beth, Site::Partners, Site::Third].map(Site::header);
    CLAUSES.iter().map(|(list, _)| *list).chain(sections).chain(headers).chain(["joiner", "lead"]).collect()
}

/// Writes the archive; `name` is that of the reader it is for.
pub(super) fn write(name: &str, out: &Path, size: usize, seed: u64) -> Result<(), Error> {
    let [beth, partners, test] = RELEASE;
    let documents = parts(size, beth + partners, test);
    let grammar = Grammar::read(GRAMMAR);
    let save = |folders: [&str; 3], name: &str, site: Site| {
        let note = note(&grammar, &mut Draw::stream(seed, &format!("i2b2-2010/{name}")), site);
        for ((folder, ending), text) in
            folders.iter().zip(["txt", "con", "rel"]).zip([&note.text, &note.concepts, &note.relations])
        {
            write_file(&out.join(folder).join(format!("{name}.{ending}")), text)?;
        }
        Ok(())
    };
    let training = numbers(CORPUS, documents[0], 1, training_name);
    let in_beth = (documents[0] * beth / (beth + partners)).max(1);
    for (place, number) in training.into_iter().enumerate() {
        let (site, folder) = if place < in_beth { (Site::Beth, "beth") } else { (Site::Partners, "partners") };
        let folders =
            ["txt", "concept", "rel"].map(|below| format!("concept_assertion_relation_training_data/{folder}/{below}"));
        save(folders.each_ref().map(String::as_str), &training_name(number), site)?;
    }
    for number in 1..=documents[1] {
        let name = format!("synthetic-{number:04}");
        let site = [Site::Beth, Site::Partners, Site::Third][number % 3];
        let reference = "reference_standard_for_test_data";
        let folders = ["test_data", &format!("{reference}/concepts"), &format!("{reference}/rel")];
        save(folders, &name, site)?;
    }
    write_card(out, &Twin { name, documents, size, seed })
}

fn training_name(number: usize) -> String {
    format!("synthetic-record-{number}")
}

fn note(grammar: &Grammar, draw: &mut Draw, site: Site) -> Note {
    let composer = Composer { grammar, kinds: &KINDS, slots: &SLOTS };
    let plain =
        |text: &str| Sentence { line: Line { text: text.to_owned(), mentions: Vec::new() }, relations: Vec::new() };
    let mut sentences = vec![plain(NOTICE)];
    let headers = draw.between(1, 3);
    sentences.extend((0..headers).map(|_| plain(&grammar.draw(draw, site.header()))));
    let first = draw.below(2);
    for (title, list, fewest, most) in SECTIONS.into_iter().skip(first) {
        if draw.chance(15) {
            continue;
        }
        sentences.push(plain(&title_text(&grammar.draw(draw, title), site)));
        for _ in 0..draw.between(fewest, most) {
            let mut sentence = match list {
                "clause" => clauses(&composer, draw),
                _ => Sentence { line: composer.line(draw, list, &|_| None), relations: Vec::new() },
            };
            if site != Site::Third {
                sentence.line.capitalize();
            }
            sentences.push(sentence);
        }
        if draw.chance(30) {
            sentences.push(Sentence::default());
        }
    }
    Written::of(&sentences, draw).finish(draw)
}

fn title_text(title: &str, site: Site) -> String {
    match site {
        Site::Beth => title.to_ascii_uppercase(),
        Site::Partners => {
            let mut title = title.to_owned();
            title[..1].make_ascii_uppercase();
            title
        }
        Site::Third => title.to_owned(),
    }
}

/// One or two clauses, with their relations.
fn clauses(composer: &Composer<'_>, draw: &mut Draw) -> Sentence {
    let mut sentence = Sentence::default();
    if draw.chance(20) {
        sentence.line.text = format!("{} ,", composer.grammar.draw(draw, "lead"));
    }
    clause(composer, draw, &mut sentence);
    if draw.chance(25) {
        let joiner = composer.grammar.draw(draw, "joiner");
        sentence.line.append(Line { text: joiner, mentions: Vec::new() });
        clause(composer, draw, &mut sentence);
    }
    sentence.line.append(Line { text: ".".to_owned(), mentions: Vec::new() });
    sentence
}

fn clause(composer: &Composer<'_>, draw: &mut Draw, sentence: &mut Sentence) {
    let (list, _) = CLAUSES[draw.weighted(&CLAUSES.map(|(_, weight)| weight))];
    let template = composer.grammar.pick(draw, list);
    let (template, facts) = template.split_once("::").unwrap_or((template, ""));
    let base = sentence.line.mentions.len();
    sentence.relations.extend(facts_of(facts).map(|(one, other, label)| (base + one, base + other, label)));
    sentence.line.append(composer.compose(draw, template, &|_| None));
}

/// `TrAP 0 1 TrCP 0 2` as places of mentions and of a label.
fn facts_of(facts: &str) -> impl Iterator<Item = (usize, usize, usize)> {
    let fields: Vec<&str> = facts.split_whitespace().collect();
    let fact = |fact: &[&str]| {
        let label = LABELS.iter().position(|label| *label == fact[0])?;
        Some((fact[1].parse().ok()?, fact[2].parse().ok()?, label))
    };
    fields.chunks_exact(3).filter_map(fact).collect::<Vec<_>>().into_iter()
}

/// A note on its way into files.
#[derive(Default)]
struct Written {
    lines: Vec<String>,
    concepts: Vec<String>,
    relations: Vec<String>,
    meant: Vec<(&'static str, String)>,
}

impl Written {
    fn of(sentences: &[Sentence], draw: &mut Draw) -> Self {
        let mut written = Self::default();
        for sentence in sentences {
            let mut line = sentence.line.clone();
            if draw.chance(4) {
                let place = draw.below(line.mentions.len());
                line.break_inside(place);
            }
            written.push(&line, &sentence.relations, draw.chance(4));
        }
        written
    }

    fn push(&mut self, line: &Line, relations: &[(usize, usize, usize)], indented: bool) {
        let first = self.lines.len() + 1;
        let indented = indented && !line.text.is_empty();
        // A byte of the line as its line in the file and the token there.
        let place = |byte: usize| {
            let before = &line.text[..byte];
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            let breaks = before.matches('\n').count();
            let tokens = before[start..].matches(' ').count() + usize::from(indented && breaks == 0);
            format!("{}:{tokens}", first + breaks)
        };
        let mentions: Vec<String> = line
            .mentions
            .iter()
            .map(|mention| {
                let words = line.text[mention.start..mention.end].replace('\n', " ");
                format!("c=\"{}\" {} {}", escaped(&words).to_lowercase(), place(mention.start), place(mention.end))
            })
            .collect();
        for (mention, text) in line.mentions.iter().zip(&mentions) {
            self.concepts.push(format!("{text}||t=\"{}\"", mention.kind));
            self.meant.push((mention.kind, line.text[mention.start..mention.end].replace('\n', " ")));
        }
        for &(one, other, label) in relations {
            let swapped = line.mentions[one].kind == "problem" && line.mentions[other].kind != "problem";
            let (head, tail) = if swapped { (other, one) } else { (one, other) };
            self.relations.push(format!("{}||r=\"{}\"||{}", mentions[head], LABELS[label], mentions[tail]));
        }
        let text = format!("{}{}", if indented { " " } else { "" }, escaped(&line.text));
        self.lines.extend(text.split('\n').map(str::to_owned));
    }

    fn finish(mut self, draw: &mut Draw) -> Note {
        if draw.chance(30) {
            draw.shuffle(&mut self.concepts);
        }
        if draw.chance(10) {
            self.relations.extend(self.relations.last().cloned());
        }
        let line_end = if draw.chance(15) { "\r\n" } else { "\n" };
        let last = if draw.chance(20) { "" } else { line_end };
        let file = |lines: &[String], last: &str| {
            if lines.is_empty() { String::new() } else { format!("{}{last}", lines.join(line_end)) }
        };
        Note {
            text: file(&self.lines, last),
            concepts: file(&self.concepts, line_end),
            relations: file(&self.relations, line_end),
            meant: self.meant,
        }
    }
}

/// The text as the corpus's files have it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('\'', "&apos;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::synthetic::i2b2::count_lost;
    use crate::{I2b2Concepts, I2b2Relations, Splits, Tagged};

    /// Every fact of the word list joins two mentions of its clause, of the kinds that its label asks for.
    #[test]
    fn the_relations_of_every_clause_fit_its_mentions() {
        let grammar = Grammar::read(GRAMMAR);
        let composer = Composer { grammar: &grammar, kinds: &KINDS, slots: &SLOTS };
        let draw = &mut Draw::stream(1, "test");
        for (list, _) in CLAUSES {
            for clause in grammar.list(list) {
                let (template, facts) = clause.split_once("::").expect("a clause says what it states");
                let line = composer.compose(draw, template, &|_| None);
                let stated: Vec<_> = facts_of(facts).collect();
                assert_eq!(stated.len() * 3, facts.split_whitespace().count(), "{clause}");
                assert_eq!(stated.is_empty(), list == "none", "{clause}");
                for (one, other, label) in stated {
                    let kinds = [one, other].map(|place| line.mentions[place].kind);
                    assert!(kinds.contains(&"problem"), "{clause}");
                    let first = match &LABELS[label][..2] {
                        "Te" => "test",
                        "Tr" => "treatment",
                        _ => "problem",
                    };
                    assert!(kinds.contains(&first), "{clause}");
                }
            }
        }
    }

    /// The entities that tags name, by the document of their sentence.
    fn entities(splits: &Splits<Tagged>) -> BTreeMap<String, Vec<(String, String)>> {
        let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for sentence in [&splits.train, &splits.validation, &splits.test].into_iter().flatten() {
            let document = crate::document(&sentence.id).unwrap().to_owned();
            let entities = found.entry(document).or_default();
            for (word, &tag) in sentence.words.iter().zip(&sentence.tags) {
                let name = splits.labels.name(tag);
                match name.split_once('-') {
                    Some(("B", kind)) => entities.push((kind.to_owned(), word.clone())),
                    Some((_, kind)) => {
                        let (open, text) = entities.last_mut().expect("an entity is open");
                        assert_eq!(open, kind);
                        text.push(' ');
                        text.push_str(word);
                    }
                    None => {}
                }
            }
        }
        found
    }

    /// What the writer meant comes back, but for the concepts inside others.
    #[test]
    fn the_reader_finds_what_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        write("i2b2-2010-concepts", folder.path(), 60, 3).unwrap();
        let (splits, counts) = I2b2Concepts::default().read_noting(folder.path()).unwrap();
        let found = entities(&splits);
        let grammar = Grammar::read(GRAMMAR);
        let (mut meant_count, mut lost) = (0, 0);
        for (name, found) in &found {
            let number: usize = name.rsplit('-').next().unwrap().parse().unwrap();
            let site = match name.contains("record") {
                true if number <= 10 => Site::Beth,
                true => Site::Partners,
                false => [Site::Beth, Site::Partners, Site::Third][number % 3],
            };
            let note = note(&grammar, &mut Draw::stream(3, &format!("i2b2-2010/{name}")), site);
            // Whatever is passed over stands inside the concept before it.
            lost += count_lost(name, &note.meant, found);
            meant_count += note.meant.len();
        }
        assert_eq!((counts.documents, counts.annotations, counts.overlapping), (found.len(), meant_count, lost));
        assert!(lost > 0 && counts.over_lines > 0, "{counts}");
    }

    #[test]
    fn relations_have_the_shares_and_the_quirks_of_the_corpus() {
        let folder = tempfile::tempdir().unwrap();
        write("i2b2-2010-relations", folder.path(), 150, 3).unwrap();
        let (splits, counts) = I2b2Relations::default().read_noting(folder.path()).unwrap();
        let mut labels = BTreeMap::new();
        for example in [&splits.train, &splits.validation, &splits.test].into_iter().flatten() {
            *labels.entry(splits.labels.name(example.label)).or_insert(0usize) += 1;
        }
        let total: usize = labels.values().sum();
        assert_eq!(labels.len(), LABELS.len(), "{labels:?}");
        assert!((0.55..0.85).contains(&(labels["false"] as f64 / total as f64)), "{labels:?}");
        assert!(labels["TeRP"] > labels["PIP"] && labels["PIP"] > labels["TrCP"] && labels["TrAP"] > labels["TrCP"]);
        assert_eq!(counts.relations, total - labels["false"]);
        assert!(counts.further_relations > 0 && counts.relations_across_lines == 0, "{counts}");
    }
}
