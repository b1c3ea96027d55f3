//! The DDI corpus: pairs of drugs in DrugBank texts and MEDLINE abstracts, with the interaction that a sentence states.
//!
//! Herrero-Zazo, Segura-Bedmar, Martínez and Declerck, "The DDI corpus: An annotated corpus with pharmacological substances and
//! drug-drug interactions", Journal of Biomedical Informatics 46 (2013). Read is the training part: `train.zip` in the folder,
//! or, where that is absent, all `.xml` files below the folder. Every annotated pair of a sentence is an example, in the order
//! of the file, with `false` where no interaction is stated; the split is by document, 70/10/20, by the rule of
//! `document_split`, on `ddi-2013:<document id>`. Card: `ddi-2013`.
//!
//! Choices: of a mention in several parts (`;` in its `charOffset`) only the first part is taken, so that two mentions may
//! overlap; a pair said to interact without a type is `false`, as the published counts have it; that an entity's `text` is
//! what stands at its offset is not asked for, since four real ones differ.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};

use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::ddi_archive::unpack;
use crate::error::{Error, shown};
use crate::example::{Mention, Related, mention};
use crate::format::Origin;
use crate::label_set::LabelSet;
use crate::record::{File, Name, Record, assemble_by_document};
use crate::source::read_text;
use crate::xml;

/// Its labels; `false` is the negative class.
pub(crate) const LABELS: [&str; 5] = ["false", "advise", "effect", "mechanism", "int"];

const EXPECTED: &str = "the DDI corpus as train.zip or as unpacked .xml files";

/// The reader of `ddi-2013`.
#[derive(Debug, Clone, Copy)]
pub struct Ddi2013;

impl Corpus for Ddi2013 {
    type Example = Related;

    fn read(&self, root: &Path) -> Result<Splits<Related>, Error> {
        let archive = root.join("train.zip");
        let texts = if archive.is_file() { unpack(&archive)? } else { texts_below(root)? };
        if texts.is_empty() {
            return Err(Error::Empty { path: root.to_owned(), expected: EXPECTED.to_owned() });
        }
        let files = texts.into_iter().map(|(path, text)| {
            let records = parse(Origin { path: &path, stem: "ddi" }, &text)?;
            Ok(File { path, records })
        });
        assemble_by_document("ddi-2013", LabelSet::fixed(&LABELS), files.collect::<Result<_, _>>()?, root)
    }
}

/// The text of every XML file below a folder, by path.
fn texts_below(root: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    if !root.is_dir() {
        return Err(Error::Missing { path: root.to_owned(), expected: format!("a folder with {EXPECTED}") });
    }
    let mut folders = vec![root.to_owned()];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        let unreadable = |source| Error::Io { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            // Links are not followed: one could lead back up.
            if entry.file_type().map_err(unreadable)?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "xml") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.into_iter().map(|path| read_text(&path, EXPECTED).map(|text| (path, text))).collect()
}

/// The pairs of one document, with ids `<document>#<sentence and pair>`.
///
/// # Errors
/// XML that does not parse, an attribute that is missing, an offset outside its sentence, or a pair of an unknown mention.
fn parse(origin: Origin<'_>, text: &str) -> Result<Vec<Record<Related>>, Error> {
    let tree = xml::parse(origin, text)?;
    let reader = Reader { origin, tree: &tree };
    let root = tree.root_element();
    if !root.has_tag_name("document") {
        return Err(reader.malformed(root, "another root element", "a document"));
    }
    let document = reader.attribute(root, "id")?;
    let mut records = Vec::new();
    for sentence in children(root, "sentence") {
        reader.sentence(document, sentence, &mut records)?;
    }
    Ok(records)
}

fn children<'a>(node: Node<'a, 'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

struct Reader<'a> {
    origin: Origin<'a>,
    tree: &'a Document<'a>,
}

impl<'a> Reader<'a> {
    fn sentence(
        &self,
        document: &str,
        sentence: Node<'a, 'a>,
        records: &mut Vec<Record<Related>>,
    ) -> Result<(), Error> {
        let text = self.attribute(sentence, "text")?;
        let mut mentions = HashMap::new();
        for entity in children(sentence, "entity") {
            let id = self.attribute(entity, "id")?;
            if mentions.insert(id, self.mention(text, entity)?).is_some() {
                return Err(self.malformed(entity, format!("entity {} again", shown(id)), "ids that differ"));
            }
        }
        // Counting lines is slow: pairs take their sentence's.
        let line = self.line(sentence);
        for pair in children(sentence, "pair") {
            let end = |name| -> Result<Mention, Error> {
                let id = self.attribute(pair, name)?;
                mentions.get(id).cloned().ok_or_else(|| {
                    self.malformed(pair, format!("pair of entity {}", shown(id)), "an entity of the same sentence")
                })
            };
            let (head, tail) = (end("e1")?, end("e2")?);
            let id = self.attribute(pair, "id")?;
            let within = id.strip_prefix(document).and_then(|rest| rest.strip_prefix('.')).unwrap_or(id);
            let example = Related {
                id: format!("{document}#{within}"),
                text: text.to_owned(),
                head: Some(head),
                tail: Some(tail),
                label: 0,
            };
            let names = vec![Name { line, text: self.label(pair)?.to_owned() }];
            records.push(Record { line, names, example });
        }
        Ok(())
    }

