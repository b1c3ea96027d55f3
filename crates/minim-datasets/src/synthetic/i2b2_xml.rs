//! The XML files of the twins of i2b2 2012 and 2014: a note in a CDATA section, and tags that count its characters.

use super::annotated::Line;

/// A tag before it is written: what it is and where, in bytes of the note.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) element: &'static str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// By how many characters its offsets are too high in the file.
    pub(super) off_by: usize,
    /// Its text in the file, where that is not the note's.
    pub(super) text: Option<String>,
    /// `name="value"` pairs behind the text, each with a space before.
    pub(super) attributes: String,
}

/// A note that grows line by line.
#[derive(Debug, Default)]
pub(super) struct NoteText {
    pub(super) text: String,
}

impl NoteText {
    /// Puts a line at the end, and gives back where it begins.
    pub(super) fn push(&mut self, line: &Line) -> usize {
        let start = self.text.len();
        self.text.push_str(&line.text);
        self.text.push('\n');
        start
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) root: &'static str,
    /// What a tag's id begins with is its element's first letter, or this.
    pub(super) id: Option<&'static str>,
    /// Whether `&` stays as it is, so that the file is not well-formed if a tag has one.
    pub(super) raw_ampersands: bool,
    pub(super) line_end: &'static str,
}

/// The whole file.
pub(super) fn file(note: &str, tags: &[Tag], style: Style) -> String {
    let mut file = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<{0}>\n<TEXT><![CDATA[{note}]]></TEXT>\n<TAGS>\n",
        style.root
    );
    let characters = |byte: usize| note[..byte].chars().count();
    for (number, tag) in tags.iter().enumerate() {
        let (start, end) = (characters(tag.start) + tag.off_by, characters(tag.end) + tag.off_by);
        let text = tag.text.as_deref().unwrap_or(&note[tag.start..tag.end]);
        let id = style.id.unwrap_or(&tag.element[..1]);
        let text = escaped(text, style.raw_ampersands);
        let Tag { element, attributes, .. } = tag;
        file.push_str(&format!(
            "<{element} id=\"{id}{number}\" start=\"{start}\" end=\"{end}\" text=\"{text}\"{attributes} />\n"
        ));
    }
    file.push_str(&format!("</TAGS>\n</{}>\n", style.root));
    if style.line_end == "\n" { file } else { file.replace('\n', style.line_end) }
}

fn escaped(text: &str, raw_ampersands: bool) -> String {
    let text = if raw_ampersands { text.to_owned() } else { text.replace('&', "&amp;") };
    text.replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&apos;")
}

/// For tests: the entities of 60 documents of seed 5 that have been written and read, and what became of the annotations.
#[cfg(test)]
pub(super) fn written_and_read(
    write: impl Fn(&std::path::Path, usize, u64) -> Result<(), super::Error>,
    read: impl Fn(&std::path::Path) -> Result<(crate::Splits<crate::Tagged>, crate::Notes), crate::Error>,
) -> (std::collections::BTreeMap<String, Vec<(String, String)>>, crate::Notes) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), 60, 5).expect("a writable folder");
    let (splits, counts) = read(folder.path()).expect("what was written is in the corpus's format");
    (entities(&splits), counts)
}

/// For tests: the entities of a document, its kinds and its words without spaces, in order.
#[cfg(test)]
fn entities(splits: &crate::Splits<crate::Tagged>) -> std::collections::BTreeMap<String, Vec<(String, String)>> {
    let mut found: std::collections::BTreeMap<String, Vec<(String, String)>> = std::collections::BTreeMap::new();
    for sentence in [&splits.train, &splits.validation, &splits.test].into_iter().flatten() {
        let document = crate::document(&sentence.id).expect("ids name documents").to_owned();
        let entities = found.entry(document).or_default();
        for (word, &tag) in sentence.words.iter().zip(&sentence.tags) {
            match splits.labels.name(tag).split_once('-') {
                Some(("B", kind)) => entities.push((kind.to_owned(), word.clone())),
                Some((_, kind)) => {
                    let (open, text) = entities.last_mut().expect("an entity is open");
                    assert_eq!(open, kind);
                    text.push_str(word);
                }
                None => {}
            }
        }
    }
    found
}
