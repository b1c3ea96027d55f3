//! From the disk to text: finding a split's file under one of its names, and reading it as UTF-8.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::document_split::Split;
use crate::error::Error;

/// Reads a whole file as text, without a byte-order mark.
///
/// # Errors
/// The file is missing (then `expected` says what should be there), unreadable, or not UTF-8.
pub(crate) fn read_text(path: &Path, expected: &str) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path: path.to_owned(), expected: expected.to_owned() },
        _ => Error::Io { path: path.to_owned(), source },
    })?;
    decode(path, bytes)
}

/// Takes bytes as UTF-8, without a byte-order mark.
pub(crate) fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, Error> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Error::NotUtf8 { path: path.to_owned(), line: 1 + valid.iter().filter(|&&byte| byte == b'\n').count() }
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// The names under which a corpus keeps its three splits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SplitFiles {
    pub(crate) train: &'static [&'static str],
    pub(crate) validation: &'static [&'static str],
    pub(crate) test: &'static [&'static str],
}

impl SplitFiles {
    /// The path of each split, in the order of [`Split::ALL`].
    ///
    /// # Errors
    /// The folder or a split's file is missing, or a split has two files.
    pub(crate) fn find(&self, root: &Path) -> Result<[PathBuf; 3], Error> {
        if !root.is_dir() {
            let all = [self.train, self.validation, self.test].map(|names| names.join(" or "));
            let expected = format!("a folder with {}", all.join(", "));
            return Err(Error::Missing { path: root.to_owned(), expected });
        }
        let [train, validation, test] = Split::ALL;
        Ok([
            one_of(root, self.train, train)?,
            one_of(root, self.validation, validation)?,
            one_of(root, self.test, test)?,
        ])
    }
}

fn one_of(root: &Path, names: &[&str], split: Split) -> Result<PathBuf, Error> {
    let mut there = names.iter().map(|name| root.join(name)).filter(|path| path.is_file());
    match (there.next(), there.next()) {
        (Some(path), None) => Ok(path),
        (Some(first), Some(second)) => Err(Error::Ambiguous { split: split.name(), first, second }),
        (None, _) => Err(Error::Missing {
            path: root.join(names.first().copied().unwrap_or_default()),
            expected: format!("the {} split in a file {}", split.name(), names.join(" or ")),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: SplitFiles =
        SplitFiles { train: &["train.csv"], validation: &["valid.csv", "validation.csv"], test: &["test.csv"] };

    #[test]
    fn a_byte_order_mark_is_no_text() {
        assert_eq!(decode(Path::new("x"), b"\xef\xbb\xbfid".to_vec()).unwrap(), "id");
    }

    #[test]
    fn wrong_bytes_are_named_by_line() {
        let error = decode(Path::new("x.csv"), b"one\ntwo\n\xff three".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "x.csv:3: not valid UTF-8");
    }

    #[test]
    fn missing_and_doubled_splits_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let missing = FILES.find(&root.join("nowhere")).unwrap_err().to_string();
        assert!(
            missing.ends_with("expected a folder with train.csv, valid.csv or validation.csv, test.csv"),
            "{missing}"
        );
        fs::write(root.join("train.csv"), "").unwrap();
        let missing = FILES.find(root).unwrap_err().to_string();
        assert!(missing.ends_with("expected the validation split in a file valid.csv or validation.csv"), "{missing}");
        for name in ["valid.csv", "validation.csv", "test.csv"] {
            fs::write(root.join(name), "").unwrap();
        }
        assert!(matches!(FILES.find(root), Err(Error::Ambiguous { split: "validation", .. })));
        fs::remove_file(root.join("valid.csv")).unwrap();
        assert_eq!(FILES.find(root).unwrap()[1], root.join("validation.csv"));
    }
}
