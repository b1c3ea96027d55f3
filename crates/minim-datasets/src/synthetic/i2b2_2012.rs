//! The synthetic twin of i2b2 2012: discharge summaries with events, times and a few temporal links in XML.
//!
//! The last noun of an event decides its kind, and the words of events (`discharge`, `report`, `fall`, `surgery`) also stand
//! outside of them. The quirks: notes written without a space before punctuation, so that tags cut words; events over two
//! lines; departments inside of occurrences; events without a type; raw `&` in tags; escaped characters in the note;
//! letters beyond ASCII; `\r\n`; and in the test part tags a little beside their words.

use std::path::Path;

use super::annotated::{Composer, Line};
use super::draw::Draw;
use super::grammar::Grammar;
use super::i2b2::{NOTICE, Twin, numbers, parts, write_card, write_file};
use super::i2b2_xml::{NoteText, Style, Tag, file};
use super::{ENTITIES, Error, PEOPLE};
use crate::i2b2_2012::CORPUS;

pub(super) const GRAMMAR: &[&str] = &[PEOPLE, ENTITIES, include_str!("concepts.txt"), include_str!("i2b2_2012.txt")];

const TIME: &str = "TIMEX3";
const KINDS: [&str; 7] = ["PROBLEM", "TEST", "TREATMENT", "CLINICAL_DEPT", "OCCURRENCE", "EVIDENTIAL", TIME];
const SLOTS: [(&str, &str); 9] = [
    ("problem", "PROBLEM"),
    ("test", "TEST"),
    ("treatment", "TREATMENT"),
    ("dept", "CLINICAL_DEPT"),
    ("when", TIME),
    ("date", TIME),
    ("amp.test", "TEST"),
    ("amp.treatment", "TREATMENT"),
    ("accented", "PROBLEM"),
];

/// Notes of the two parts of the release.
const RELEASE: [usize; 2] = [190, 120];

/// A document: its file, and what it was meant to say.
struct Document {
    file: String,
    /// Kind and words of every event that has a type, an outer one before the one inside it.
    #[cfg_attr(not(test), expect(dead_code, reason = "what the tests hold the reader against"))]
    meant: Vec<(&'static str, String)>,
}

/// The lists that notes begin with.
#[cfg(test)]
pub(super) fn lists() -> Vec<&'static str> {
    SLOTS.iter().map(|(list, _)| *list).chain(["course", "section"]).collect()
}

/// Writes the archive.
pub(super) fn write(out: &Path, size: usize, seed: u64) -> Result<(), Error> {
    let documents = parts(size, RELEASE[0], RELEASE[1]);
    let grammar = Grammar::read(GRAMMAR);
    let save = |folder: &str, number: usize, tested: bool| {
        let document = document(&grammar, &mut stream(seed, number), tested);
        write_file(&out.join(folder).join(format!("{number}.xml")), &document.file)
    };
    let training = numbers(CORPUS, documents[0], 1, |number| format!("train-{number}"));
    let last = training.iter().copied().max().unwrap_or_default();
    for number in training {
        save("2012-07-15.original-annotation.release", number, false)?;
    }
    for number in last + 1..=last + documents[1] {
        save("2012-08-08.test-data.event-timex-groundtruth/xml", number, true)?;
    }
    write_card(out, &Twin { name: CORPUS, documents, size, seed })
}

fn stream(seed: u64, number: usize) -> Draw {
    Draw::stream(seed, &format!("{CORPUS}/{number}"))
}

