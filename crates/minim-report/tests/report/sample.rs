//! Records that no run ever wrote: every number below is made up by a formula, shaped like the records of a small grid.

use std::collections::BTreeMap;
use std::path::Path;

use minim_experiment::{
    Cost, CurvePoint, DataSummary, Hardware, Init, LabelScore, Location, Long, Majority, Method, MethodSpec, Metrics,
    ModelSpec, Parameters, Record, Run, ScoreInterval, Scores, Status, TaskKind, TaskSpec, TrainingSpec, Versions,
};

pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) hidden: u64,
    pub(crate) layers: u64,
    pub(crate) parameters: u64,
}

const MODELS: [Model; 2] = [
    Model { name: "synthetic-2x128", hidden: 128, layers: 2, parameters: 4_385_920 },
    Model { name: "synthetic-4x256", hidden: 256, layers: 4, parameters: 11_170_560 },
];

/// Two models, four methods and three tasks, one record per seed; one LoRA run failed.
pub(crate) fn grid(seeds: &[u64]) -> Vec<Record> {
    let mut records = Vec::new();
    for model in &MODELS {
        for method in methods() {
            for task in tasks() {
                for &seed in seeds {
                    records.push(finished(model, &method, &task, seed));
                }
            }
        }
    }
    let broken = records.iter().position(|r| r.run.task.kind == TaskKind::Ner && r.run.method.name == "ia3");
    let broken = &mut records[broken.expect("the grid has such a run")];
    let run = broken.run.clone();
    *broken = Record::failed(
        run,
        "data/ner/train.txt.conll:17: 4 columns where a token and a label were expected",
        "2001-02-03T04:05:06Z",
    );
    records
}

fn methods() -> Vec<MethodSpec> {
    let named = |name: &str, method| MethodSpec { name: name.into(), learning_rate: None, start: None, method };
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    vec![
        named("head", Method::Head),
        named(
            "ia3",
            Method::Ia3 {
                targets: list(&["key", "value", "output.dense"]),
                feedforward: Some(list(&["output.dense"])),
            },
        ),
        named(
            "lora-r8",
            Method::Lora {
                rank: 8,
                alpha: 16.0,
                dropout: 0.1,
                targets: list(&["query", "value"]),
                variant: Default::default(),
            },
        ),
        named("full", Method::Full),
    ]
}

fn tasks() -> Vec<TaskSpec> {
    let named = |name: &str, kind: TaskKind, negative: Option<&str>| TaskSpec {
        name: name.into(),
        kind,
        dataset: "made-up".into(),
        data: Location::new(Path::new(""), "data"),
        max_length: 128,
        long: Long::Cut,
        stride: None,
        pool: None,
        select: kind.default_select().into(),
        negative_label: negative.map(str::to_owned),
        train_limit: None,
        negatives_per_positive: None,
        few_shot: None,
        few_shot_validation: None,
        report: None,
    };
    vec![
        named("synthetic-ner", TaskKind::Ner, None),
        named("synthetic-relations", TaskKind::RelationExtraction, Some("none")),
        named("synthetic-mortality", TaskKind::SequenceClassification, None),
    ]
}

/// A number in 0 to 1 that looks random and depends on the text alone.
fn jitter(text: &str) -> f64 {
    let hash = text.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    f64::from(hash % 1000) / 1000.0
}

