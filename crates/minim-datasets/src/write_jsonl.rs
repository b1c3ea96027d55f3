//! Prepared corpora on disk: `train.jsonl`, `validation.jsonl`, `test.jsonl` and `labels.json`, as the reader `jsonl` reads them.
//!
//! Files are written under names of their own (`.train.jsonl.partial`) and get their real ones when all are whole, so that
//! a writer that stops half-way leaves what an earlier one wrote as it is. A `card.toml` that lies beside the data of origin
//! goes along: it says, among the rest, whether the data is synthetic.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::card::card_in;
use crate::dataset::{Dataset, Kind};
use crate::document_split::Split;
use crate::error::Error;
use crate::example::Mention;
use crate::example_ref::{ExampleRef, Sink};
use crate::label_set::LabelSet;
use crate::source::read_text;

const LABELS: &str = "labels.json";
const CARD: &str = "card.toml";

/// Writes a corpus into a folder, which is created.
///
/// ```
/// # use minim_datasets::{read, read_file, write_jsonl, Dataset, Labelled, LabelSet, Splits};
/// # let folder = tempfile::tempdir().unwrap();
/// let example = |id: &str| Labelled { id: id.into(), text: "no fever".into(), text_pair: None, label: 0 };
/// let labels = LabelSet::new(vec!["well".into()])?;
/// let splits = Splits { labels, train: vec![example("a#1")], validation: vec![example("b#1")], test: vec![example("c#1")] };
/// let dataset = Dataset::from(splits);
/// write_jsonl(&dataset, folder.path())?;
/// assert_eq!(read("jsonl", folder.path())?, dataset);
/// # Ok::<(), minim_datasets::Error>(())
/// ```
///
/// # Errors
/// Those of [`JsonlWriter`].
pub fn write_jsonl(dataset: &Dataset, out: &Path) -> Result<(), Error> {
    let mut writer = JsonlWriter::create(out)?;
    dataset.pass_to(&mut writer)?;
    writer.finish()
}

/// Writes examples as they come.
///
/// Nothing has its real name before [`finish`](Self::finish); dropped without it, the writer removes what it wrote.
#[derive(Debug)]
pub struct JsonlWriter {
    out: PathBuf,
    /// In the order of [`Split::ALL`].
    files: [BufWriter<File>; 3],
    labels: Option<LabelSet>,
    card: Option<String>,
    finished: bool,
}

impl JsonlWriter {
    /// A writer into a folder, which is created.
    ///
    /// # Errors
    /// [`Error::Write`] if the folder or a file in it cannot be made, [`Error::NotEmpty`] if the folder holds anything
    /// but the files of an earlier corpus: it may be somebody's data.
    pub fn create(out: &Path) -> Result<Self, Error> {
        fs::create_dir_all(out).map_err(|source| Error::Write { path: out.to_owned(), source })?;
        check_replaceable(out)?;
        let create = |split: Split| {
            let path = partial(out, &file_name(split));
            File::create(&path).map(BufWriter::new).map_err(|source| Error::Write { path, source })
        };
        let [train, validation, test] = Split::ALL;
        let files = [create(train)?, create(validation)?, create(test)?];
        Ok(Self { out: out.to_owned(), files, labels: None, card: None, finished: false })
    }

    /// Also writes the card that lies beside the data in `root`, if one does.
    ///
    /// # Errors
    /// Those of [`card_in`](crate::card_in).
    pub fn with_card_in(mut self, root: &Path) -> Result<Self, Error> {
        if card_in(root)?.is_some() {
            self.card = Some(read_text(&root.join(CARD), "a dataset card")?);
        }
        Ok(self)
    }

