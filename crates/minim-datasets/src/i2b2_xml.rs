//! The XML of the i2b2 corpora of 2012 and 2014: a note in `<TEXT>`, and tags with offsets into it in `<TAGS>`.
//!
//! ```text
//! <TEXT><![CDATA[
//! Admission Date : ...]]></TEXT>
//! <TAGS>
//! <EVENT id="E0" start="1" end="10" text="Admission" ... type="OCCURRENCE" />
//! ```
//!
//! Offsets are half open and count characters from right behind `CDATA[`, so that the line end there is 0. The two elements
//! are found by their names and only `<TAGS>` is parsed, since some files are not well-formed: a raw `&` or `<` in an
//! attribute is mended. Every tag repeats its words, and they are compared with what stands at its offsets.

use std::borrow::Cow;
use std::path::Path;

use crate::annotation_notes::Notes;
use crate::dataset::Splits;
use crate::error::Error;
use crate::example::Tagged;
use crate::format::Origin;
use crate::label_set::LabelSet;
use crate::official_parts::{Document, Part, assemble_parts, lose_last};
use crate::release_folder::ReleaseFile;
use crate::source::read_text;
use crate::standoff::{Characters, Span, decode_entities, entity, longest, same_text, with_plain_line_ends};
use crate::xml;

const EXPECTED: &str = "one <TEXT> with the note and one <TAGS> with its annotations";

/// How far from its offsets the words of a test tag are looked for, in characters.
const NEARBY: usize = 20;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    /// The element's name.
    pub(crate) element: String,
    /// 1-based line in the file.
    pub(crate) line: usize,
    start: Option<String>,
    end: Option<String>,
    text: Option<String>,
    /// The attribute that types it.
    pub(crate) kind: Option<String>,
}

/// A note and its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaggedNote {
    /// The note as the file has it, but for line ends if their offsets count one character.
    pub(crate) text: String,
    /// 1-based line of the note's first line in the file.
    pub(crate) first_line: usize,
    pub(crate) tags: Vec<Tag>,
    /// Whether the tags had to be mended before they could be parsed.
    pub(crate) mended: bool,
}

/// Takes a file apart; `kind` is the attribute that types a tag.
///
/// # Errors
/// An element that is missing or stands twice, or tags that cannot be parsed even when mended.
pub(crate) fn read(origin: Origin<'_>, file: &str, kind: &str) -> Result<TaggedNote, Error> {
    let missing = |at: usize, what: &str| {
        let problem = format!("no {what}");
        origin.malformed(1 + file[..at].matches('\n').count(), problem, EXPECTED)
    };
    let start = file.find("<TEXT>").ok_or_else(|| missing(0, "<TEXT>"))? + "<TEXT>".len();
    let end = start + file[start..].find("</TEXT>").ok_or_else(|| missing(start, "</TEXT> behind <TEXT>"))?;
    let behind = end + "</TEXT>".len();
    let tags_start = behind + file[behind..].find("<TAGS").ok_or_else(|| missing(behind, "<TAGS> behind </TEXT>"))?;
    let rest = &file[tags_start..];
    let tags_length = match rest.find("</TAGS>") {
        Some(at) => at + "</TAGS>".len(),
        None if rest["<TAGS".len()..].trim_start().starts_with("/>") => rest.find("/>").map_or(0, |at| at + "/>".len()),
        None => return Err(missing(tags_start, "</TAGS> behind <TAGS>")),
    };
    if rest[tags_length..].contains("<TAGS") {
        return Err(missing(tags_start + tags_length, "single <TAGS>"));
    }

    let lines_before = file[..tags_start].matches('\n').count();
    let (tags, mended) = tags(origin, &rest[..tags_length], lines_before, kind)?;
    let (note, skipped) = content(&file[start..end]);
    let first_line = 1 + file[..start + skipped].matches('\n').count();
    let text = with_fitting_line_ends(&note, &tags).into_owned();
    Ok(TaggedNote { text, first_line, tags, mended })
}

