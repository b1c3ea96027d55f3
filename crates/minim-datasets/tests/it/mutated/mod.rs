//! Broken archives.

mod archive;

pub(crate) use archive::archive;
