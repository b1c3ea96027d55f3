//! Raw logits of a model folder, without an adapter or with any number of them: what parity is checked with.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{Method, Resident};
use minim_experiment::BasePrecision;
use minim_models::{Checkpoint, Classifier, HeadKind, TokenBatch, published_name};
use minim_tasks::{Encoded, Tokenizer};
use serde::Deserialize;

use crate::method::{check_fit, check_length, room};
use crate::origin::Origin;
use crate::run_folder::read_for;
use crate::start::{check_whole, modules_of};
use crate::{Error, SharedBase};

/// An adapter folder and the name that lines of input call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAdapter {
    /// The name: what stands before `=`, or else the folder's own name.
    pub name: String,
    /// An adapter folder in peft's layout.
    pub folder: PathBuf,
}

impl std::str::FromStr for NamedAdapter {
    type Err = std::convert::Infallible;

    /// `DIR` or `NAME=DIR`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, folder) = match text.split_once('=') {
            Some((name, folder)) if !name.contains(['/', '\\']) => (name.to_string(), PathBuf::from(folder)),
            _ => {
                let folder = PathBuf::from(text);
                let name = folder.file_name().map_or_else(|| text.into(), |name| name.to_string_lossy().into_owned());
                (name, folder)
            }
        };
        Ok(Self { name, folder })
    }
}

/// One line of input.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Words { words: Vec<String>, adapter: Option<String> },
    Text { text: String, text_pair: Option<String>, adapter: Option<String> },
}

/// A line as pieces, and the adapter it is for.
struct Row {
    encoded: Encoded,
    adapter: Option<String>,
}

/// A model folder, opened for logits.
#[derive(Debug)]
pub struct Logits {
    models: Resident<Classifier>,
    /// The adapter of lines that name none: the only one, if there is just one.
    default: Option<String>,
    tokenizer: Tokenizer,
    device: Device,
    max_length: usize,
    /// What the user should know about the loading.
    pub notes: Vec<String>,
}

impl Logits {
    /// Loads `model` once, its frozen weights held in `base`, and every adapter onto it. One adapter has `labels` labels; of several, each has as many as
    /// it was saved with.
    ///
    /// # Errors
    /// [`Error`] names the file and the tensors that do not fit, or what an adapter was trained on if that is something else.
    pub fn open(
        model: &Path,
        adapters: &[NamedAdapter],
        head: HeadKind,
        labels: usize,
        max_length: Option<usize>,
        base: BasePrecision,
        device: &Device,
    ) -> Result<Self, Error> {
        if labels == 0 {
            return Err(Error::Input("--labels 0: expected at least 1".into()));
        }
        let checkpoint = read_for(Checkpoint::open(model)?, base);
        let mut read = Vec::with_capacity(adapters.len());
        for adapter in adapters {
            let config = AdapterConfig::read(&adapter.folder)?;
            let method = config.method(&adapter.folder)?;
            check_fit(&method, checkpoint.config(), &adapter.folder)?;
            read.push((adapter, config, method));
        }
        // The adapter with the most virtual tokens leaves the least room.
        let methods = read.iter().map(|(.., method)| method);
        let longest = methods.max_by_key(|method| method.virtual_tokens()).unwrap_or(&Method::Head);
        let max_length = max_length.unwrap_or_else(|| room(longest, checkpoint.config()));
        check_length(max_length, longest, checkpoint.config(), "--max-length")?;
        let tokenizer = Tokenizer::from_folder(model)?;
        tokenizer.check_vocab(checkpoint.config().vocab_size())?;
        let mut loaded = checkpoint.classifier(head, labels, 0, device)?;
        // What is fresh here is the adapter's to bring: below.
        let notes = if adapters.is_empty() { &loaded.notes[..] } else { loaded.notes_beside_adapter() }.to_vec();
        // Moved, not cloned: a weight is read when it is quantised, and nothing else may hold it.
        let shared = SharedBase::new(loaded.model, &checkpoint.config().head_modules(), base)?;
        loaded.model = shared.bare().clone();
        let mut models = Resident::new(shared.plain()?);
        for (NamedAdapter { name, folder }, config, method) in &read {
            let task = config.task_type.clone().unwrap_or_else(|| head.peft_task_type().into());
            let kind = [HeadKind::Sequence, HeadKind::Token].into_iter().find(|kind| kind.peft_task_type() == task);
            let kind = kind.filter(|kind| adapters.len() > 1 || *kind == head);
            let Some(kind) = kind else {
                let expected = head.peft_task_type();
                return Err(Error::Input(format!("{}: the adapter is for {task}, not {expected}", folder.display())));
            };
            Origin::check_model(folder, &checkpoint, &tokenizer, &task)?;
            let base = match adapters.len() {
                1 => loaded.model.clone(),
                _ => {
                    let labels = peft::labels(folder)?.unwrap_or(labels);
                    let model = checkpoint.config().on_backbone_of(&loaded.model, kind, labels, 0, device);
                    model.ok_or_else(|| {
                        let reason =
                            "a sequence adapter among others needs --task seq-cls, so that the base has its pooler";
                        Error::Input(format!("{}: {reason}", folder.display()))
                    })?
                }
            };
            let modules = modules_of(config);
            check_whole(&loaded, &modules, kind, folder)?;
            let adapted = shared.attach_kept(base, method, &modules)?;
            let adapted = peft::load(adapted, method, &modules, published_name, folder)?.valid();
            if models.insert(name, adapted).is_some() {
                return Err(Error::Input(format!("two adapters are named {name}; name them: --adapter NAME=DIR")));
            }
        }
        let default = adapters.first().filter(|_| adapters.len() == 1).map(|adapter| adapter.name.clone());
        Ok(Self { models, default, tokenizer, device: device.clone(), max_length, notes })
    }

