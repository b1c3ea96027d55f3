//! Which files make which note.
//!
//! A file belongs to the test part if the nearest folder above it that says so has the word `test` in its name, else to the
//! training part. Where
//! training files stand below `beth` and `partners` those two are the training part, and a third copy (some tools merge them
//! into a folder of its own) is not read. The same file in two places counts once if the copies are equal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, shown};
use crate::official_parts::Part;
use crate::release_folder::{ReleaseFile, files_below};
use crate::source::read_text;

const EXPECTED: &str = "the i2b2 2010 release: concept_assertion_relation_training_data, reference_standard_for_test_data \
                        and test_data, unpacked";
const TRAINING: &str = "concept_assertion_relation_training_data";
const REFERENCE: &str = "reference_standard_for_test_data";

/// Where a training note is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Site {
    Beth,
    Partners,
}

impl Site {
    const ALL: [Self; 2] = [Self::Beth, Self::Partners];

    fn folder(self) -> &'static str {
        match self {
            Self::Beth => "beth",
            Self::Partners => "partners",
        }
    }
}

/// The files of a note, and their texts.
#[derive(Debug)]
pub(super) struct NoteFiles {
    pub(super) name: String,
    pub(super) part: Part,
    pub(super) site: Option<Site>,
    pub(super) text: (PathBuf, String),
    pub(super) concepts: (PathBuf, String),
    /// Absent where relations were not asked for.
    pub(super) relations: Option<(PathBuf, String)>,
}

/// Test or training part (training first), site, name.
type Key = (bool, Option<Site>, String);

/// All notes below a folder, training first, each part by site and name; with their relations if those are asked for.
///
/// # Errors
/// A part, a site or a file of a note is missing, or two files that differ claim to be the same.
pub(super) fn notes(root: &Path, with_relations: bool) -> Result<Vec<NoteFiles>, Error> {
    let concepts = by_key(files_below(root, "con", EXPECTED)?)?;
    let mut texts = by_key(files_below(root, "txt", EXPECTED)?)?;
    let mut relations = if with_relations { by_key(files_below(root, "rel", EXPECTED)?)? } else { BTreeMap::new() };
    let sites: Vec<Site> =
        Site::ALL.into_iter().filter(|site| concepts.keys().any(|(_, found, _)| *found == Some(*site))).collect();
    check_parts(root, &concepts, &sites)?;

    let mut text_folders = Vec::new();
    let mut notes = Vec::new();
    for ((is_test, site, name), path) in concepts {
        if !is_test && site.is_none() && !sites.is_empty() {
            continue;
        }
        let key = (is_test, site, name);
        let text = texts.remove(&key).ok_or_else(|| missing_text(root, &path, is_test))?;
        text_folders.extend(text.parent().map(Path::to_owned));
        let relations = match with_relations {
            true => Some(relations.remove(&key).ok_or_else(|| missing_relations(root, &path, is_test))?),
            false => None,
        };
        let read = |path: PathBuf| read_text(&path, EXPECTED).map(|text| (path, text));
        notes.push(NoteFiles {
            name: key.2,
            part: if is_test { Part::Test } else { Part::Training },
            site,
            text: read(text)?,
            concepts: read(path)?,
            relations: relations.map(read).transpose()?,
        });
    }
    // A text beside others that have their concepts is a note that lacks its own.
    let alone = texts.iter().find(|((.., name), path)| {
        let folder = path.parent().is_some_and(|folder| text_folders.iter().any(|other| other == folder));
        folder && !name.to_ascii_lowercase().starts_with("readme")
    });
    match alone {
        Some((_, path)) => {
            let expected = "its concepts in a .con file of the same name".to_owned();
            Err(Error::Missing { path: path.with_extension("con"), expected })
        }
        None => Ok(notes),
    }
}

fn by_key(files: Vec<ReleaseFile>) -> Result<BTreeMap<Key, PathBuf>, Error> {
    let mut found: BTreeMap<Key, PathBuf> = BTreeMap::new();
    for file in files {
        let is_test = file.is_test();
        let site = Site::ALL.into_iter().find(|site| !is_test && file.is_below(site.folder()));
        let id = shown(&file.stem);
        let key = (is_test, site, file.stem);
        let Some(first) = found.get(&key) else {
            found.insert(key, file.path);
            continue;
        };
        // Copies without a site are not read at all where there are sites.
        let copy = || -> Result<bool, Error> { Ok(read_text(first, EXPECTED)? == read_text(&file.path, EXPECTED)?) };
        if (is_test || site.is_some()) && !copy()? {
            let (path, first_path) = (file.path, first.clone());
            return Err(Error::DuplicateId { path, line: 1, id, first_path, first_line: 1 });
        }
    }
    Ok(found)
}

fn check_parts(root: &Path, concepts: &BTreeMap<Key, PathBuf>, sites: &[Site]) -> Result<(), Error> {
    let missing = |folder: String, expected: &str| {
        Err(Error::Missing { path: root.join(folder), expected: format!("{expected} of {EXPECTED}") })
    };
    if !concepts.keys().any(|(is_test, ..)| !is_test) {
        let expected =
            "the training part, with .con files in {beth,partners}/concept and .txt files in {beth,partners}/txt,";
        return missing(TRAINING.to_owned(), expected);
    }
    if let [site] = sites {
        let other = if *site == Site::Beth { Site::Partners } else { Site::Beth };
        return missing(format!("{TRAINING}/{}", other.folder()), "the notes of the other hospital, a part");
    }
    if !concepts.keys().any(|(is_test, ..)| *is_test) {
        return missing(format!("{REFERENCE}/concepts"), "the .con files of the test part");
    }
    Ok(())
}

fn missing_text(root: &Path, concepts: &Path, is_test: bool) -> Error {
    let name = concepts.with_extension("txt").file_name().map(PathBuf::from).unwrap_or_default();
    let path = match concepts.parent().and_then(Path::parent) {
        Some(above) if !is_test => above.join("txt").join(name),
        _ => root.join("test_data").join(name),
    };
    Error::Missing { path, expected: format!("the text of the concepts in {}", concepts.display()) }
}

fn missing_relations(root: &Path, concepts: &Path, is_test: bool) -> Error {
    let name = concepts.with_extension("rel").file_name().map(PathBuf::from).unwrap_or_default();
    let above = concepts.parent().and_then(Path::parent);
    let folder = match above {
        Some(above) if !is_test => above.join("rel"),
        _ => root.join(REFERENCE).join("rel"),
    };
    let expected = format!("the relations between the concepts in {}", concepts.display());
    Error::Missing { path: folder.join(name), expected }
}
