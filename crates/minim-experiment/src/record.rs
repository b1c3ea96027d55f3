//! What a run leaves behind: one JSON file.
//!
//! `docs/record.md` documents every key with its unit. Undefined numbers (an AUROC with one class) are absent, never NaN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Run;

/// The version that this crate reads and writes; a change of any key's meaning raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// Metric name to value; a metric that is undefined on the data is absent.
pub type Metrics = BTreeMap<String, f64>;

/// One run: what was done, on what, with which result and at which cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// [`Run::id`].
    pub run_id: String,
    /// Whether the run came to its end.
    pub status: Status,
    /// Why a failed run failed, in one line.
    pub error: Option<String>,
    /// The resolved run.
    pub run: Run,
    /// The run's seed.
    pub seed: u64,
    /// When the record was written, as `2026-01-31T12:00:00Z`.
    pub created_utc: String,
    /// Commit of the working tree that built the binary, `-dirty` behind it if files had changed; `None` outside git.
    pub git_commit: Option<String>,
    /// What computed it; `None` if the run ended before it could say.
    pub versions: Option<Versions>,
    /// What it was computed on; `None` if the run ended before it could say.
    pub hardware: Option<Hardware>,
    /// The data; `None` if the run ended before it was read.
    pub data: Option<DataSummary>,
    /// Scores of the best evaluation.
    pub scores: Scores,
    /// Scores per label on the test split.
    pub per_label: Vec<LabelScore>,
    /// One point per evaluation on the validation split.
    pub curve: Vec<CurvePoint>,
    /// Time, speed, memory and disk; `None` for a failed run.
    pub cost: Option<Cost>,
    /// Parameter counts; `None` if the run ended before the model was built.
    pub parameters: Option<Parameters>,
    /// What a reader of the scores must know, a sentence each.
    pub notes: Vec<String>,
}

impl Record {
    /// The record of a run that failed with `error` before it could write its own.
    pub fn failed(run: Run, error: impl Into<String>, created_utc: impl Into<String>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            run_id: run.id(),
            status: Status::Failed,
            error: Some(error.into()),
            seed: run.seed,
            run,
            created_utc: created_utc.into(),
            git_commit: None,
            versions: None,
            hardware: None,
            data: None,
            scores: Scores::default(),
            per_label: Vec::new(),
            curve: Vec::new(),
            cost: None,
            parameters: None,
            notes: Vec::new(),
        }
    }
}

/// Whether a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It did; the sweep skips it from now on.
    Finished,
    /// It did not; the sweep tries it again.
    Failed,
}

/// Versions of what computed a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Version of minim.
    pub minim: String,
    /// Version of burn.
    pub burn: String,
    /// The compiler, as `rustc --version` says it.
    pub rustc: String,
}

/// The machine and the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// Name of the processor.
    pub cpu: String,
    /// Processor cores that the process may use.
    pub cores: usize,
    /// Threads that the run computed with.
    pub threads: usize,
    /// Main memory in bytes.
    pub memory_bytes: u64,
    /// The device, as `cpu` or `cuda:0`.
    pub device: String,
    /// Name of the device.
    pub device_name: String,
}

/// The data of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSummary {
    /// Name of the reader, as in the experiment.
    pub dataset: String,
    /// Whether the texts were generated; scores on synthetic text say nothing about clinical quality.
    pub synthetic: bool,
    /// Training examples, after capping and subsampling.
    pub train: usize,
    /// Validation examples.
    pub validation: usize,
    /// Test examples.
    pub test: usize,
    /// Label names, in the order of the head's outputs.
    pub labels: Vec<String>,
    /// What always answering the most frequent training label scores.
    pub majority: Majority,
    /// Examples that were cut to meet the maximum length; `None` in records from before it was counted.
    #[serde(default)]
    pub truncated: Option<SplitCounts>,
    /// What a few-shot sample has of each class; `None` where there is no such sample.
    #[serde(default)]
    pub few_shot: Option<Shots>,
}

/// A number for each split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitCounts {
    /// In the training split, after capping and subsampling.
    pub train: usize,
    /// In the validation split.
    pub validation: usize,
    /// In the test split.
    pub test: usize,
}

