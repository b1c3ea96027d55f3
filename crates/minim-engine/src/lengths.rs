//! How many pieces a tokenizer makes of a dataset's examples: what a maximum length cuts off, before anything is trained.

use std::collections::BTreeMap;
use std::path::Path;

use minim_datasets::{Dataset, Kind, LabelSet};
use minim_tasks::{ExampleSlice, Task, Tokenizer};
use serde::Serialize;

use crate::Error;

/// The examples of one split.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Lengths {
    /// Pieces of each example, in the file's order: special tokens and the marks of a relation are among them, nothing is cut.
    pub lengths: Vec<usize>,
}

/// Pieces per example of a folder of JSON lines (`train.jsonl`, `validation.jsonl`, `test.jsonl`, `labels.json`), by split.
///
/// # Errors
/// [`Error::Data`] and [`Error::Task`] for a folder or a tokenizer that can't be read.
pub fn lengths(model: &Path, data: &Path) -> Result<BTreeMap<&'static str, Lengths>, Error> {
    let tokenizer = Tokenizer::from_folder(model)?;
    let dataset = minim_datasets::read("jsonl", data)?;
    let (kind, labels) = (dataset.kind(), dataset.labels().clone());
    let of = |examples: ExampleSlice<'_>| pieces(kind, labels.clone(), examples, &tokenizer);
    let [train, validation, test] = match &dataset {
        Dataset::Sequence(splits) => {
            [&splits.train, &splits.validation, &splits.test].map(|split| of((&split[..]).into()))
        }
        Dataset::Tokens(splits) => {
            [&splits.train, &splits.validation, &splits.test].map(|split| of((&split[..]).into()))
        }
        Dataset::Relations(splits) => {
            [&splits.train, &splits.validation, &splits.test].map(|split| of((&split[..]).into()))
        }
    };
    Ok(BTreeMap::from([("train", train?), ("validation", validation?), ("test", test?)]))
}

fn pieces(kind: Kind, labels: LabelSet, examples: ExampleSlice<'_>, tokenizer: &Tokenizer) -> Result<Lengths, Error> {
    // Longer than any text: a limit that cuts nothing.
    let task = Task::new(kind, labels, usize::MAX / 2, None)?;
    let encoded = task.encode_all(examples, tokenizer)?;
    Ok(Lengths { lengths: encoded.iter().map(|example| example.windows[0].len()).collect() })
}
