//! Hand-made releases of the i2b2 corpora, and what is read of them in a form that can be compared. All text is made up.

use std::fs;
use std::path::Path;

use minim_datasets::{Splits, Tagged};
use tempfile::TempDir;

/// A new folder with these files, in folders of their own.
pub(crate) fn release(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    folder
}

/// Writes further files into a release.
pub(crate) fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// An error's message without the folder's own path; it must be one line and not show `fever`, which every text has.
pub(crate) fn message(error: &minim_datasets::Error, root: &Path) -> String {
    let message = error.to_string().replace(&format!("{}/", root.display()), "");
    assert!(!message.contains("fever") && !message.contains("Fever") && !message.contains('\n'), "{message}");
    message
}

/// Id, words and tags of sentences, each as `id: word/tag word/tag`; a word outside every entity stands alone.
pub(crate) fn lines(splits: &Splits<Tagged>, sentences: &[Tagged]) -> Vec<String> {
    let word = |(word, &tag): (&String, &usize)| match splits.labels.name(tag) {
        "O" => word.clone(),
        name => format!("{word}/{name}"),
    };
    let line = |sentence: &Tagged| {
        let words: Vec<String> = sentence.words.iter().zip(&sentence.tags).map(word).collect();
        format!("{}: {}", sentence.id, words.join(" "))
    };
    sentences.iter().map(line).collect()
}

/// The entities of sentences: kind, and words without spaces between.
pub(crate) fn entities(splits: &Splits<Tagged>, sentences: &[Tagged]) -> Vec<(String, String)> {
    let mut entities: Vec<(String, String)> = Vec::new();
    for sentence in sentences {
        for (word, &tag) in sentence.words.iter().zip(&sentence.tags) {
            match splits.labels.name(tag).split_once('-') {
                Some(("B", kind)) => entities.push((kind.to_owned(), word.clone())),
                Some((_, kind)) => {
                    let (open, text) = entities.last_mut().unwrap();
                    assert_eq!(open, kind);
                    text.push_str(word);
                }
                None => {}
            }
        }
    }
    entities
}