/// What a few-shot sample has of each class, in the order of the labels; `None` for a split that was kept whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shots {
    /// Of the training split.
    pub train: Option<Vec<ClassShots>>,
    /// Of the validation split.
    pub validation: Option<Vec<ClassShots>>,
}

/// What a few-shot sample has of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassShots {
    /// Label, or entity type for NER.
    pub class: String,
    /// How many were asked for.
    pub wanted: usize,
    /// How many the whole split has: examples, or entities of a type.
    pub available: usize,
    /// How many the sample has; with whole documents often more than were asked for.
    pub drawn: usize,
}

/// What always answering the most frequent training label scores, with the metrics of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Majority {
    /// On the validation split.
    pub validation: Metrics,
    /// On the test split.
    pub test: Metrics,
}

/// Scores of a run's best evaluation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// On the validation split, which chose the evaluation.
    pub validation: Metrics,
    /// On the test split.
    pub test: Metrics,
    /// How sure the test score of the selecting metric is; `None` where it has no interval, or in older records.
    #[serde(default)]
    pub test_interval: Option<ScoreInterval>,
}

/// A percentile interval by bootstrap over documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreInterval {
    /// Of which metric.
    pub metric: String,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The share of resamples between the ends.
    pub level: f64,
    /// Resamples that the ends come from.
    pub resamples: usize,
    /// Where the draws start.
    pub seed: u64,
    /// Documents that were drawn from; an example whose id names none is one by itself.
    pub documents: usize,
}

/// Precision, recall and F1 of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelScore {
    /// Label, or entity type for NER.
    pub label: String,
    /// True positives over predicted.
    pub precision: f64,
    /// True positives over real.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// How often the label really occurs.
    pub support: usize,
}

/// An evaluation during training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Optimiser steps so far.
    pub step: usize,
    /// Passes over the training split so far, fractions included.
    pub epoch: f64,
    /// Training seconds so far, without evaluations.
    pub wall_s: f64,
    /// Mean training loss since the last point; `None` where it is not a number.
    pub train_loss: Option<f64>,
    /// Scores on the validation split.
    pub validation: Metrics,
}

/// Time, speed, memory and disk of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Seconds to read data and checkpoint and to build the model.
    pub load_s: f64,
    /// Seconds of training, without evaluations.
    pub train_s: f64,
    /// Seconds of all evaluations.
    pub evaluate_s: f64,
    /// Seconds from the start of the process to the end.
    pub total_s: f64,
    /// Training seconds up to the best validation score.
    pub best_s: Option<f64>,
    /// Pieces (padding not counted) trained on per second of `train_s`.
    pub train_tokens_per_s: Option<f64>,
    /// Examples trained on per second of `train_s`.
    pub train_examples_per_s: Option<f64>,
    /// Pieces (padding not counted) evaluated per second of `evaluate_s`.
    pub evaluate_tokens_per_s: Option<f64>,
    /// Examples evaluated per second of `evaluate_s`.
    pub evaluate_examples_per_s: Option<f64>,
    /// Highest resident main memory of the process, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Highest memory reserved on the device, in bytes; `None` on CPU.
    pub peak_device_memory_bytes: Option<u64>,
    /// Bytes on disk that must be kept beside the base model to use the result.
    pub kept_bytes: u64,
    /// Bytes on disk of the base model.
    pub base_bytes: u64,
    /// Bytes of the model in memory without what the adapter brings in; `None` in records from before it was counted.
    #[serde(default)]
    pub base_memory_bytes: Option<u64>,
}