/// What `<TEXT>` holds, and how far inside it begins: the inside of its CDATA section, or else the text as XML means it.
fn content(inside: &str) -> (Cow<'_, str>, usize) {
    let skipped = inside.len() - inside.trim_start().len();
    let section =
        inside[skipped..].strip_prefix("<![CDATA[").map(|rest| rest.rfind("]]>").map_or(rest, |at| &rest[..at]));
    match section {
        Some(section) => (section.into(), skipped + "<![CDATA[".len()),
        None => (decode_entities(inside), 0),
    }
}

fn tags(origin: Origin<'_>, element: &str, lines_before: usize, kind: &str) -> Result<(Vec<Tag>, bool), Error> {
    // Line ends before the element make the parser count lines as the file has them.
    let padding = "\n".repeat(lines_before);
    let whole = format!("{padding}{element}");
    match parsed(origin, &whole, kind) {
        Ok(tags) => Ok((tags, false)),
        Err(error) => match parsed(origin, &format!("{padding}{}", mend(element)), kind) {
            Ok(tags) => Ok((tags, true)),
            // The place in the file itself is the one to look at.
            Err(_) => Err(error),
        },
    }
}

fn parsed(origin: Origin<'_>, text: &str, kind: &str) -> Result<Vec<Tag>, Error> {
    let tree = xml::parse(origin, text)?;
    let line_ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let elements = tree.root_element().children().filter(|node| node.is_element());
    let attribute = |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).map(str::to_owned);
    let tag = |node: roxmltree::Node<'_, '_>| Tag {
        element: node.tag_name().name().to_owned(),
        line: 1 + line_ends.partition_point(|&at| at < node.range().start),
        start: attribute(node, "start"),
        end: attribute(node, "end"),
        text: attribute(node, "text"),
        kind: attribute(node, kind),
    };
    Ok(elements.map(tag).collect())
}

/// Escapes each `&` that begins no entity, and each `<` within a quoted value.
fn mend(element: &str) -> String {
    let mut mended = String::with_capacity(element.len());
    let mut quote = None;
    let mut in_tag = false;
    for (at, c) in element.char_indices() {
        match c {
            '&' if entity(&element[at..]).is_none() => {
                mended.push_str("&amp;");
                continue;
            }
            '<' if quote.is_some() => {
                mended.push_str("&lt;");
                continue;
            }
            '<' => in_tag = true,
            '>' if quote.is_none() => in_tag = false,
            '"' | '\'' if in_tag && quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            _ => {}
        }
        mended.push(c);
    }
    mended
}

/// The note with plain line ends, as parsers hand it on, unless the tags were evidently counted with `\r\n` as two characters.
fn with_fitting_line_ends<'a>(note: &'a str, tags: &[Tag]) -> Cow<'a, str> {
    let plain = with_plain_line_ends(note);
    if plain.len() == note.len() {
        return plain;
    }
    let fitting = |text: &str| {
        let characters = Characters::of(text);
        tags.iter().filter(|tag| tag.place(text, &characters, 0).is_some()).count()
    };
    if fitting(note) > fitting(&plain) { note.into() } else { plain }
}

impl Tag {
    fn offsets(&self) -> Option<(usize, usize)> {
        Some((self.start.as_ref()?.trim().parse().ok()?, self.end.as_ref()?.trim().parse().ok()?))
    }

    /// The bytes of its words if they stand this many characters before its offsets.
    fn place(&self, note: &str, characters: &Characters, before: usize) -> Option<(usize, usize)> {
        let (start, end) = self.offsets()?;
        self.place_at(note, characters, start.checked_sub(before)?, end.checked_sub(before)?)
    }

    fn place_at(&self, note: &str, characters: &Characters, start: usize, end: usize) -> Option<(usize, usize)> {
        let range = characters.bytes(start, end)?;
        let text = self.text.as_ref()?;
        (!text.trim().is_empty() && same_text(text, &note[range.clone()])).then_some((range.start, range.end))
    }
}

/// A mistake of a release that is known, by document; anything else of the kind is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownFlaw {
    /// From some place on, offsets are this many characters too high.
    Shifted(usize),
    /// A tag writes `and` where the note has `&`.
    AndForAmpersand,
}

/// Lays a note's tags over its text, and counts what became of them.
#[derive(Debug)]
pub(crate) struct Placing<'a> {
    pub(crate) origin: Origin<'a>,
    pub(crate) note: &'a TaggedNote,
    pub(crate) part: Part,
    pub(crate) known_flaw: Option<KnownFlaw>,
}

