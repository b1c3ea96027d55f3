//! A corpus's release as it lies on disk once its archives are unpacked: which files there are, however deep they nest.
//!
//! Folders are told apart by the words of their names, since people unpack the same archives below folders of their own.
//! Hidden files and the `__MACOSX` folders of some archives are not looked at.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleaseFile {
    pub(crate) path: PathBuf,
    /// The file's name without its ending.
    pub(crate) stem: String,
    /// The folders between the root and the file, outermost first, in lower case.
    folders: Vec<String>,
}

impl ReleaseFile {
    /// Whether it belongs to a test part: whether the nearest folder with `test`, `testing`, `train` or `training` among the
    /// words of its name has one of the first two.
    pub(crate) fn is_test(&self) -> bool {
        let words = |folder: &str, known: [&str; 2]| {
            folder.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| known.contains(&word))
        };
        let part = self.folders.iter().rev().find_map(|folder| match words(folder, ["test", "testing"]) {
            true => Some(true),
            false => words(folder, ["train", "training"]).then_some(false),
        });
        part.unwrap_or(false)
    }

    /// Whether a folder above it has these lower-case characters in its name.
    pub(crate) fn is_below(&self, name: &str) -> bool {
        self.folders.iter().any(|folder| folder.contains(name))
    }
}

/// The files below a folder with this ending, whatever its case, by path.
///
/// # Errors
/// The folder is missing (`expected` says what it should hold), or one below it cannot be read.
pub(crate) fn files_below(root: &Path, ending: &str, expected: &str) -> Result<Vec<ReleaseFile>, Error> {
    if !root.is_dir() {
        return Err(Error::Missing { path: root.to_owned(), expected: format!("a folder with {expected}") });
    }
    let mut open = vec![(root.to_owned(), Vec::new())];
    let mut files = Vec::new();
    while let Some((folder, folders)) = open.pop() {
        let unreadable = |source| Error::Io { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || name == "__MACOSX" {
                continue;
            }
            // Links are not followed: one could lead back up.
            if entry.file_type().map_err(unreadable)?.is_dir() {
                let mut below: Vec<String> = folders.clone();
                below.push(name.to_ascii_lowercase());
                open.push((path, below));
            } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending)) {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                files.push(ReleaseFile { path, stem, folders: folders.clone() });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_at_any_depth_and_told_apart_by_their_folders() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "My Download/2012-08-08.test-data.x/xml/2.XML",
            "latest/training/1.xml",
            "latest/training/1.xml.extent",
            "latest/training/._1.xml",
            "__MACOSX/training/1.xml",
            "testing-PHI-Gold-fixed/3.xml",
            "this is a test/x_training_data/4.xml",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let files = files_below(root.path(), "xml", "anything").unwrap();
        let found: Vec<_> = files.iter().map(|file| (file.stem.as_str(), file.is_test())).collect();
        assert_eq!(found, [("2", true), ("1", false), ("3", true), ("4", false)]);
        assert!(files[0].is_below("my download") && !files[1].is_below("gold") && files[2].is_below("phi-gold"));
    }

    #[test]
    fn a_missing_root_is_named() {
        let root = tempfile::tempdir().unwrap();
        let error = files_below(&root.path().join("gone"), "xml", "the release").unwrap_err().to_string();
        assert!(error.ends_with("gone: not found; expected a folder with the release"), "{error}");
    }
}
