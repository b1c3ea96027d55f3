//! `i2b2-2012-events`: clinical events of discharge summaries as BIO tags.
//!
//! Sun, Rumshisky and Uzuner, "Evaluating temporal relations in clinical text: 2012 i2b2 Challenge", JAMIA 20 (2013). Of the
//! XML files ([`crate::i2b2_xml`] has their form) the `EVENT` tags are read; times and temporal links are not. An event
//! without a type is left out and counted.
//!
//! ```text
//! 2012-07-15.original-annotation.release/<number>.xml
//! 2012-08-08.test-data.event-timex-groundtruth/xml/<number>.xml
//! ```
//!
//! Words are runs of letters and digits and single punctuation marks, so that they do not give away where an event ends; where
//! one ends within such a run even so, the run is cut. A sentence is a line, or two lines that one event joins. The corpus
//! does not say who its patients are: a note stands for one. Card: `i2b2-2012-events`.

use std::path::Path;

use crate::annotation_notes::Notes;
use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::error::{Error, shown};
use crate::example::Tagged;
use crate::format::Origin;
use crate::i2b2_xml::{Placing, Release, TaggedNote, Unverified};
use crate::label_set::LabelSet;
use crate::official_parts::{Document, Part};
use crate::record::File;
use crate::release_folder::{ReleaseFile, files_below};
use crate::standoff::{Layout, Wording, longest, words};

const KINDS: [&str; 6] = ["PROBLEM", "TEST", "TREATMENT", "CLINICAL_DEPT", "OCCURRENCE", "EVIDENTIAL"];

/// Its tags.
pub(crate) const LABELS: [&str; 13] = [
    "O",
    "B-PROBLEM",
    "I-PROBLEM",
    "B-TEST",
    "I-TEST",
    "B-TREATMENT",
    "I-TREATMENT",
    "B-CLINICAL_DEPT",
    "I-CLINICAL_DEPT",
    "B-OCCURRENCE",
    "I-OCCURRENCE",
    "B-EVIDENTIAL",
    "I-EVIDENTIAL",
];

/// What its splits are drawn by.
pub(crate) const CORPUS: &str = "i2b2-2012-events";

const TRAINING: &str = "2012-07-15.original-annotation.release";
const TEST: &str = "2012-08-08.test-data.event-timex-groundtruth";
const EXPECTED: &str = "the i2b2 2012 release: 2012-07-15.original-annotation.release and \
                        2012-08-08.test-data.event-timex-groundtruth, unpacked";

/// The reader of `i2b2-2012-events`.
#[derive(Debug, Clone, Copy, Default)]
pub struct I2b2Events {
    /// Whether to give what the study trained on, as far as that can be made again.
    ///
    /// Made again: words are what stands between white space, cut where events begin and end (and so give those places
    /// away), a line is always a sentence, a later event writes over an earlier one, entities such as `&apos;` stay, the last
    /// sentence of each split is missing. Not made again: which notes validate, which was drawn without a seed, and the label
    /// ids, which changed from run to run; here they are by hash and fixed.
    pub as_published: bool,
}

impl I2b2Events {
    /// Reads the corpus, and counts what became of its annotations.
    ///
    /// # Errors
    /// Those of [`Corpus::read`].
    pub fn read_noting(&self, root: &Path) -> Result<(Splits<Tagged>, Notes), Error> {
        let labels = LabelSet::fixed(&LABELS);
        Release { corpus: CORPUS, labels, root, expected: EXPECTED, kind: "type", as_published: self.as_published }
            .read(release(root)?, |file, note, part, counts| self.document(file, note, part, counts))
    }

    fn document(
        &self,
        file: &ReleaseFile,
        note: &TaggedNote,
        part: Part,
        counts: &mut Notes,
    ) -> Result<(Document<Tagged>, Unverified), Error> {
        let origin = Origin { path: &file.path, stem: &file.stem };
        let mut events = Vec::new();
        for (place, tag) in note.tags.iter().enumerate().filter(|(_, tag)| tag.element == "EVENT") {
            let kind = tag.kind.as_deref().map(str::trim).unwrap_or_default();
            if kind.is_empty() {
                counts.untyped += 1;
                continue;
            }
            let known = KINDS.into_iter().find(|known| kind.eq_ignore_ascii_case(known));
            let kind = known.ok_or_else(|| Error::UnknownLabel {
                path: file.path.clone(),
                line: tag.line,
                label: shown(kind),
                known: KINDS.join(", "),
            })?;
            events.push((place, kind));
        }
        let placing = Placing { origin, note, part, known_flaw: None };
        let (spans, unverified) = placing.spans(events.into_iter(), counts)?;
        let (spans, wording) =
            if self.as_published { (spans, Wording::Spaces) } else { (longest(&spans), Wording::Pieces) };
        let words = words(&note.text, &spans, wording);
        // The numbers of the two parts are two series.
        let name = match part {
            Part::Training => format!("train-{}", file.stem),
            Part::Test => format!("test-{}", file.stem),
        };
        let layout =
            Layout { document: &name, text: &note.text, first_line: note.first_line, as_published: self.as_published };
        let records = layout.records(&words, &spans);
        let file = File { path: file.path.clone(), records };
        Ok((Document { group: name.clone(), name, part, file }, unverified))
    }
}

impl Corpus for I2b2Events {
    type Example = Tagged;

    fn read(&self, root: &Path) -> Result<Splits<Tagged>, Error> {
        self.read_noting(root).map(|(splits, _)| splits)
    }
}

/// The files of both parts: those of the two folders above where they are there (a whole release has earlier and later
/// versions beside them), else every file, in the test part if a folder above it says so.
fn release(root: &Path) -> Result<Vec<(ReleaseFile, Part)>, Error> {
    let files = files_below(root, "xml", EXPECTED)?;
    let [training, test] = ["original-annotation", "event-timex-groundtruth"].map(|name| {
        let named: Vec<ReleaseFile> = files.iter().filter(|file| file.is_below(name)).cloned().collect();
        named
    });
    let is_truth = |file: &ReleaseFile| file.is_below("ground_truth") || file.is_below("groundtruth");
    let is_test = |file: &ReleaseFile| (file.is_test() || is_truth(file)) && !file.is_below("unmerged");
    let (any_test, any_training): (Vec<_>, Vec<_>) =
        files.into_iter().filter(|file| !file.is_below("unmerged")).partition(is_test);
    let training = if training.is_empty() { any_training } else { training };
    let test = if test.is_empty() { any_test } else { test };
    for (files, folder) in [(&training, TRAINING), (&test, TEST)] {
        if files.is_empty() {
            return Err(Error::Missing {
                path: root.join(folder),
                expected: format!(".xml files, a part of {EXPECTED}"),
            });
        }
    }
    let parts = [(training, Part::Training), (test, Part::Test)];
    Ok(parts.into_iter().flat_map(|(files, part)| files.into_iter().map(move |file| (file, part))).collect())
}
