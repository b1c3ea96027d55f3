//! What can be wrong with a corpus on disk.
//!
//! An error names the file, the 1-based line and what was expected. It never carries text of the data: only ids, label
//! names, counts and positions, and even an id or a label is shown only if it looks like one (a misplaced column could hold
//! a whole note).

use std::io;
use std::path::PathBuf;

use crate::dataset::Kind;
use crate::label_set::LabelSet;

/// Why a corpus could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No reader has this name.
    #[error("unknown dataset {name}{}; known: {known}", nearest.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default())]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// The known name nearest in edit distance, if one is near.
        nearest: Option<&'static str>,
        /// Every known name.
        known: String,
    },
    /// A file or folder is not there.
    #[error("{}: not found; expected {expected}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What should be there.
        expected: String,
    },
    /// Two files claim to be the same split.
    #[error("{} and {} are both the {split} split; expected one of them", first.display(), second.display())]
    Ambiguous {
        /// The split's name.
        split: &'static str,
        /// One file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// A file whose ending belongs to no format of the kind asked for.
    #[error("{}: not an ending of a {kind} file; expected {endings}", path.display())]
    Ending {
        /// The file.
        path: PathBuf,
        /// The kind asked for.
        kind: Kind,
        /// The endings there are.
        endings: &'static str,
    },
    /// The operating system refused to read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file, or a split, without a single example.
    #[error("{}: no example in it; expected {expected}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: String,
    },
    /// Bytes that are not UTF-8.
    #[error("{}:{line}: not valid UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// 1-based line of the first wrong byte.
        line: usize,
    },
    /// A line that breaks its format.
    #[error("{}:{line}: {problem}; expected {expected}", path.display())]
    Malformed {
        /// The file, or the member of an archive.
        path: PathBuf,
        /// 1-based line.
        line: usize,
        /// What is wrong.
        problem: String,
        /// What the format asks for.
        expected: String,
    },
    /// A label that the label set lacks.
    #[error("{}:{line}: label {label} is outside the label set: {known}", path.display())]
    UnknownLabel {
        /// The file.
        path: PathBuf,
        /// 1-based line.
        line: usize,
        /// The label, or its length where it does not look like a label.
        label: String,
        /// The known labels.
        known: String,
    },
    /// An id that stands twice.
    #[error("{}:{line}: id {id} again, first at {}:{first_line}; expected ids that differ", path.display(), first_path.display())]
    DuplicateId {
        /// The file of the second.
        path: PathBuf,
        /// The second's 1-based line.
        line: usize,
        /// The id, or its length where it does not look like an id.
        id: String,
        /// The file of the first.
        first_path: PathBuf,
        /// The first's 1-based line.
        first_line: usize,
    },
    /// Examples of one document in two splits.
    #[error(
        "{}:{line}: document {document} is in the {second} split here and in the {first} split too; expected each document in one split", path.display()
    )]
    SharedDocument {
        /// The file.
        path: PathBuf,
        /// 1-based line of the document's first example in the second split.
        line: usize,
        /// The document, or its name's length where it does not look like a name.
        document: String,
        /// The split where it stood first.
        first: &'static str,
        /// The split where it stands again.
        second: &'static str,
    },
    /// An archive that cannot be opened or unpacked.
    #[error("{}: not a whole zip archive ({problem})", path.display())]
    Archive {
        /// The archive, or its member.
        path: PathBuf,
        /// The reason.
        problem: String,
    },
    /// A label set that is not one.
    #[error("not a label set: {problem}")]
    LabelSet {
        /// The reason.
        problem: String,
    },
    /// A reader without the study's own variant.
    #[error("{name} has no variant as published; those that have: {known}")]
    NoPublished {
        /// The reader's name.
        name: String,
        /// The readers that have one.
        known: String,
    },
    /// A file or folder could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A folder that is to be written holds something else.
    #[error("{}: holds other files; expected an empty folder, or one with an earlier prepared corpus and nothing else", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// No card has this name.
    #[error("no card for dataset {name}; known: {known}")]
    UnknownCard {
        /// The name asked for.
        name: String,
        /// Every card's name.
        known: String,
    },
}

/// A label, id or document name as an error may show it: itself if it looks like a name, else its length.
pub(crate) fn shown(name: &str) -> String {
    if looks_like_a_name(name) { format!("`{name}`") } else { not_shown(name) }
}

/// As [`shown`], without the quotes.
pub(crate) fn safe(name: &str) -> String {
    if looks_like_a_name(name) { name.to_owned() } else { not_shown(name) }
}

/// The names of a label set as an error lists them: a column taken for labels may hold texts.
pub(crate) fn listed(labels: &LabelSet) -> String {
    const MOST: usize = 50;
    let names = labels.names();
    let mut list = names.iter().take(MOST).map(|name| safe(name)).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        list.push_str(&format!(" and {} more", names.len() - MOST));
    }
    list
}

fn looks_like_a_name(name: &str) -> bool {
    let graphic = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '`');
    !name.is_empty() && name.chars().count() <= 40 && name.chars().all(graphic)
}

fn not_shown(name: &str) -> String {
    format!("(not shown: {} characters)", name.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_name_is_shown() {
        assert_eq!(shown("B-Disease"), "`B-Disease`");
        assert_eq!(shown("no fever"), "(not shown: 8 characters)");
        assert_eq!(shown(""), "(not shown: 0 characters)");
        assert_eq!(shown(&"x".repeat(41)), "(not shown: 41 characters)");
    }
}
