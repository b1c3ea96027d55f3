//! `i2b2-2010-concepts`: problems, tests and treatments as BIO tags.
//!
//! A sentence is a line of the note, its words are the line's tokens, with `&apos;` and the like as the characters that they
//! stand for. Of overlapping concepts the longest stays (of equal ones the first) and the others are counted in [`Notes`]. A
//! concept over two lines makes the two lines one sentence. The training part is that of both hospitals; a tenth of its
//! notes validates.

use std::path::Path;

use super::annotations::concepts;
use super::release::{NoteFiles, Site, notes};
use super::text::Text;
use crate::annotation_notes::Notes;
use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::error::Error;
use crate::example::Tagged;
use crate::format::Origin;
use crate::label_set::LabelSet;
use crate::official_parts::{Document, Part, assemble_parts, lose_last};
use crate::record::File;
use crate::standoff::{Layout, Span, longest, with_plain_line_ends};

/// Its tags.
pub(crate) const LABELS: [&str; 7] = ["O", "B-problem", "I-problem", "B-test", "I-test", "B-treatment", "I-treatment"];

/// What its documents' splits are drawn by; the relations use the same, so that a note is in one split for both tasks.
pub(crate) const CORPUS: &str = "i2b2-2010";

/// The reader of `i2b2-2010-concepts`.
#[derive(Debug, Clone, Copy, Default)]
pub struct I2b2Concepts {
    /// Whether to give what the study trained on, as far as that can be made again.
    ///
    /// Made again: training and validation notes are those of Partners only (its script writes them over those of both
    /// hospitals), the last sentence of each split is missing, a concept over two lines is cut in two, of overlapping
    /// concepts the later in the file writes over the earlier, entities such as `&apos;` stay. Not made again: which notes
    /// validate and the order of notes, which came from the order of a Python set, and the label ids, which changed from run
    /// to run; here they are by hash and fixed.
    pub as_published: bool,
}

impl I2b2Concepts {
    /// Reads the corpus, and counts what became of its annotations.
    ///
    /// # Errors
    /// Those of [`Corpus::read`].
    pub fn read_noting(&self, root: &Path) -> Result<(Splits<Tagged>, Notes), Error> {
        let mut counts = Notes::default();
        let mut documents = Vec::new();
        for note in notes(root, false)? {
            if !self.as_published || note.part == Part::Test || note.site == Some(Site::Partners) {
                documents.push(self.document(note, &mut counts)?);
            }
        }
        let mut splits = assemble_parts(CORPUS, LabelSet::fixed(&LABELS), documents, root)?;
        if self.as_published {
            lose_last(&mut splits);
        }
        Ok((splits, counts))
    }

    fn document(&self, note: NoteFiles, counts: &mut Notes) -> Result<Document<Tagged>, Error> {
        let (path, file) = &note.concepts;
        let content = with_plain_line_ends(&note.text.1);
        let text = Text::new(&content);
        let concepts = concepts(Origin { path, stem: &note.name }, file, &text)?;
        let spans: Vec<Span> = concepts.into_iter().map(|concept| concept.span).collect();
        let kept = longest(&spans);
        counts.documents += 1;
        counts.annotations += spans.len();
        counts.overlapping += spans.len() - kept.len();
        counts.over_lines += kept.iter().filter(|span| content[span.start..span.end].contains('\n')).count();
        let spans = if self.as_published { spans } else { kept };
        let layout = Layout { document: &note.name, text: &content, first_line: 1, as_published: self.as_published };
        let records = layout.records(&text.words(), &spans);
        let file = File { path: path.clone(), records };
        Ok(Document { group: note.name.clone(), name: note.name, part: note.part, file })
    }
}

impl Corpus for I2b2Concepts {
    type Example = Tagged;

    fn read(&self, root: &Path) -> Result<Splits<Tagged>, Error> {
        self.read_noting(root).map(|(splits, _)| splits)
    }
}
