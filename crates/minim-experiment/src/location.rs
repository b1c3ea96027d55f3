//! A path of an experiment: as written, for the record, and as opened.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path that an experiment names.
///
/// It dereferences to the path to open, which the experiment file's folder has been joined to. Records and run ids hold
/// the path as it was written, so that neither depends on the machine or on the folder from which a run was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    written: PathBuf,
    resolved: PathBuf,
}

impl Location {
    /// The path `written` in a file whose relative paths start at `root`.
    pub fn new(root: &Path, written: impl Into<PathBuf>) -> Self {
        let written = written.into();
        let resolved = root.join(&written);
        Self { written, resolved }
    }

    /// The path as the experiment has it.
    pub fn written(&self) -> &Path {
        &self.written
    }
}

impl Deref for Location {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.resolved
    }
}

impl AsRef<Path> for Location {
    fn as_ref(&self) -> &Path {
        &self.resolved
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

/// A location read back from a record is relative to the working folder: a record does not know where its experiment lay.
impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(Path::new(""), PathBuf::deserialize(deserializer)?))
    }
}