pub(crate) fn finished(model: &Model, method: &MethodSpec, task: &TaskSpec, seed: u64) -> Record {
    let (adapter, quality, speed) = match &method.method {
        Method::Head => (0, 0.18, 2.6),
        Method::Ia3 { .. } => (model.layers * 6 * model.hidden, 0.55, 1.2),
        Method::Lora { rank, .. } => (model.layers * 4 * model.hidden * *rank as u64, 0.97, 1.15),
        Method::Full => (0, 1.0, 1.0),
        other => panic!("no sample of {}", other.kind()),
    };
    let (metric, labels, floor, roof) = match task.kind {
        TaskKind::Ner => ("entity_f1", vec!["disease", "drug"], 0.0, 0.86),
        TaskKind::RelationExtraction => ("micro_f1", vec!["none", "advise", "effect", "mechanism"], 0.0, 0.74),
        TaskKind::SequenceClassification => ("macro_f1", vec!["survived", "died"], 0.434, 0.81),
    };
    let key = format!("{}{}{}{seed}", model.name, method.name, task.name);
    let size = if model.hidden > 128 { 1.0 } else { 0.93 };
    let score = floor + (roof - floor) * quality * size - 0.02 * jitter(&key);
    let head = (model.hidden + 1) * labels.len() as u64;
    let total = model.parameters + adapter + head;
    let trainable = if matches!(method.method, Method::Full) { total } else { adapter + head };
    let train_s = 9.0 * model.parameters as f64 / 4.0e6 / speed * (1.0 + 0.1 * jitter(&key));

    let mut run = Run {
        experiment: "made-up".into(),
        model: ModelSpec {
            name: model.name.into(),
            path: Location::new(Path::new(""), format!("checkpoints/{}", model.name)),
            init: Init::Pretrained,
        },
        task: task.clone(),
        method: method.clone(),
        training: TrainingSpec::default(),
        seed,
        root: Path::new("").into(),
    };
    run.training.learning_rate = if matches!(method.method, Method::Full) { 5e-4 } else { 2e-3 };
    let curve = (1..=8_usize).map(|at| CurvePoint {
        step: at * 25,
        epoch: at as f64 * 0.375,
        wall_s: train_s * at as f64 / 8.0,
        train_loss: Some(1.1 / (at as f64).sqrt()),
        validation: Metrics::from([(
            metric.to_owned(),
            (floor + (score - floor) * (1.0 - 0.9 * (-0.55 * at as f64).exp()) + 0.02 * jitter(&format!("{key}{at}")))
                .min(1.0),
        )]),
    });
    let curve: Vec<CurvePoint> = curve.collect();
    let last = curve.last().map_or(0.0, |point| point.validation[metric]);
    Record {
        schema_version: minim_experiment::SCHEMA_VERSION,
        run_id: run.id(),
        status: Status::Finished,
        error: None,
        seed,
        created_utc: format!("2001-02-03T04:{:02}:06Z", (60.0 * jitter(&key)) as u32 % 60),
        git_commit: Some("0123456789abcdef-dirty".into()),
        versions: Some(Versions { minim: "0.1.0".into(), burn: "0.22.1".into(), rustc: "rustc 1.95.0".into() }),
        hardware: Some(Hardware {
            cpu: "Made-up CPU".into(),
            cores: 2,
            threads: 2,
            memory_bytes: 8 << 30,
            device: "cpu".into(),
            device_name: "Made-up CPU".into(),
        }),
        data: Some(DataSummary {
            dataset: task.dataset.clone(),
            synthetic: true,
            train: 1200,
            validation: 200,
            test: 250,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            majority: Majority {
                validation: Metrics::from([(metric.to_owned(), floor)]),
                test: Metrics::from([(metric.to_owned(), floor), ("accuracy".to_owned(), 0.767)]),
            },
            truncated: None,
            few_shot: None,
        }),
        scores: Scores {
            validation: Metrics::from([(metric.to_owned(), last)]),
            test: test_scores(task.kind, score),
            test_interval: Some(ScoreInterval {
                metric: metric.to_owned(),
                low: score - 0.02,
                high: score + 0.02,
                level: 0.95,
                resamples: 10_000,
                seed: 0,
                documents: 50,
            }),
        },
        per_label: labels
            .iter()
            .enumerate()
            .filter(|(_, label)| **label != "none")
            .map(|(at, label)| LabelScore {
                label: (*label).into(),
                precision: score - 0.02 * at as f64,
                recall: score + 0.01 * at as f64,
                f1: score,
                support: 180 / (at + 1),
            })
            .collect(),
        curve,
        cost: Some(Cost {
            load_s: 0.4,
            train_s,
            evaluate_s: 0.3 * train_s,
            total_s: 0.4 + 1.3 * train_s,
            best_s: Some(train_s * 0.875),
            train_tokens_per_s: Some(90_000.0 / train_s),
            train_examples_per_s: Some(3600.0 / train_s),
            evaluate_tokens_per_s: Some(250_000.0 / train_s),
            evaluate_examples_per_s: Some(9000.0 / train_s),
            peak_memory_bytes: Some(140_000_000 + 8 * model.parameters + 8 * trainable),
            peak_device_memory_bytes: None,
            kept_bytes: 4 * trainable + 1200,
            base_bytes: 2 * model.parameters,
            base_memory_bytes: Some(4 * model.parameters),
        }),
        parameters: Some(Parameters { total, trainable, adapter, head }),
        notes: vec!["checkpoint has no pooler: a fresh one is trained and saved".into()],
        run,
    }
}

fn test_scores(kind: TaskKind, score: f64) -> Metrics {
    let beside: &[(&str, f64)] = match kind {
        TaskKind::Ner => &[("entity_f1", 0.0), ("entity_precision", 0.013), ("entity_recall", -0.011)],
        TaskKind::RelationExtraction => &[("micro_f1", 0.0), ("micro_precision", 0.02), ("micro_recall", -0.018)],
        TaskKind::SequenceClassification => &[("macro_f1", 0.0), ("accuracy", 0.07), ("auroc", 0.09)],
    };
    let scores: BTreeMap<String, f64> =
        beside.iter().map(|(name, offset)| ((*name).to_owned(), score + offset)).collect();
    scores
}

/// One record of the grid, to be changed by a test.
pub(crate) fn one() -> Record {
    finished(&MODELS[0], &methods()[3], &tasks()[2], 12)
}
