//! Raw logits of a model folder, with or without an adapter: what parity is checked with.

use std::io::{BufRead, Write};
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{Method, attach};
use minim_models::{Checkpoint, Classifier, HeadKind, TokenBatch, published_name};
use minim_tasks::{Encoded, Tokenizer};
use serde::Deserialize;

use crate::Error;
use crate::method::{check_fit, check_length, room};

/// One line of input.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Words { words: Vec<String> },
    Text { text: String, text_pair: Option<String> },
}

/// A model folder, opened for logits.
#[derive(Debug)]
pub struct Logits {
    model: Classifier,
    tokenizer: Tokenizer,
    device: Device,
    max_length: usize,
    /// What the user should know about the loading.
    pub notes: Vec<String>,
}

impl Logits {
    /// Loads `model`, and `adapter` onto it.
    ///
    /// # Errors
    /// [`Error`] names the file and the tensors that do not fit.
    pub fn open(
        model: &Path,
        adapter: Option<&Path>,
        head: HeadKind,
        labels: usize,
        max_length: Option<usize>,
        device: &Device,
    ) -> Result<Self, Error> {
        if labels == 0 {
            return Err(Error::Input("--labels 0: expected at least 1".into()));
        }
        let checkpoint = Checkpoint::open(model)?;
        let adapter = adapter.map(|folder| -> Result<_, Error> {
            let config = AdapterConfig::read(folder)?;
            let method = config.method(folder)?;
            check_fit(&method, checkpoint.config(), folder)?;
            Ok((folder, config, method))
        });
        let adapter = adapter.transpose()?;
        let method = adapter.as_ref().map_or(&Method::Head, |(.., method)| method);
        let max_length = max_length.unwrap_or_else(|| room(method, checkpoint.config()));
        check_length(max_length, method, checkpoint.config(), "--max-length")?;
        let tokenizer = Tokenizer::from_folder(model)?;
        tokenizer.check_vocab(checkpoint.config().vocab_size())?;
        let loaded = checkpoint.classifier(head, labels, 0, device)?;
        let mut notes = loaded.notes.clone();
        let model = match adapter {
            None => loaded.model,
            Some((folder, config, method)) => {
                if let Some(task) = config.task_type.as_deref().filter(|task| *task != head.peft_task_type()) {
                    return Err(Error::Input(format!(
                        "{}: the adapter is for {task}, not {}",
                        folder.display(),
                        head.peft_task_type()
                    )));
                }
                // peft adds these two whatever the file says.
                let mut modules = vec!["classifier".to_string(), "score".to_string()];
                modules.extend(config.modules_to_save.unwrap_or_default());
                notes.retain(|note| !note.contains("fresh"));
                let adapted = attach(loaded.model, &method, &modules, 0, published_name)?;
                peft::load(adapted, &method, &modules, published_name, folder)?
            }
        };
        Ok(Self { model: model.valid(), tokenizer, device: device.clone(), max_length, notes })
    }

    /// Reads one JSON object per line and writes one `{"logits": ..}` per line: a list of numbers, or for tokens one list per piece.
    ///
    /// # Errors
    /// [`Error::Input`] names `source` and the line.
    pub fn run(&self, source: &str, input: impl BufRead, mut output: impl Write) -> Result<(), Error> {
        for (number, line) in input.lines().enumerate() {
            let at = |reason: String| Error::Input(format!("{source}:{}: {reason}", number + 1));
            let line = line.map_err(|error| at(format!("can't be read ({})", error.kind())))?;
            if line.trim().is_empty() {
                continue;
            }
            // serde's own message can quote the text, so it is not passed on.
            let line: Line = serde_json::from_str(&line)
                .map_err(|_| at(r#"expected {"text": ..}, {"text": .., "text_pair": ..} or {"words": [..]}"#.into()))?;
            let encoded = match line {
                Line::Text { text, text_pair } => self.tokenizer.encode(&text, text_pair.as_deref(), self.max_length),
                Line::Words { words } => self.tokenizer.encode_words(&words, self.max_length),
            }?;
            let logits = serde_json::json!({ "logits": self.logits(&encoded) });
            writeln!(output, "{logits}").map_err(Error::io(Path::new("standard output")))?;
        }
        Ok(())
    }

    fn logits(&self, encoded: &Encoded) -> serde_json::Value {
        let batch = TokenBatch::new(&[&encoded.ids], &[&encoded.types], self.tokenizer.pad_id(), &self.device);
        match self.model.head() {
            HeadKind::Sequence => {
                rows(self.model.sequence_logits(&batch)).into_iter().next().unwrap_or_default().into()
            }
            HeadKind::Token => {
                let logits = self.model.token_logits(&batch);
                let [_, seq, labels] = logits.dims();
                rows(logits.reshape([seq, labels])).into()
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