/// A tag of the test part whose words do not stand at its offsets or near them: how it would be an error.
pub(crate) type Unverified = Option<Error>;

impl Placing<'_> {
    /// The spans of these tags with their kinds, in the order of the file.
    ///
    /// In the training part a tag whose words stand elsewhere is an error. Nobody has verified the test parts (the study's
    /// script does not), so there such a tag is taken where its words stand nearby, or else at its offsets, and counted; the
    /// first of them comes back beside the spans.
    ///
    /// # Errors
    /// Offsets or words that are missing, or (in the training part) that do not fit each other.
    pub(crate) fn spans(
        &self,
        tags: impl Iterator<Item = (usize, &'static str)>,
        counts: &mut Notes,
    ) -> Result<(Vec<Span>, Unverified), Error> {
        let note = &self.note.text;
        let characters = Characters::of(note);
        let mut spans = Vec::new();
        let mut unverified = None;
        for (place, kind) in tags {
            let tag = &self.note.tags[place];
            let (start, end) = tag.offsets().filter(|_| tag.text.is_some()).ok_or_else(|| {
                self.origin.malformed(
                    tag.line,
                    "a tag without its offsets or its text",
                    "start, end and text in every tag",
                )
            })?;
            counts.annotations += 1;
            let found = tag.place(note, &characters, 0).or_else(|| {
                let found = self.flawed(tag, &characters).or_else(|| self.nearby(tag, &characters));
                counts.moved += usize::from(found.is_some());
                found
            });
            let (start, end) = match found {
                Some(found) => found,
                None => {
                    let problem = format!("another text than the tag's at {start} to {end} of {}", characters.count());
                    let error = self.origin.malformed(tag.line, problem, "the words of every tag at its offsets");
                    if self.part == Part::Training {
                        return Err(error);
                    }
                    counts.unverified += 1;
                    unverified.get_or_insert(error);
                    match characters.bytes(start, end) {
                        Some(range) if !note[range.clone()].trim().is_empty() => (range.start, range.end),
                        _ => continue,
                    }
                }
            };
            spans.push(Span { start, end, kind, line: tag.line });
        }
        counts.over_lines += spans.iter().filter(|span| note[span.start..span.end].trim().contains('\n')).count();
        counts.overlapping += spans.len() - longest(&spans).len();
        Ok((spans, unverified))
    }

    fn flawed(&self, tag: &Tag, characters: &Characters) -> Option<(usize, usize)> {
        match self.known_flaw? {
            KnownFlaw::Shifted(by) => tag.place(&self.note.text, characters, by),
            KnownFlaw::AndForAmpersand => {
                let text = tag.text.as_ref().map(|text| text.replace(" and ", " & "));
                Tag { text, ..tag.clone() }.place(&self.note.text, characters, 0)
            }
        }
    }

    fn nearby(&self, tag: &Tag, characters: &Characters) -> Option<(usize, usize)> {
        if self.part == Part::Training {
            return None;
        }
        let (start, end) = tag.offsets()?;
        let at = |start: Option<usize>, end: Option<usize>| tag.place_at(&self.note.text, characters, start?, end?);
        (1..=NEARBY).find_map(|by| {
            at(start.checked_sub(by), end.checked_sub(by)).or_else(|| at(start.checked_add(by), end.checked_add(by)))
        })
    }
}

/// A release about to be read.
pub(crate) struct Release<'a> {
    /// What its splits are drawn by.
    pub(crate) corpus: &'a str,
    pub(crate) labels: LabelSet,
    pub(crate) root: &'a Path,
    /// What the root should hold, for errors.
    pub(crate) expected: &'static str,
    /// The attribute of a tag's kind.
    pub(crate) kind: &'static str,
    pub(crate) as_published: bool,
}