fn document(grammar: &Grammar, draw: &mut Draw, tested: bool) -> Document {
    let composer = Composer { grammar, kinds: &KINDS, slots: &SLOTS };
    // Half of the writers part punctuation from words, as the corpus mostly does.
    let (closed_up, escapes) = (draw.chance(50), draw.chance(20));
    let style = Style {
        root: "ClinicalNarrativeTemporalAnnotation",
        id: None,
        raw_ampersands: draw.chance(20),
        line_end: if draw.chance(10) { "\r\n" } else { "\n" },
    };
    let mut note = NoteText { text: "\n".to_owned() };
    let (mut tags, mut meant) = (Vec::new(), Vec::new());
    let mut add = |line: &mut Line, draw: &mut Draw| {
        if closed_up {
            line.close_up();
        }
        if escapes {
            line.replace("'", "&apos;");
        }
        if draw.chance(3) {
            let place = draw.below(line.mentions.len());
            line.break_inside(place);
        }
        let at = note.push(line);
        for mention in &line.mentions {
            let untyped = mention.kind != TIME && draw.chance(2);
            let event = mention.kind != TIME;
            let polarity = if mention.negated { "NEG" } else { "POS" };
            let kind = if untyped { "" } else { mention.kind };
            let attributes = match event {
                true => format!(" modality=\"FACTUAL\" polarity=\"{polarity}\" type=\"{kind}\""),
                false => " type=\"DATE\" val=\"\" mod=\"NA\"".to_owned(),
            };
            // A shift within the reach of the reader's search, and rarer than one in a hundred.
            let off_by = if tested && event && draw.below(250) == 0 { draw.between(1, 3) } else { 0 };
            tags.push(Tag {
                element: if event { "EVENT" } else { TIME },
                start: at + mention.start,
                end: at + mention.end,
                off_by,
                text: None,
                attributes,
            });
            if event && !untyped {
                let words = line.text[mention.start..mention.end].replace("&apos;", "'");
                meant.push((mention.kind, words.split_whitespace().collect()));
            }
        }
    };
    let plain = |text: &str| Line { text: text.to_owned(), mentions: Vec::new() };

    for title in ["Admission Date :", "Discharge Date :"] {
        let mut title = plain(title);
        let dated = title.text.find(' ').unwrap_or_default();
        let kind = "OCCURRENCE";
        title.mentions.push(super::annotated::Mention { kind, start: 0, end: dated, negated: false });
        add(&mut title, draw);
        add(&mut composer.compose(draw, "{date}", &|_| None), draw);
    }
    add(&mut plain(NOTICE), draw);
    for _ in 0..draw.between(2, 4) {
        add(&mut plain(&grammar.draw(draw, "section")), draw);
        for _ in 0..draw.between(4, 9) {
            let template = match draw.below(25) {
                0 => "{amp.test} was {OCCURRENCE:sent} {when} .",
                1 => "{subject} had {amp.treatment} for {problem} .",
                2 => "known {accented} , {problem} .",
                _ => grammar.pick(draw, "course"),
            };
            let mut line = composer.compose(draw, template, &|_| None);
            line.capitalize();
            if draw.chance(30) {
                line.append(composer.line(draw, "course", &|_| None));
            }
            add(&mut line, draw);
        }
    }
    let file = file(&note.text, &tags, style).replace("</TAGS>", &links(&tags, draw));
    Document { file, meant }
}

/// A few links between tags, and the end of their list.
fn links(tags: &[Tag], draw: &mut Draw) -> String {
    let mut lines = String::new();
    for number in 0..draw.between(2, 6) {
        let [from, to] = [(); 2].map(|()| draw.below(tags.len()));
        let id = |place: usize| format!("{}{place}", &tags[place].element[..1]);
        let kind = ["BEFORE", "AFTER", "OVERLAP"][draw.below(3)];
        lines.push_str(&format!(
            "<TLINK id=\"TL{number}\" fromID=\"{}\" fromText=\"\" toID=\"{}\" toText=\"\" type=\"{kind}\" />\n",
            id(from),
            id(to)
        ));
    }
    format!("{lines}</TAGS>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::I2b2Events;
    use crate::synthetic::i2b2::count_lost;
    use crate::synthetic::i2b2_xml::written_and_read;

    #[test]
    fn the_reader_finds_what_was_meant() {
        let (documents, counts) = written_and_read(write, |root| I2b2Events::default().read_noting(root));
        let grammar = Grammar::read(GRAMMAR);
        let (mut meant, mut lost) = (0, 0);
        for (name, found) in &documents {
            let (part, number) = name.split_once('-').unwrap();
            let document = document(&grammar, &mut stream(5, number.parse().unwrap()), part == "test");
            meant += document.meant.len();
            lost += count_lost(name, &document.meant, found);
        }
        assert_eq!((counts.documents, counts.annotations, counts.overlapping), (documents.len(), meant, lost));
        assert_eq!(counts.unverified, 0);
        for (what, count) in [
            ("overlapping", counts.overlapping),
            ("untyped", counts.untyped),
            ("over lines", counts.over_lines),
            ("moved", counts.moved),
            ("mended", counts.mended_files),
        ] {
            assert!(count > 0, "{what}: {counts}");
        }
    }

    #[test]
    fn kinds_have_about_the_shares_of_the_corpus() {
        let grammar = Grammar::read(GRAMMAR);
        let meant: Vec<_> = (0..100).flat_map(|n| document(&grammar, &mut stream(1, n), false).meant).collect();
        let share = |kind: &str| meant.iter().filter(|(found, _)| *found == kind).count() as f64 / meant.len() as f64;
        for (kind, range) in [
            ("PROBLEM", 0.25..0.42),
            ("TREATMENT", 0.13..0.28),
            ("OCCURRENCE", 0.13..0.30),
            ("TEST", 0.10..0.22),
            ("CLINICAL_DEPT", 0.03..0.12),
            ("EVIDENTIAL", 0.02..0.10),
        ] {
            assert!(range.contains(&share(kind)), "{kind}: {}", share(kind));
        }
    }
}
