use burn::tensor::Device;
use minim_models::{Classifier, HeadKind};
use minim_tasks::{EncodedExample, Place, Prediction, Scores, Task, evaluation_batches};

use crate::Error;

/// Predictions for a split, and what they are worth.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// One per example, in no particular order.
    pub predictions: Vec<Prediction>,
    /// The task's scores.
    pub scores: Scores,
    /// Mean loss over the batches.
    pub loss: f64,
    /// Pieces read, padding not counted.
    pub tokens: usize,
}

/// Predicts and scores a split; `model` is on a device without autodiff, so that dropout is off.
///
/// # Errors
/// [`Error::Task`] if a prediction is not finite or can't be scored.
pub fn evaluate(
    model: &Classifier,
    task: &Task,
    examples: &[EncodedExample],
    batch_size: usize,
    pad_id: u32,
    device: &Device,
) -> Result<Evaluation, Error> {
    let (predictions, loss, tokens) = predict(model, task, examples, batch_size, pad_id, device)?;
    let scores = task.score(&predictions, examples)?;
    Ok(Evaluation { predictions, scores, loss, tokens })
}

/// Predictions without scores: (predictions, mean loss, pieces).
pub(crate) fn predict(
    model: &Classifier,
    task: &Task,
    examples: &[EncodedExample],
    batch_size: usize,
    pad_id: u32,
    device: &Device,
) -> Result<(Vec<Prediction>, f64, usize), Error> {
    let places = Place::all(examples);
    let batches = evaluation_batches(&Place::lengths(&places, examples), batch_size);
    let (mut predictions, mut loss, mut tokens) = (task.predictions(examples), 0.0, 0);
    for indices in &batches {
        let rows: Vec<Place> = indices.iter().map(|&index| places[index]).collect();
        let batch = task.collate(examples, &rows, pad_id, device);
        tokens += batch.token_count;
        match model.head() {
            HeadKind::Sequence => {
                let logits = model.sequence_logits(&batch.tokens);
                loss += task.loss(logits.clone(), &batch).into_scalar::<f64>();
                predictions.add(logits, &batch)?;
            }
            HeadKind::Token => {
                let logits = model.token_logits(&batch.tokens);
                loss += task.loss(logits.clone(), &batch).into_scalar::<f64>();
                predictions.add(logits, &batch)?;
            }
        }
    }
    Ok((predictions.finish(), loss / batches.len().max(1) as f64, tokens))
}