impl Release<'_> {
    /// Reads its documents into splits, and counts what became of their annotations.
    ///
    /// # Errors
    /// Those of `document` and of [`assemble_parts`], and what [`check_unverified`] gives.
    pub(crate) fn read(
        self,
        files: impl IntoIterator<Item = (ReleaseFile, Part)>,
        document: impl Fn(&ReleaseFile, &TaggedNote, Part, &mut Notes) -> Result<(Document<Tagged>, Unverified), Error>,
    ) -> Result<(Splits<Tagged>, Notes), Error> {
        let mut counts = Notes::default();
        let (mut documents, mut first, mut in_test) = (Vec::new(), None, 0);
        for (file, part) in files {
            let before = counts.annotations;
            let origin = Origin { path: &file.path, stem: &file.stem };
            let note = read(origin, &read_text(&file.path, self.expected)?, self.kind)?;
            counts.documents += 1;
            counts.mended_files += usize::from(note.mended);
            let (document, unverified) = document(&file, &note, part, &mut counts)?;
            first = first.or(unverified);
            in_test += if part == Part::Test { counts.annotations - before } else { 0 };
            documents.push(document);
        }
        check_unverified(&counts, in_test, first)?;
        let mut splits = assemble_parts(self.corpus, self.labels, documents, self.root)?;
        if self.as_published {
            lose_last(&mut splits);
        }
        Ok((splits, counts))
    }
}