/// Parameter counts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The model with its head, without the adapter: the same for every method.
    pub total: u64,
    /// Those that training changes.
    pub trainable: u64,
    /// Those of the adapter.
    pub adapter: u64,
    /// Those of the head.
    pub head: u64,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::Experiment;

    fn full() -> Record {
        let plan = r#"
            name = "one"
            seeds = [7]
            model = [{ name = "m", path = "p" }]
            task = [{ name = "t", kind = "relation-extraction", dataset = "d", data = "d", negative_label = "no",
                      few_shot = 9, few_shot_validation = 9, negatives_per_positive = 2 }]
            method = [{ name = "l", kind = "lora" }]
            training = { max_steps = 3, early_stopping_patience = 2 }
        "#;
        let experiment = Experiment::parse(plan, Path::new("one.toml")).expect("a plan");
        let metrics: Metrics = [("micro_f1".to_owned(), 0.1 + 0.2)].into();
        let text = || "x".to_owned();
        Record {
            status: Status::Finished,
            git_commit: Some(text()),
            versions: Some(Versions { minim: text(), burn: text(), rustc: text() }),
            hardware: Some(Hardware {
                cpu: text(),
                cores: 2,
                threads: 2,
                memory_bytes: 1 << 34,
                device: text(),
                device_name: text(),
            }),
            data: Some(DataSummary {
                dataset: text(),
                synthetic: true,
                train: 3,
                validation: 2,
                test: 1,
                labels: vec![text()],
                majority: Majority { validation: metrics.clone(), test: metrics.clone() },
                truncated: Some(SplitCounts { train: 1, validation: 0, test: 1 }),
                few_shot: Some(Shots {
                    train: Some(vec![ClassShots { class: text(), wanted: 2, available: 1, drawn: 1 }]),
                    validation: None,
                }),
            }),
            scores: Scores {
                validation: metrics.clone(),
                test: metrics.clone(),
                test_interval: Some(ScoreInterval {
                    metric: text(),
                    low: 0.1,
                    high: 0.2,
                    level: 0.95,
                    resamples: 10_000,
                    seed: 0,
                    documents: 1,
                }),
            },
            per_label: vec![LabelScore { label: text(), precision: 1.0 / 3.0, recall: 0.0, f1: 0.0, support: 4 }],
            curve: vec![CurvePoint { step: 3, epoch: 0.5, wall_s: 1e-9, train_loss: None, validation: metrics }],
            cost: Some(Cost {
                load_s: 0.1,
                train_s: 0.2,
                evaluate_s: 0.3,
                total_s: 0.7,
                best_s: None,
                train_tokens_per_s: Some(1e5),
                train_examples_per_s: None,
                evaluate_tokens_per_s: None,
                evaluate_examples_per_s: None,
                peak_memory_bytes: Some(u64::MAX),
                peak_device_memory_bytes: None,
                kept_bytes: 1,
                base_bytes: 2,
                base_memory_bytes: Some(3),
            }),
            parameters: Some(Parameters { total: 4, trainable: 3, adapter: 2, head: 1 }),
            ..Record::failed(experiment.runs().remove(0), "x", "2026-01-31T12:00:00Z")
        }
    }

    #[test]
    fn a_record_survives_json_to_the_last_bit() {
        let record = full();
        let json = serde_json::to_string_pretty(&record).expect("JSON");
        assert_eq!(serde_json::from_str::<Record>(&json).expect("a record"), record);
    }

    #[test]
    fn a_record_from_before_intervals_is_read() {
        let mut json = serde_json::to_value(full()).expect("JSON");
        for (part, key) in [("scores", "test_interval"), ("data", "truncated"), ("data", "few_shot")] {
            assert!(json[part].as_object_mut().and_then(|part| part.remove(key)).is_some());
        }
        let record: Record = serde_json::from_value(json).expect("a record");
        let data = record.data.expect("data");
        assert_eq!((record.scores.test_interval, data.truncated, data.few_shot), (None, None, None));
    }

    #[test]
    fn every_key_is_documented() {
        fn keys(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(entries) => {
                    for (key, value) in entries {
                        found.push(key.clone());
                        keys(value, found);
                    }
                }
                Value::Array(elements) => elements.iter().for_each(|value| keys(value, found)),
                _ => {}
            }
        }
        let page = include_str!("../../../docs/record.md");
        let mut found = Vec::new();
        keys(&serde_json::to_value(full()).expect("JSON"), &mut found);
        assert!(found.len() > 80, "{} keys", found.len());
        for key in found.iter().filter(|key| *key != "micro_f1") {
            assert!(page.contains(&format!("`{key}`")), "{key}");
        }
    }
}
