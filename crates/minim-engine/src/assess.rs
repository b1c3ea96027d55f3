//! What a trained run is worth on a labelled file, how sure that is, and whether two runs differ.
//!
//! Intervals and comparisons draw whole documents, as `minim_metrics::bootstrap` does: 95 %, 10,000 resamples, seed 0.

use std::path::Path;

use burn::tensor::Device;
use minim_datasets::read_file;
use minim_experiment::{LabelScore, Metrics, ScoreInterval};
use minim_metrics::bootstrap::{Bootstrap, Difference, Statistic};
use minim_metrics::deidentification::Report;
use minim_tasks::{EncodedExample, ExampleSlice, Prediction, Task};
use serde::Serialize;

use crate::{Error, Evaluation, TrainedRun, evaluate, examples};

/// What `minim evaluate` prints, in this order.
#[derive(Debug, Clone, Serialize)]
pub struct Assessment {
    /// What was left in the text, for a task that removes what identifies a person: recall first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deidentification: Option<Report>,
    /// Examples in the file.
    pub examples: usize,
    /// How many of them were cut to meet the maximum length.
    pub truncated: usize,
    /// Mean loss.
    pub loss: f64,
    /// The task's scores.
    pub scores: Metrics,
    /// How sure the selecting score is; `None` where it is undefined.
    pub interval: Option<ScoreInterval>,
    /// Scores per label, or per entity type.
    pub per_label: Vec<LabelScore>,
}

/// What `minim compare` prints, in this order.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The score that is compared.
    pub metric: String,
    /// Examples in the file.
    pub examples: usize,
    /// Documents that were drawn from.
    pub documents: usize,
    /// Where the draws start.
    pub seed: u64,
    /// Scores of both runs, first less second with its interval, and how often the difference changes its sign.
    #[serde(flatten)]
    pub difference: Difference,
}

/// A labelled file as a run reads it, with its predictions.
struct Judged {
    evaluation: Evaluation,
    truth: Vec<EncodedExample>,
    documents: Vec<String>,
}

/// Scores a trained run on a labelled file.
///
/// # Errors
/// [`Error`] names the file and line that can't be read.
pub fn assess_file(run: &TrainedRun, file: &Path, device: &Device) -> Result<Assessment, Error> {
    let Judged { evaluation, truth, documents } = judge(run, file, device)?;
    let Evaluation { predictions, scores, loss, .. } = evaluation;
    let spec = &run.run.task;
    let deidentification = match spec.is_deidentification() {
        true => run.task.deidentification(&predictions, &truth)?,
        false => None,
    };
    Ok(Assessment {
        deidentification,
        examples: truth.len(),
        truncated: examples::truncated(&truth),
        loss,
        scores: scores.values,
        interval: interval(&run.task, &spec.select, &predictions, &truth, &documents)?,
        per_label: label_scores(scores.per_label),
    })
}

/// Compares the score that selects both runs' best evaluations on one labelled file.
///
/// # Errors
/// Runs of different tasks, labels or scores; a score that is undefined; a file that can't be read.
pub fn compare_runs(runs: [&TrainedRun; 2], file: &Path, device: &Device) -> Result<Comparison, Error> {
    let [first, second] = runs;
    let metric = &first.run.task.select;
    let same = |what: &str, same: bool| match same {
        true => Ok(()),
        false => Err(Error::Input(format!(
            "{} and {}: not the same {what}; expected two runs of one task",
            first.run.id(),
            second.run.id()
        ))),
    };
    same("kind of task", first.task.kind() == second.task.kind())?;
    same("labels in the same order", first.task.labels() == second.task.labels())?;
    same("score in `select`", *metric == second.run.task.select)?;
    same("negative_label", first.run.task.negative_label == second.run.task.negative_label)?;
    let one = judge(first, file, device)?;
    let other = judge(second, file, device)?;
    let statistic = |run: &TrainedRun, judged: &Judged| -> Result<Box<dyn Statistic>, Error> {
        let found = run.task.statistic(metric, &judged.evaluation.predictions, &judged.truth, &judged.documents)?;
        found.ok_or_else(|| Error::Input(format!("{}: {metric} is undefined on these examples", file.display())))
    };
    let (of_first, of_second) = (statistic(first, &one)?, statistic(second, &other)?);
    let bootstrap = Bootstrap::default();
    let difference = bootstrap.paired(&*of_first, &*of_second).map_err(minim_tasks::Error::from)?;
    Ok(Comparison {
        metric: metric.clone(),
        examples: one.truth.len(),
        documents: of_first.clusters().len(),
        seed: bootstrap.seed,
        difference,
    })
}

fn judge(run: &TrainedRun, file: &Path, device: &Device) -> Result<Judged, Error> {
    let examples = read_file(file, run.task.kind(), run.task.labels())?;
    let truth = run.task.encode_all(&examples, &run.tokenizer)?;
    let batch_size = run.run.training.eval_batch_size;
    let evaluation = evaluate(&run.model, &run.task, &truth, batch_size, run.tokenizer.pad_id(), device)?;
    Ok(Judged { evaluation, truth, documents: ExampleSlice::from(&examples).documents() })
}

/// The interval of a score over documents; `None` where it is undefined, on the data or on every resample.
pub(crate) fn interval(
    task: &Task,
    metric: &str,
    predictions: &[Prediction],
    truth: &[EncodedExample],
    documents: &[String],
) -> Result<Option<ScoreInterval>, Error> {
    let Some(statistic) = task.statistic(metric, predictions, truth, documents)? else { return Ok(None) };
    let bootstrap = Bootstrap::default();
    let interval = match bootstrap.interval(&*statistic) {
        Ok(interval) => interval,
        Err(minim_metrics::Error::Empty { .. } | minim_metrics::Error::Undefined { .. }) => return Ok(None),
        Err(error) => return Err(minim_tasks::Error::from(error).into()),
    };
    Ok(Some(ScoreInterval {
        metric: metric.to_owned(),
        low: interval.low,
        high: interval.high,
        level: interval.level,
        resamples: interval.resamples,
        seed: bootstrap.seed,
        documents: statistic.clusters().len(),
    }))
}

/// Rows of scores as the record has them.
pub(crate) fn label_scores(rows: Vec<minim_tasks::LabelScore>) -> Vec<LabelScore> {
    let row = |minim_tasks::LabelScore { label, precision, recall, f1, support }| LabelScore {
        label,
        precision,
        recall,
        f1,
        support,
    };
    rows.into_iter().map(row).collect()
}
