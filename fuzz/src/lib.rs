//! What every fuzz target does: bytes take the place of one file of a small whole archive, and its reader reads the archive.
//!
//! A panic, a hang or an error of more than one line is a find. The ordinary tests of `minim-datasets` read 2,000 broken inputs
//! (`tests/it/mutated` there) and hold their errors to more.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use minim_datasets::{Statistics, pass, published_names};
use tempfile::TempDir;

#[path = "../../crates/minim-datasets/tests/it/mutated/archive.rs"]
mod archive;

/// From the package's folder.
const FIXTURES: &str = "../tests/fixtures/mimic";

/// Every target: its name, its reader, and the end of the path of the file that is broken.
pub const TARGETS: [(&str, &str, &str); 17] = [
    ("conll", "prepared-conll", "train.conll"),
    ("ddi_xml", "ddi-2013", "0.xml"),
    ("i2b2_2010_con", "i2b2-2010-concepts", ".con"),
    ("i2b2_2010_rel", "i2b2-2010-relations", ".rel"),
    ("i2b2_2010_txt", "i2b2-2010-concepts", ".txt"),
    ("i2b2_2012_xml", "i2b2-2012-events", ".xml"),
    ("i2b2_2014_xml", "i2b2-2014-phi", ".xml"),
    ("icd9_csv", "icd9-triage", "train.csv"),
    ("jsonl", "jsonl", "train.jsonl"),
    ("labels_json", "jsonl", "labels.json"),
    ("mednli_jsonl", "mednli", "mli_train_v1.jsonl"),
    ("mimic_admissions", "mimic3-los", "ADMISSIONS.csv"),
    ("mimic_notes", "mimic3-mortality", "NOTEEVENTS.csv"),
    ("ncbi_tsv", "ncbi-disease", "train.tsv"),
    ("negex_tsv", "negex", "annotations.tsv"),
    ("prepared_csv", "prepared-csv", "train.csv"),
    ("prepared_relations", "prepared-relations-tsv", "train.tsv"),
];

/// The archive of a target, its reader, and the file.
struct Whole {
    folder: TempDir,
    reader: &'static str,
    file: PathBuf,
}

impl Whole {
    fn of(target: &str) -> Self {
        let (_, reader, end) = TARGETS.into_iter().find(|(name, ..)| *name == target).expect("a target of the list");
        let folder = archive::archive(reader);
        let file = first(folder.path(), end).expect("the archive has such a file");
        Self { folder, reader, file }
    }
}

/// The first file below a folder, by path, whose path ends so.
fn first(folder: &Path, end: &str) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.into_iter().find_map(|path| match path.is_dir() {
        true => first(&path, end),
        false => path.to_string_lossy().ends_with(end).then_some(path),
    })
}

/// The file that a target breaks, unbroken.
///
/// # Panics
/// The target is not in the list, or the archive cannot be written.
pub fn seed(target: &str) -> Vec<u8> {
    fs::read(Whole::of(target).file).expect("a readable file")
}

/// Reads the archive of a target with `bytes` in place of its file, as the study did too where it can be.
///
/// # Panics
/// A find.
pub fn read(target: &str, bytes: &[u8]) {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    let Whole { folder, reader, file } = WHOLE.get_or_init(|| Whole::of(target));
    fs::write(file, bytes).expect("a writable folder");
    let published = published_names().any(|name| name == *reader);
    for as_published in [false, true].into_iter().take(1 + usize::from(published)) {
        if let Err(error) = pass(reader, folder.path(), as_published, &mut Statistics::default()) {
            assert!(!error.to_string().contains('\n'), "an error of several lines");
        }
    }
}
