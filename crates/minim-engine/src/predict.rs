//! Predictions of a trained run for a file.

use std::io::Write;
use std::path::Path;

use burn::tensor::Device;
use minim_datasets::{Examples, read_file_unlabelled};

use crate::evaluate::predict;
use crate::{Error, TrainedRun};

/// Predicts for every example of a file, with or without labels in it, and writes one JSON object per line, in the file's order:
/// `{"id", "label", "probabilities": {label: p}}`, or for words `{"id", "tags"}`. No text is written.
///
/// # Errors
/// [`Error`] names the file and line that can't be read.
pub fn predict_file(run: &TrainedRun, file: &Path, output: &Path, device: &Device) -> Result<usize, Error> {
    let examples = read_file_unlabelled(file, run.task.kind())?;
    // First: predictions may take hours, and a missing folder would throw them away.
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    let encoded = run.task.encode_all(&examples, &run.tokenizer)?;
    let (mut predictions, ..) =
        predict(&run.model, &run.task, &encoded, run.run.training.eval_batch_size, run.tokenizer.pad_id(), device)?;
    predictions.sort_by_key(|prediction| prediction.example);
    let ids: Vec<&str> = match &examples {
        Examples::Sequence(examples) => examples.iter().map(|e| e.id.as_str()).collect(),
        Examples::Tokens(examples) => examples.iter().map(|e| e.id.as_str()).collect(),
        Examples::Relations(examples) => examples.iter().map(|e| e.id.as_str()).collect(),
    };
    let labels = run.task.labels();
    let mut text = Vec::new();
    for (prediction, id) in predictions.iter().zip(ids) {
        let names: Vec<&str> = prediction.labels.iter().map(|&label| labels.name(label)).collect();
        let line = match examples {
            Examples::Tokens(_) => serde_json::json!({ "id": id, "tags": names }),
            _ => {
                let probabilities = prediction.probabilities.first().map(Vec::as_slice).unwrap_or_default();
                let probabilities: serde_json::Map<_, _> = probabilities
                    .iter()
                    .enumerate()
                    .map(|(label, &p)| (labels.name(label).to_string(), p.into()))
                    .collect();
                serde_json::json!({ "id": id, "label": names.first(), "probabilities": probabilities })
            }
        };
        writeln!(text, "{line}").map_err(Error::io(output))?;
    }
    std::fs::write(output, text).map_err(Error::io(output))?;
    Ok(predictions.len())
}
