//! `table.csv`: one row per record, nothing aggregated or rounded.

use std::collections::BTreeSet;

use minim_experiment::{Metrics, Record, Status, TaskKind};

use crate::{Error, Table};

/// A column's name and its field of a record.
type Column = (&'static str, fn(&Record) -> String);

/// A prefix of column names, and the metrics of a record that they show.
type Family = (&'static str, fn(&Record) -> Option<&Metrics>);

/// Columns that every record fills in the same way; the unit stands in the name.
const FIXED: [Column; 43] = [
    ("run_id", |r| r.run_id.clone()),
    ("experiment", |r| r.run.experiment.clone()),
    ("task", |r| r.run.task.name.clone()),
    ("model", |r| r.run.model.name.clone()),
    ("method", |r| r.run.method.name.clone()),
    ("seed", |r| r.seed.to_string()),
    ("status", |r| status(r).into()),
    ("error", |r| r.error.clone().unwrap_or_default()),
    ("task_kind", |r| kind(r).into()),
    ("method_kind", |r| r.run.method.method.kind().into()),
    ("select_metric", |r| r.run.task.select.clone()),
    ("test_select_score", |r| number(r.scores.test.get(&r.run.task.select).copied())),
    ("score_low", |r| number(r.scores.test_interval.as_ref().map(|interval| interval.low))),
    ("score_high", |r| number(r.scores.test_interval.as_ref().map(|interval| interval.high))),
    ("majority_test_select_score", |r| {
        let majority = r.data.as_ref().map(|d| &d.majority.test);
        number(majority.and_then(|m| m.get(&r.run.task.select)).copied())
    }),
    ("dataset", |r| text(&r.data, |d| d.dataset.clone())),
    ("synthetic", |r| text(&r.data, |d| d.synthetic)),
    ("train_examples", |r| text(&r.data, |d| d.train)),
    ("validation_examples", |r| text(&r.data, |d| d.validation)),
    ("test_examples", |r| text(&r.data, |d| d.test)),
    ("total_parameters", |r| text(&r.parameters, |p| p.total)),
    ("trainable_parameters", |r| text(&r.parameters, |p| p.trainable)),
    ("adapter_parameters", |r| text(&r.parameters, |p| p.adapter)),
    ("head_parameters", |r| text(&r.parameters, |p| p.head)),
    ("load_s", |r| text(&r.cost, |c| c.load_s)),
    ("train_s", |r| text(&r.cost, |c| c.train_s)),
    ("evaluate_s", |r| text(&r.cost, |c| c.evaluate_s)),
    ("total_s", |r| text(&r.cost, |c| c.total_s)),
    ("best_s", |r| number(r.cost.as_ref().and_then(|c| c.best_s))),
    ("train_tokens_per_s", |r| number(r.cost.as_ref().and_then(|c| c.train_tokens_per_s))),
    ("train_examples_per_s", |r| number(r.cost.as_ref().and_then(|c| c.train_examples_per_s))),
    ("evaluate_tokens_per_s", |r| number(r.cost.as_ref().and_then(|c| c.evaluate_tokens_per_s))),
    ("evaluate_examples_per_s", |r| number(r.cost.as_ref().and_then(|c| c.evaluate_examples_per_s))),
    ("peak_memory_bytes", |r| number(r.cost.as_ref().and_then(|c| c.peak_memory_bytes))),
    ("peak_device_memory_bytes", |r| number(r.cost.as_ref().and_then(|c| c.peak_device_memory_bytes))),
    ("kept_bytes", |r| text(&r.cost, |c| c.kept_bytes)),
    ("base_bytes", |r| text(&r.cost, |c| c.base_bytes)),
    ("base_memory_bytes", |r| number(r.cost.as_ref().and_then(|c| c.base_memory_bytes))),
    ("device", |r| text(&r.hardware, |h| h.device.clone())),
    ("cpu", |r| text(&r.hardware, |h| h.cpu.clone())),
    ("threads", |r| text(&r.hardware, |h| h.threads)),
    ("git_commit", |r| r.git_commit.clone().unwrap_or_default()),
    ("created_utc", |r| r.created_utc.clone()),
];

impl Table {
    /// The records as CSV with a header: raw units, every digit, an empty field where a value is undefined.
    ///
    /// Behind the fixed columns stand `test_<metric>`, `validation_<metric>` and `majority_test_<metric>` for every metric that
    /// some record has.
    ///
    /// # Errors
    /// The CSV writer refuses a row; with rows of equal length it has no reason to.
    pub fn to_csv(&self) -> Result<String, Error> {
        let names = |of: fn(&Record) -> Option<&Metrics>| -> BTreeSet<&String> {
            self.records().iter().filter_map(of).flat_map(|metrics| metrics.keys()).collect()
        };
        let families: [Family; 3] = [
            ("test", |r| Some(&r.scores.test)),
            ("validation", |r| Some(&r.scores.validation)),
            ("majority_test", |r| r.data.as_ref().map(|d| &d.majority.test)),
        ];
        let families = families.map(|(prefix, of)| (prefix, of, names(of)));

        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut header: Vec<String> = FIXED.iter().map(|(name, _)| (*name).into()).collect();
        for (prefix, _, metrics) in &families {
            header.extend(metrics.iter().map(|metric| format!("{prefix}_{metric}")));
        }
        writer.write_record(&header)?;
        for record in self.records() {
            let mut row: Vec<String> = FIXED.iter().map(|(_, value)| value(record)).collect();
            for (_, of, metrics) in &families {
                let values = of(record);
                row.extend(metrics.iter().map(|m| number(values.and_then(|v| v.get(*m)).copied())));
            }
            writer.write_record(&row)?;
        }
        let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
        // Every field was a String.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn status(record: &Record) -> &'static str {
    match record.status {
        Status::Finished => "finished",
        Status::Failed => "failed",
    }
}

fn kind(record: &Record) -> &'static str {
    match record.run.task.kind {
        TaskKind::SequenceClassification => "sequence-classification",
        TaskKind::Ner => "ner",
        TaskKind::RelationExtraction => "relation-extraction",
    }
}

fn text<T, V: ToString>(part: &Option<T>, value: fn(&T) -> V) -> String {
    part.as_ref().map(|part| value(part).to_string()).unwrap_or_default()
}

fn number(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
