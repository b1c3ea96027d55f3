//! `i2b2-2014-phi`: what identifies a person in longitudinal records, as BIO tags, for de-identification.
//!
//! Stubbs and Uzuner, "Annotating longitudinal clinical narratives for de-identification: The 2014 i2b2/UTHealth corpus",
//! Journal of Biomedical Informatics 58 (2015). Every tag of the XML files is read ([`crate::i2b2_xml`] has their form), its
//! label being the attribute `TYPE`.
//!
//! ```text
//! training-PHI-Gold-Set1/<patient>-<record>.xml
//! training-PHI-Gold-Set2/<patient>-<record>.xml
//! testing-PHI-Gold-fixed/<patient>-<record>.xml
//! ```
//!
//! Words are runs of letters and digits and single punctuation marks, so that they do not give away where a name or a date
//! ends; where one ends within such a run even so (`45yo`), the run is cut. A sentence is a line, or two lines that one tag
//! joins. All records of a patient are on one side. Card: `i2b2-2014-phi`.

use std::path::Path;

use crate::annotation_notes::Notes;
use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::error::{Error, shown};
use crate::example::Tagged;
use crate::format::Origin;
use crate::i2b2_xml::{KnownFlaw, Placing, Release, TaggedNote, Unverified};
use crate::label_set::LabelSet;
use crate::official_parts::{Document, Part};
use crate::record::File;
use crate::release_folder::{ReleaseFile, files_below};
use crate::standoff::{Layout, Wording, longest, words};

/// The types that the corpus uses, of the more that its guideline has.
pub(crate) const KINDS: [&str; 23] = [
    "AGE",
    "BIOID",
    "CITY",
    "COUNTRY",
    "DATE",
    "DEVICE",
    "DOCTOR",
    "EMAIL",
    "FAX",
    "HEALTHPLAN",
    "HOSPITAL",
    "IDNUM",
    "LOCATION-OTHER",
    "MEDICALRECORD",
    "ORGANIZATION",
    "PATIENT",
    "PHONE",
    "PROFESSION",
    "STATE",
    "STREET",
    "URL",
    "USERNAME",
    "ZIP",
];

/// What its splits are drawn by.
pub(crate) const CORPUS: &str = "i2b2-2014-phi";

const FOLDERS: [&str; 3] = ["training-PHI-Gold-Set1", "training-PHI-Gold-Set2", "testing-PHI-Gold-fixed"];
const EXPECTED: &str = "the i2b2 2014 release: training-PHI-Gold-Set1, training-PHI-Gold-Set2 and \
                        testing-PHI-Gold-fixed, unpacked";

/// What is wrong with single documents of the release, besides which nothing may be.
const KNOWN_FLAWS: [(&str, KnownFlaw); 2] = [("180-03", KnownFlaw::Shifted(4)), ("188-05", KnownFlaw::AndForAmpersand)];

/// Its tags: `O`, then `B-` and `I-` of each type by name, whether or not an `I-` occurs.
pub(crate) fn labels() -> Vec<String> {
    let tags = KINDS.iter().flat_map(|kind| [format!("B-{kind}"), format!("I-{kind}")]);
    ["O".to_owned()].into_iter().chain(tags).collect()
}

/// The reader of `i2b2-2014-phi`.
#[derive(Debug, Clone, Copy, Default)]
pub struct I2b2Phi {
    /// Whether to give what the study trained on, as far as that can be made again.
    ///
    /// Made again: words are what stands between white space, cut where tags begin and end (and so give those places away), a
    /// line is always a sentence, a later tag writes over an earlier one, entities such as `&apos;` stay, the last sentence of
    /// each split is missing. Not made again: which patients validate, which was drawn without a seed, and the label ids,
    /// which changed from run to run and were those of the training part only; here they are by hash and fixed.
    pub as_published: bool,
}