    /// Gives all files their real names, and so replaces those of an earlier corpus.
    ///
    /// # Errors
    /// [`Error::Write`] if a file cannot be written to its end or renamed.
    pub fn finish(mut self) -> Result<(), Error> {
        for (file, split) in self.files.iter_mut().zip(Split::ALL) {
            file.flush().map_err(|source| Error::Write { path: self.out.join(file_name(split)), source })?;
        }
        let labels = self.labels.as_ref().map(LabelSet::names).unwrap_or_default();
        let labels = serde_json::to_string(labels).map_err(io::Error::from).map(|text| text + "\n");
        let write = |name: &str, text: &str| {
            let path = partial(&self.out, name);
            fs::write(&path, text).map_err(|source| Error::Write { path, source })
        };
        write(LABELS, &labels.map_err(|source| Error::Write { path: self.out.join(LABELS), source })?)?;
        // An earlier corpus's card must not stand beside this one.
        let path = self.out.join(CARD);
        match &self.card {
            Some(card) => write(CARD, card)?,
            None if path.exists() => fs::remove_file(&path).map_err(|source| Error::Write { path, source })?,
            None => {}
        }
        for name in names().filter(|name| name != CARD || self.card.is_some()) {
            let path = self.out.join(&name);
            fs::rename(partial(&self.out, &name), &path).map_err(|source| Error::Write { path, source })?;
        }
        self.finished = true;
        Ok(())
    }
}

impl Drop for JsonlWriter {
    fn drop(&mut self) {
        if !self.finished {
            for name in names() {
                // Whatever went wrong before is being told; a file that cannot be removed is told when it is next written.
                let _ = fs::remove_file(partial(&self.out, &name));
            }
        }
    }
}

impl Sink for JsonlWriter {
    fn begin(&mut self, _: Kind, labels: &LabelSet) -> Result<(), Error> {
        self.labels = Some(labels.clone());
        Ok(())
    }

    fn take(&mut self, split: Split, example: ExampleRef<'_>) -> Result<(), Error> {
        let file = &mut self.files[split as usize];
        let name = |label: usize| self.labels.as_ref().map(|labels| labels.name(label)).unwrap_or_default();
        let written = match example {
            ExampleRef::Sequence(e) => {
                let text_pair = e.text_pair.as_deref();
                line(file, &SequenceLine { id: &e.id, text: &e.text, text_pair, label: name(e.label) })
            }
            ExampleRef::Tokens(e) => {
                let tags = e.tags.iter().map(|&tag| name(tag)).collect();
                line(file, &TokensLine { id: &e.id, words: &e.words, tags })
            }
            ExampleRef::Relations(e) => {
                let [head, tail] = [&e.head, &e.tail].map(|mention| mention.as_ref().map(|m| Span::of(&e.text, m)));
                line(file, &RelationsLine { id: &e.id, text: &e.text, label: name(e.label), head, tail })
            }
        };
        written.map_err(|source| Error::Write { path: partial(&self.out, &file_name(split)), source })
    }
}

#[derive(Serialize)]
struct SequenceLine<'a> {
    id: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_pair: Option<&'a str>,
    label: &'a str,
}

#[derive(Serialize)]
struct TokensLine<'a> {
    id: &'a str,
    words: &'a [String],
    tags: Vec<&'a str>,
}

#[derive(Serialize)]
struct RelationsLine<'a> {
    id: &'a str,
    text: &'a str,
    label: &'a str,
    head: Option<Span<'a>>,
    tail: Option<Span<'a>>,
}

/// A mention in characters, half open.
#[derive(Serialize)]
struct Span<'a> {
    start: usize,
    end: usize,
    kind: &'a str,
}

impl<'a> Span<'a> {
    fn of(text: &str, mention: &'a Mention) -> Self {
        let characters = |byte: usize| text[..byte].chars().count();
        Self { start: characters(mention.start), end: characters(mention.end), kind: &mention.kind }
    }
}

fn line(file: &mut impl Write, object: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, object)?;
    file.write_all(b"\n")
}

fn file_name(split: Split) -> String {
    format!("{}.jsonl", split.name())
}

fn names() -> impl Iterator<Item = String> {
    Split::ALL.into_iter().map(file_name).chain([LABELS.to_owned(), CARD.to_owned()])
}

fn partial(out: &Path, name: &str) -> PathBuf {
    out.join(format!(".{name}.partial"))
}

fn check_replaceable(out: &Path) -> Result<(), Error> {
    let unreadable = |source| Error::Io { path: out.to_owned(), source };
    let ours: Vec<PathBuf> = names().flat_map(|name| [out.join(&name), partial(out, &name)]).collect();
    for entry in fs::read_dir(out).map_err(unreadable)? {
        if !ours.contains(&entry.map_err(unreadable)?.path()) {
            return Err(Error::NotEmpty { path: out.to_owned() });
        }
    }
    Ok(())
}
