//! Text files to units: one note per line, or one per paragraph where blank lines separate paragraphs.

use std::fs;
use std::path::{Path, PathBuf};

use minim_adapters::Draw;
use minim_experiment::{Purpose, stream};

use crate::Error;

/// The notes of all files, in the order of the files, and how many files there were.
pub(super) struct Texts {
    pub(super) files: usize,
    pub(super) notes: Vec<String>,
}

impl Texts {
    /// Reads files, and of a folder every `.txt` file in it, by name.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut files = Vec::new();
        for path in paths {
            if path.is_dir() {
                files.extend(text_files(path)?);
            } else {
                files.push(path.clone());
            }
        }
        if files.is_empty() {
            return Err(Error::Input("no texts; expected text files, or folders of .txt files".into()));
        }
        let mut notes = Vec::new();
        for file in &files {
            let text = read_utf8(file)?;
            let before = notes.len();
            notes.extend(units(&text));
            if notes.len() == before {
                return Err(Error::Input(format!(
                    "{}:1: no text; expected a note per line or per paragraph",
                    file.display()
                )));
            }
        }
        Ok(Self { files: files.len(), notes })
    }

    /// Parts the notes into (training, validation). Equal notes fall on the same side, and a note's side depends on nothing but the
    /// notes' contents and the seed.
    pub(super) fn split(self, fraction: f64, seed: u64) -> Result<(Vec<String>, Vec<String>), Error> {
        if fraction == 0.0 {
            return Ok((self.notes, Vec::new()));
        }
        let seed = stream(seed, Purpose::DataOrder);
        let key = |note: &String| Draw::new(seed, note).word();
        let mut keys: Vec<u64> = self.notes.iter().map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        let wanted = ((keys.len() as f64 * fraction).round() as usize).max(1);
        if wanted >= keys.len() {
            return Err(Error::Input(format!(
                "{} different notes leave none for training beside a validation fraction of {fraction}; expected more text, or 0",
                keys.len()
            )));
        }
        let limit = keys[wanted];
        Ok(self.notes.into_iter().partition(|note| key(note) >= limit))
    }
}

fn text_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "txt") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::Input(format!("{}: no .txt file in this folder", folder.display())));
    }
    files.sort();
    Ok(files)
}

fn read_utf8(file: &Path) -> Result<String, Error> {
    let bytes = fs::read(file).map_err(Error::io(file))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error::Input(format!("{}:{line}: not UTF-8; expected UTF-8 text", file.display()))
    })
}

/// Paragraphs where a blank line stands between two lines of text, else lines.
fn units(text: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut lines = 0;
    let mut open = false;
    for line in text.trim_start_matches('\u{feff}').lines().map(str::trim) {
        if line.is_empty() {
            open = false;
            continue;
        }
        lines += 1;
        match paragraphs.last_mut() {
            Some(paragraph) if open => {
                paragraph.push('\n');
                paragraph.push_str(line);
            }
            _ => paragraphs.push(line.to_string()),
        }
        open = true;
    }
    if paragraphs.len() == 1 && lines > 1 {
        return paragraphs[0].lines().map(str::to_string).collect();
    }
    paragraphs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_decide_what_a_note_is() {
        for (text, expected) in [
            ("", vec![]),
            (" \n\n", vec![]),
            ("one", vec!["one"]),
            ("one\ntwo\n", vec!["one", "two"]),
            ("\u{feff}\none\r\ntwo\n\n\n", vec!["one", "two"]),
            ("one\ntwo\n\nthree\n", vec!["one\ntwo", "three"]),
            ("one\n\ntwo\n \nthree\nfour", vec!["one", "two", "three\nfour"]),
        ] {
            assert_eq!(units(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_split_keeps_equal_notes_together_and_ignores_their_order() {
        let notes: Vec<String> = (0..200).map(|i| format!("note {}", i % 100)).collect();
        let split = |notes: Vec<String>| Texts { files: 1, notes }.split(0.1, 3).unwrap();
        let (train, validation) = split(notes.clone());
        assert_eq!((train.len(), validation.len()), (180, 20));
        assert!(validation.iter().all(|note| !train.contains(note)));
        let (_, mut turned) = split(notes.into_iter().rev().collect());
        turned.reverse();
        assert_eq!(turned, validation);
    }

    #[test]
    fn a_split_that_leaves_nothing_is_refused() {
        let notes = vec!["the same".to_string(); 5];
        let error = Texts { files: 1, notes }.split(0.1, 3).unwrap_err().to_string();
        assert!(error.contains("1 different notes") && !error.contains("the same"), "{error}");
    }

    #[test]
    fn errors_name_file_and_line_and_never_text() {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().to_path_buf();
        let message = |paths: &[PathBuf]| Texts::read(paths).err().unwrap().to_string();
        assert!(message(std::slice::from_ref(&folder)).contains("no .txt file"));
        fs::write(folder.join("a.txt"), b"secret one\nsecret \xff two\n").unwrap();
        let error = message(std::slice::from_ref(&folder));
        assert!(error.contains("a.txt:2: not UTF-8") && !error.contains("secret"), "{error}");
        fs::write(folder.join("a.txt"), "\n \n").unwrap();
        assert!(message(&[folder.join("a.txt")]).contains("a.txt:1: no text"));
        assert!(message(&[folder.join("none.txt")]).contains("none.txt"));
        assert!(message(&[]).contains("no texts"));
        fs::write(folder.join("a.txt"), "a\nb\n").unwrap();
        fs::write(folder.join("b.txt"), "c\n\nd\ne\n").unwrap();
        let texts = Texts::read(std::slice::from_ref(&folder)).unwrap();
        assert_eq!((texts.files, texts.notes), (2, vec!["a".into(), "b".into(), "c".into(), "d\ne".into()]));
    }
}