impl I2b2Phi {
    /// Reads the corpus, and counts what became of its annotations.
    ///
    /// # Errors
    /// Those of [`Corpus::read`].
    pub fn read_noting(&self, root: &Path) -> Result<(Splits<Tagged>, Notes), Error> {
        let files = release(root)?.into_iter().map(|file| {
            let part = if file.is_test() { Part::Test } else { Part::Training };
            (file, part)
        });
        let labels = LabelSet::new(labels())?;
        Release { corpus: CORPUS, labels, root, expected: EXPECTED, kind: "TYPE", as_published: self.as_published }
            .read(files, |file, note, part, counts| self.document(file, note, part, counts))
    }

    fn document(
        &self,
        file: &ReleaseFile,
        note: &TaggedNote,
        part: Part,
        counts: &mut Notes,
    ) -> Result<(Document<Tagged>, Unverified), Error> {
        let origin = Origin { path: &file.path, stem: &file.stem };
        let mut tags = Vec::new();
        for (place, tag) in note.tags.iter().enumerate() {
            let kind = tag.kind.as_deref().map(str::trim).ok_or_else(|| {
                origin.malformed(tag.line, format!("{} without TYPE", shown(&tag.element)), "a TYPE in every tag")
            })?;
            let known = KINDS.into_iter().find(|known| kind.eq_ignore_ascii_case(known));
            let kind = known.ok_or_else(|| Error::UnknownLabel {
                path: file.path.clone(),
                line: tag.line,
                label: shown(kind),
                known: KINDS.join(", "),
            })?;
            tags.push((place, kind));
        }
        let known_flaw = KNOWN_FLAWS.iter().find(|(name, _)| *name == file.stem).map(|(_, flaw)| *flaw);
        let placing = Placing { origin, note, part, known_flaw };
        let (spans, unverified) = placing.spans(tags.into_iter(), counts)?;
        let (spans, wording) =
            if self.as_published { (spans, Wording::Spaces) } else { (longest(&spans), Wording::Pieces) };
        let words = words(&note.text, &spans, wording);
        let layout = Layout {
            document: &file.stem,
            text: &note.text,
            first_line: note.first_line,
            as_published: self.as_published,
        };
        let records = layout.records(&words, &spans);
        let group = patient(&file.stem).to_owned();
        let document =
            Document { name: file.stem.clone(), group, part, file: File { path: file.path.clone(), records } };
        Ok((document, unverified))
    }
}

impl Corpus for I2b2Phi {
    type Example = Tagged;

    fn read(&self, root: &Path) -> Result<Splits<Tagged>, Error> {
        self.read_noting(root).map(|(splits, _)| splits)
    }
}

/// Whose record it is: what stands before the hyphen of the file's name.
fn patient(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(patient, _)| patient)
}

/// The files of both parts; where folders say that they hold this track's gold standard, theirs only (the release has the
/// same records without tags, and with those of another track).
fn release(root: &Path) -> Result<Vec<ReleaseFile>, Error> {
    let files = files_below(root, "xml", EXPECTED)?;
    let (gold, other): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.is_below("phi-gold"));
    let missing = |folder: &str| {
        Err(Error::Missing { path: root.join(folder), expected: format!(".xml files, a part of {EXPECTED}") })
    };
    if gold.is_empty() {
        return match (other.iter().any(|file| !file.is_test()), other.iter().any(ReleaseFile::is_test)) {
            (false, _) => missing(FOLDERS[0]),
            (_, false) => missing(FOLDERS[2]),
            _ => Ok(other),
        };
    }
    let has = |name: &str| gold.iter().any(|file| file.is_below(name));
    let sets = [has("set1") || !has("set2"), has("set2") || !has("set1")];
    let training = gold.iter().any(|file| !file.is_test());
    let there = [training && sets[0], training && sets[1], gold.iter().any(ReleaseFile::is_test)];
    match there.iter().zip(FOLDERS).find(|(there, _)| !**there) {
        Some((_, folder)) => missing(folder),
        None => Ok(gold),
    }
}