    /// Reads one JSON object per line and writes one `{"logits": ..}` per line: a list of numbers, or for tokens one list per piece. Up to
    /// `batch_size` lines are computed together, whichever adapters they name.
    ///
    /// # Errors
    /// [`Error::Input`] names `source` and the line.
    pub fn run(
        &self,
        source: &str,
        input: impl BufRead,
        mut output: impl Write,
        batch_size: usize,
    ) -> Result<(), Error> {
        let mut waiting = Vec::with_capacity(batch_size);
        for (number, line) in input.lines().enumerate() {
            let at = |reason: String| Error::Input(format!("{source}:{}: {reason}", number + 1));
            let line = line.map_err(|error| at(format!("can't be read ({})", error.kind())))?;
            if line.trim().is_empty() {
                continue;
            }
            waiting.push(self.row(&line, at)?);
            if waiting.len() >= batch_size {
                self.write(&waiting, &mut output)?;
                waiting.clear();
            }
        }
        self.write(&waiting, &mut output)
    }

    fn row(&self, line: &str, at: impl Fn(String) -> Error) -> Result<Row, Error> {
        // serde's own message can quote the text, so it is not passed on.
        let line: Line = serde_json::from_str(line)
            .map_err(|_| at(r#"expected {"text": ..}, {"text": .., "text_pair": ..} or {"words": [..]}"#.into()))?;
        let (encoded, adapter) = match line {
            Line::Text { text, text_pair, adapter } => {
                (self.tokenizer.encode(&text, text_pair.as_deref(), self.max_length), adapter)
            }
            Line::Words { words, adapter } => (self.tokenizer.encode_words(&words, self.max_length), adapter),
        };
        let adapter = adapter.or_else(|| self.default.clone());
        if adapter.is_none() && self.models.names().next().is_some() {
            let known: Vec<&str> = self.models.names().collect();
            return Err(at(format!("names no \"adapter\"; expected one of {}", known.join(", "))));
        }
        self.models.get(adapter.as_deref()).map_err(|error| at(error.to_string()))?;
        Ok(Row { encoded: encoded?, adapter })
    }

    fn write(&self, rows: &[Row], output: &mut impl Write) -> Result<(), Error> {
        let adapters: Vec<Option<&str>> = rows.iter().map(|row| row.adapter.as_deref()).collect();
        let logits = self.models.mixed(&adapters, |model, chosen| {
            self.logits(model, &chosen.iter().map(|&row| &rows[row].encoded).collect::<Vec<_>>())
        })?;
        for logits in logits {
            let line = serde_json::json!({ "logits": logits });
            writeln!(output, "{line}").map_err(Error::io(Path::new("standard output")))?;
        }
        Ok(())
    }

    fn logits(&self, model: &Classifier, encoded: &[&Encoded]) -> Vec<serde_json::Value> {
        let (ids, types): (Vec<&[u32]>, Vec<&[u32]>) = encoded.iter().map(|row| (&row.ids[..], &row.types[..])).unzip();
        let batch = TokenBatch::new(&ids, &types, self.tokenizer.pad_id(), &self.device);
        match model.head() {
            HeadKind::Sequence => rows(model.sequence_logits(&batch)).into_iter().map(Into::into).collect(),
            HeadKind::Token => {
                let logits = model.token_logits(&batch);
                let [batch, seq, labels] = logits.dims();
                let pieces = rows(logits.reshape([batch * seq, labels]));
                // What stands for padding is no answer.
                pieces.chunks(seq.max(1)).zip(encoded).map(|(row, text)| row[..text.len()].to_vec().into()).collect()
            }
        }
    }
}

/// A matrix as rows of numbers.
pub(crate) fn rows(tensor: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, width] = tensor.dims();
    let values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
    values.chunks_exact(width.max(1)).map(<[f32]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::NamedAdapter;

    #[test]
    fn a_folder_gives_an_adapter_its_name_unless_one_stands_before_it() {
        for (text, name, folder) in [
            ("runs/a/lora", "lora", "runs/a/lora"),
            ("phi=runs/a/lora", "phi", "runs/a/lora"),
            ("runs/lr=3/lora", "lora", "runs/lr=3/lora"),
        ] {
            let read: NamedAdapter = text.parse().unwrap();
            assert_eq!((read.name.as_str(), read.folder.to_str()), (name, Some(folder)));
        }
    }
}
