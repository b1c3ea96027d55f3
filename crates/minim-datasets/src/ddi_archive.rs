//! The DDI corpus's `train.zip`, read in place.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::error::Error;
use crate::source::decode;

/// The largest member that is unpacked: the real ones are below 1 MiB, and a forged archive must not fill the memory.
const LARGEST_BYTES: u64 = 64 << 20;

/// The text of every XML member, by name; a member's path is the archive's with its name behind.
///
/// # Errors
/// The archive cannot be read, is truncated or otherwise broken, or a member is too large or not UTF-8.
pub(crate) fn unpack(path: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let broken = |path: &Path, problem: String| Error::Archive { path: path.to_owned(), problem };
    let file = fs::File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let mut archive = ZipArchive::new(file).map_err(|error| broken(path, error.to_string()))?;
    let mut texts = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(|error| broken(path, format!("member {index}: {error}")))?;
        let name = member.name().map_err(|error| broken(path, format!("member {index}: {error}")))?.into_owned();
        if !name.ends_with(".xml") {
            continue;
        }
        let member_path = path.join(name.trim_start_matches('/'));
        let mut bytes = Vec::new();
        let read = member.take(LARGEST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| broken(&member_path, error.to_string()))?;
        if bytes.len() as u64 > LARGEST_BYTES {
            return Err(broken(&member_path, format!("a member of more than {LARGEST_BYTES} bytes")));
        }
        let text = decode(&member_path, bytes)?;
        texts.push((member_path, text));
    }
    texts.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn unpacked(bytes: &[u8]) -> Result<Vec<(PathBuf, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.zip");
        fs::write(&path, bytes).unwrap();
        unpack(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn xml_members_come_in_the_order_of_their_names() {
        let texts =
            unpacked(&archive(&[("T/b.xml", b"\xef\xbb\xbfB"), ("T/note.txt", b"\xff"), ("T/a.xml", b"A")])).unwrap();
        assert!(texts[0].0.ends_with("train.zip/T/a.xml"));
        assert_eq!(texts.into_iter().map(|(_, text)| text).collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn a_truncated_archive_is_an_error_at_every_length() {
        let whole = archive(&[("a.xml", b"<document id=\"a\"/>"), ("b.xml", b"<document id=\"b\"/>")]);
        assert_eq!(unpacked(&whole).unwrap().len(), 2);
        for length in 0..whole.len() {
            let error = unpacked(&whole[..length]).unwrap_err();
            assert!(error.contains("not a whole zip archive"), "{error}");
        }
    }

    #[test]
    fn wrong_bytes_are_named_by_member_and_line() {
        let error = unpacked(&archive(&[("T/a.xml", b"one\n\xff")])).unwrap_err();
        assert!(error.ends_with("train.zip/T/a.xml:2: not valid UTF-8"), "{error}");
    }
}