/// Refuses a test part of which more than one tag in a hundred has another text at its offsets: that is another corpus.
///
/// # Errors
/// The first such tag.
fn check_unverified(counts: &Notes, test_annotations: usize, first: Unverified) -> Result<(), Error> {
    match first {
        Some(error) if counts.unverified * 100 > test_annotations => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin<'static> {
        Origin { path: Path::new("1.xml"), stem: "1" }
    }

    fn file(note: &str, tags: &str) -> String {
        format!("<?xml version=\"1.0\"?>\n<X>\n<TEXT><![CDATA[{note}]]></TEXT>\n<TAGS>\n{tags}\n</TAGS>\n</X>\n")
    }

    fn tag(start: usize, end: usize, text: &str) -> String {
        format!("<EVENT id=\"E\" start=\"{start}\" end=\"{end}\" text=\"{text}\" type=\"TEST\" />")
    }

    fn found(file: &str, part: Part, known_flaw: Option<KnownFlaw>) -> Result<(Vec<String>, Notes), String> {
        let mut counts = Notes::default();
        let note = read(origin(), file, "type").map_err(|error| error.to_string())?;
        let placing = Placing { origin: origin(), note: &note, part, known_flaw };
        let tags = (0..note.tags.len()).map(|place| (place, "TEST"));
        let (spans, _) = placing.spans(tags, &mut counts).map_err(|error| error.to_string())?;
        Ok((spans.iter().map(|span| note.text[span.start..span.end].to_owned()).collect(), counts))
    }

    fn texts(file: &str) -> Vec<String> {
        found(file, Part::Training, None).unwrap().0
    }

    #[test]
    fn offsets_count_characters_from_the_line_end_behind_cdata() {
        let text = file("\nÄ ct .\nno ct\n", &[tag(3, 5, "ct"), tag(11, 13, "ct")].join("\n"));
        let note = read(origin(), &text, "type").unwrap();
        assert_eq!((note.first_line, note.tags[0].line, note.tags[1].line, note.mended), (3, 8, 9, false));
        assert_eq!(texts(&text), ["ct", "ct"]);
    }

    #[test]
    fn line_ends_of_two_characters_count_one_or_two() {
        assert_eq!(texts(&file("\r\na\r\nct scan\r\n", &tag(3, 5, "ct"))), ["ct"]);
        assert_eq!(texts(&file("\r\na\r\nct scan\r\n", &tag(5, 7, "ct"))), ["ct"]);
    }

    #[test]
    fn words_over_two_lines_and_escaped_ones() {
        let note = "\nhead\nct pt's \"x\" r&d &lt; 5 pt&apos;s";
        let tags = [
            tag(1, 8, "head ct"),
            tag(9, 13, "pt&apos;s"),
            tag(14, 17, "&quot;x&quot;"),
            tag(18, 21, "r&amp;d"),
            tag(22, 28, "&lt; 5"),
            tag(29, 38, "pt&apos;s"),
        ];
        assert_eq!(texts(&file(note, &tags.join("\n"))), ["head\nct", "pt's", "\"x\"", "r&d", "&lt; 5", "pt&apos;s"]);
    }

    #[test]
    fn raw_ampersands_and_angles_are_mended() {
        let text = file("\nr&d <5 & x\n", &[tag(1, 4, "r&d"), tag(5, 7, "<5"), tag(10, 11, "x")].join(" "));
        let note = read(origin(), &text, "type").unwrap();
        assert!(note.mended);
        assert_eq!(texts(&text), ["r&d", "<5", "x"]);
    }

    #[test]
    fn a_note_without_cdata_is_text_as_xml_has_it() {
        let text = format!("<X><TEXT>\na &lt; ct</TEXT><TAGS>{}</TAGS></X>", tag(5, 7, "ct"));
        assert_eq!(texts(&text), ["ct"]);
    }

    #[test]
    fn no_tag_at_all() {
        assert_eq!(texts(&file("\na\n", "")), Vec::<String>::new());
        assert_eq!(texts("<X><TEXT><![CDATA[\na]]></TEXT><TAGS /></X>"), Vec::<String>::new());
    }

    #[test]
    fn known_flaws_are_allowed_for_and_others_are_errors() {
        let shifted = file("\n1 Hill St\n", &[tag(1, 2, "1"), tag(7, 14, "Hill St")].join("\n"));
        let error = found(&shifted, Part::Training, None).unwrap_err();
        assert_eq!(
            error,
            "1.xml:8: another text than the tag's at 7 to 14 of 11; expected the words of every tag at its offsets"
        );
        assert!(found(&shifted, Part::Training, Some(KnownFlaw::Shifted(3))).is_err());
        let (texts, counts) = found(&shifted, Part::Training, Some(KnownFlaw::Shifted(4))).unwrap();
        assert_eq!((texts, counts.moved), (vec!["1".to_owned(), "Hill St".to_owned()], 1));

        let and = file("\nby A & B\n", &tag(4, 9, "A and B"));
        assert!(found(&and, Part::Training, None).is_err());
        assert_eq!(found(&and, Part::Training, Some(KnownFlaw::AndForAmpersand)).unwrap().0, ["A & B"]);
    }

    #[test]
    fn in_the_test_part_words_nearby_or_else_the_offsets_are_taken() {
        let text = file("\nno ct here\n", &[tag(6, 8, "ct"), tag(1, 3, "mri"), tag(11, 14, "mri")].join("\n"));
        let (texts, counts) = found(&text, Part::Test, None).unwrap();
        assert_eq!(texts, ["ct", "no"]);
        assert_eq!((counts.annotations, counts.moved, counts.unverified), (3, 1, 2));
    }

    #[test]
    fn what_is_broken_is_named_without_its_text() {
        for (text, problem) in [
            ("<X>\nfever", "1.xml:1: no <TEXT>; expected one <TEXT>"),
            ("<X>\n<TEXT>fever", "1.xml:2: no </TEXT> behind <TEXT>"),
            ("<X>\n<TEXT>fever</TEXT>\n", "1.xml:2: no <TAGS> behind </TEXT>"),
            ("<X>\n<TEXT>fever</TEXT>\n<TAGS>", "1.xml:3: no </TAGS> behind <TAGS>"),
            ("<TEXT>a</TEXT><TAGS></TAGS>\n<TAGS></TAGS>", "1.xml:1: no single <TAGS>"),
            ("<TEXT>a</TEXT>\n<TAGS>\n<EVENT fever></TAGS>", "1.xml:3: not well-formed at column"),
            (
                "<TEXT>fever</TEXT>\n<TAGS><EVENT start=\"0\" text=\"fever\"/></TAGS>",
                "1.xml:2: a tag without its offsets",
            ),
            ("<TEXT>fever</TEXT>\n<TAGS><EVENT start=\"0\" end=\"5\"/></TAGS>", "1.xml:2: a tag without its offsets"),
            (
                "<TEXT>fever</TEXT>\n<TAGS><EVENT start=\"0\" end=\"x\" text=\"fever\"/></TAGS>",
                "1.xml:2: a tag without",
            ),
            (
                "<TEXT>fever</TEXT><TAGS><EVENT start=\"5\" end=\"5\" text=\"\"/></TAGS>",
                "1.xml:1: another text than the tag",
            ),
        ] {
            let error = found(text, Part::Training, None).unwrap_err();
            assert!(error.starts_with(problem) && !error.contains("fever"), "{error}");
        }
    }
}