    fn label(&self, pair: Node<'a, 'a>) -> Result<&'a str, Error> {
        match self.attribute(pair, "ddi")? {
            "true" => Ok(pair.attribute("type").unwrap_or("false")),
            "false" => Ok("false"),
            _ => Err(self.malformed(pair, "pair with another value of ddi", "true or false")),
        }
    }

    /// The first part of an entity: `a-b`, both characters included, before any `;`.
    fn mention(&self, text: &str, entity: Node<'a, 'a>) -> Result<Mention, Error> {
        let kind = self.attribute(entity, "type")?;
        let first = self.attribute(entity, "charOffset")?.split(';').next().unwrap_or_default();
        let offsets = first.split_once('-').and_then(|(start, last)| {
            let (start, last): (usize, usize) = (start.trim().parse().ok()?, last.trim().parse().ok()?);
            mention(text, start, last.checked_add(1)?, kind)
        });
        offsets.ok_or_else(|| {
            let id = entity.attribute("id").unwrap_or_default();
            let problem = format!("charOffset of entity {}", shown(id));
            self.malformed(entity, problem, format!("<first>-<last> within {} characters", text.chars().count()))
        })
    }

    fn attribute(&self, node: Node<'a, 'a>, name: &str) -> Result<&'a str, Error> {
        node.attribute(name).ok_or_else(|| {
            let problem = format!("{} without {name}", node.tag_name().name());
            self.malformed(node, problem, "every element with its attributes")
        })
    }

    fn malformed(&self, node: Node<'_, '_>, problem: impl Into<String>, expected: impl Into<String>) -> Error {
        self.origin.malformed(self.line(node), problem, expected)
    }

    fn line(&self, node: Node<'_, '_>) -> usize {
        self.tree.text_pos_at(node.range().start).row as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sentences: &str) -> Result<Vec<Record<Related>>, String> {
        let text =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<document id=\"D.d1\">\n{sentences}\n</document>\n");
        parse(Origin { path: Path::new("x.xml"), stem: "ddi" }, &text).map_err(|error| error.to_string())
    }

    fn sentence(offsets: [&str; 2], pair: &str) -> String {
        format!(
            "<sentence id=\"D.d1.s0\" text=\"β5 Ä-pirin &amp; zolam\">\n\
             <entity id=\"e0\" charOffset=\"{}\" type=\"drug\" text=\"Ä-pirin\"/>\n\
             <entity id=\"e1\" charOffset=\"{}\" type=\"brand\" text=\"zolam\"/>\n\
             <pair id=\"D.d1.s0.p0\" e1=\"e0\" e2=\"e1\" {pair}/>\n</sentence>",
            offsets[0], offsets[1]
        )
    }

    fn spans(records: &[Record<Related>]) -> [&str; 2] {
        let example = &records[0].example;
        let span = |mention: &Option<Mention>| {
            let Mention { start, end, .. } = mention.as_ref().unwrap();
            &example.text[*start..*end]
        };
        [span(&example.head), span(&example.tail)]
    }

    #[test]
    fn offsets_are_characters_with_an_inclusive_end() {
        let records = read(&sentence(["3-9", "13-17"], "ddi=\"true\" type=\"effect\"")).unwrap();
        assert_eq!(spans(&records), ["Ä-pirin", "zolam"]);
        assert_eq!(records[0].example.id, "D.d1#s0.p0");
        assert_eq!(records[0].names[0].text, "effect");
        assert_eq!(records[0].line, 3);
        assert_eq!(records[0].example.tail.as_ref().unwrap().kind, "brand");
    }

    #[test]
    fn of_a_mention_in_parts_the_first_is_taken() {
        let records = read(&sentence(["0-1;5-9", "5-9;0-1"], "ddi=\"false\"")).unwrap();
        assert_eq!(spans(&records), ["β5", "pirin"]);
    }

    #[test]
    fn a_pair_without_a_type_is_false() {
        let records = read(&sentence(["0-1", "3-4"], "ddi=\"true\"")).unwrap();
        assert_eq!(records[0].names[0].text, "false");
    }

    #[test]
    fn broken_annotations_are_named_without_their_text() {
        let good = ["0-1", "3-4"];
        let cases = [
            (
                sentence(["0-18", "3-4"], "ddi=\"false\""),
                "x.xml:4: charOffset of entity `e0`; expected <first>-<last> within 18",
            ),
            (sentence(["2-1", "3-4"], "ddi=\"false\""), "x.xml:4: charOffset of entity `e0`"),
            (sentence(["0-1", "pirin"], "ddi=\"false\""), "x.xml:5: charOffset of entity `e1`"),
            (sentence(["0-1", "0-18446744073709551615"], "ddi=\"false\""), "x.xml:5: charOffset of entity `e1`"),
            (sentence(good, "ddi=\"pirin\""), "x.xml:6: pair with another value of ddi"),
            (sentence(good, ""), "x.xml:6: pair without ddi"),
            (sentence(good, "ddi=\"false\"").replace("e1=\"e0\"", "e1=\"e7\""), "x.xml:6: pair of entity `e7`"),
            (sentence(good, "ddi=\"false\"").replace("id=\"e1\"", "id=\"e0\""), "x.xml:5: entity `e0` again"),
            (sentence(good, "ddi=\"false\"").replace("type=\"drug\"", ""), "x.xml:4: entity without type"),
            (sentence(good, "ddi=\"false\"").replace("&amp;", "&pirin;"), "x.xml:3: not well-formed at column"),
            ("<sentence>".to_owned(), "x.xml:4: not well-formed at column"),
            ("<sentence id=\"s\"/>".to_owned(), "x.xml:3: sentence without text"),
        ];
        for (text, problem) in cases {
            let error = read(&text).unwrap_err();
            assert!(error.starts_with(problem) && !error.contains("pirin"), "{error}\n{problem}");
        }
    }
}
