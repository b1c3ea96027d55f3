//! Where the numbers come from: data, models, methods, settings, machines.

use minim_experiment::{
    BasePrecision, EvaluateEvery, Init, LoraVariant, Method, Precision, PromptEncoder, PromptStart, Record, Schedule,
    TaskKind,
};

use super::results::metric_title;
use crate::provenance::{distinct, machine, plural, versions};
use crate::quantity::{self, MISSING};
use crate::svg::escape;
use crate::{Measure, Spread, Table, plot};

/// Labels that the table of datasets names; longer lists end in an ellipsis.
const SHOWN_LABELS: usize = 12;

/// One row per task: the corpus, its size, its labels.
pub(super) fn datasets(table: &Table) -> String {
    let rows: Vec<Vec<String>> = table
        .tasks()
        .iter()
        .filter_map(|task| {
            let data = table.data_of(task)?;
            let kind = match task.kind {
                TaskKind::SequenceClassification => "sequence classification",
                TaskKind::Ner => "named entities",
                TaskKind::RelationExtraction => "relations",
            };
            let mut labels: Vec<String> = data.labels.iter().take(SHOWN_LABELS).map(|label| escape(label)).collect();
            if data.labels.len() > SHOWN_LABELS {
                labels.push("…".into());
            }
            let majority = task.majority_score().map_or(MISSING.into(), quantity::score);
            Some(vec![
                escape(&task.name),
                kind.into(),
                escape(&data.dataset),
                if data.synthetic { "<b>synthetic</b>" } else { "no" }.into(),
                quantity::grouped(data.train as u64),
                quantity::grouped(data.validation as u64),
                quantity::grouped(data.test as u64),
                format!("{}: {}", data.labels.len(), labels.join(", ")),
                format!("{} {majority}", metric_title(task)),
            ])
        })
        .collect();
    let head = ["task", "kind", "reader", "synthetic", "train", "validation", "test", "labels", "majority class, test"];
    table_of(&head, &[4, 5, 6], &rows)
}

/// Models, methods and training settings.
pub(super) fn settings(table: &Table) -> String {
    let of_model = |name: &String| {
        let records: Vec<&Record> = table.records().iter().filter(|r| r.run.model.name == *name).collect();
        let first = records.first()?;
        let total = Spread::of(records.iter().filter_map(|r| Measure::TotalParameters.of(r)));
        let base = records.iter().filter_map(|r| r.cost.as_ref()).map(|c| c.base_bytes as f64);
        let init = match first.run.model.init {
            Init::Pretrained => "from the checkpoint",
            Init::Random => "random",
        };
        Some(vec![
            escape(name),
            format!("<code>{}</code>", escape(&first.run.model.path.written().display().to_string())),
            init.into(),
            total.map_or(MISSING.into(), |t| quantity::count(t.low)),
            Spread::of(base).map_or(MISSING.into(), |b| quantity::bytes(b.median)),
        ])
    };
    let models: Vec<Vec<String>> = table.models().iter().filter_map(of_model).collect();
    let of_method = |name: &String| {
        let runs = || table.records().iter().filter(|r| r.run.method.name == *name);
        let method = describe(&runs().next()?.run.method.method);
        let rates = distinct(table.records(), |r| {
            (r.run.method.name == *name).then(|| format!("{:e}", r.run.training.learning_rate))
        });
        let rates: Vec<String> = rates.into_iter().map(|(rate, _)| rate).collect();
        Some(vec![escape(name), escape(&method), rates.join(", ")])
    };
    let methods: Vec<Vec<String>> = table.methods().iter().filter_map(of_method).collect();
    let training: String = distinct(table.records(), |r| Some(training(r)))
        .iter()
        .map(|(line, count)| {
            format!("<li>{} <span class=\"soft\">({})</span></li>\n", escape(line), plural(*count, "run"))
        })
        .collect();
    if models.is_empty() {
        return String::new();
    }
    format!(
        "{}{}<h3>Training</h3>\n<ul>\n{training}</ul>\n",
        table_of(&["model", "folder", "weights", "parameters, head included", "base model on disk"], &[3, 4], &models),
        table_of(&["method", "what is trained", "peak learning rate"], &[], &methods),
    )
}

fn describe(method: &Method) -> String {
    match method {
        Method::Full => "every weight".into(),
        Method::Head => "the head alone".into(),
        Method::Lora { rank, alpha, dropout, targets, variant } => {
            let settings = variant_settings(variant);
            let layers = layers(targets);
            format!("LoRA: rank {rank}, alpha {alpha}, dropout {dropout}{settings}, on {layers}; and the head")
        }
        Method::AdaLora { alpha, dropout, targets, schedule } => format!(
            "AdaLoRA: rank {} falling to {} on average, alpha {alpha}, dropout {dropout}, on {}; and the head",
            schedule.init_r,
            schedule.target_r,
            layers(targets)
        ),
        Method::Ia3 { targets, feedforward } => {
            let inputs = match feedforward.as_deref() {
                None | Some([]) => String::new(),
                Some(feedforward) => format!(" (inputs of {})", feedforward.join(", ")),
            };
            format!("IA3 on {}{inputs}; and the head", layers(targets))
        }
        Method::Vera { rank, dropout, d_initial, projection_prng_key, targets } => format!(
            "VeRA: rank {rank}, dropout {dropout}, λd from {d_initial}, key {projection_prng_key}, on {}; and the head",
            layers(targets)
        ),
        Method::Bottleneck { placement, bottleneck_size, non_linearity, targets } => format!(
            "bottleneck adapters ({placement:?}): width {bottleneck_size}, {non_linearity:?}, behind {}; and the head",
            layers(targets)
        ),
        Method::PromptTuning { num_virtual_tokens, prompt_tuning_init, .. } => {
            let start = match prompt_tuning_init {
                PromptStart::Random => "random vectors",
                PromptStart::SampleVocab => "tokens of the vocabulary",
                PromptStart::Text => "a text",
            };
            format!("prompt tuning: {num_virtual_tokens} virtual tokens, from {start}; and the head")
        }
        Method::PrefixTuning { num_virtual_tokens, prefix_projection, .. } => {
            let made = if *prefix_projection { ", made by a projection" } else { "" };
            format!("prefix tuning: {num_virtual_tokens} keys and values in each layer{made}; and the head")
        }
        Method::PTuning { num_virtual_tokens, encoder, .. } => {
            let encoder = match encoder {
                PromptEncoder::Mlp => "MLP",
                PromptEncoder::Lstm => "LSTM",
            };
            format!("P-tuning: {num_virtual_tokens} virtual tokens, made by an {encoder}; and the head")
        }
        Method::LnTuning { targets } if targets.is_empty() => "the normalisations and the head".into(),
        Method::LnTuning { targets } => format!("the normalisations {}; and the head", layers(targets)),
        Method::BitFit => "every bias and the head".into(),
    }
}

/// What of LoRA is not as it is by default, as `key = value`.
fn variant_settings(variant: &LoraVariant) -> String {
    let Ok(serde_json::Value::Object(settings)) = serde_json::to_value(variant) else { return String::new() };
    settings.iter().map(|(key, value)| format!(", {key} = {value}")).collect()
}

fn layers(targets: &[String]) -> String {
    if targets.is_empty() { "the model family's default layers".into() } else { targets.join(", ") }
}

fn training(record: &Record) -> String {
    let t = &record.run.training;
    let mut parts = vec![plural(t.epochs, "epoch")];
    parts.extend(t.max_steps.map(|steps| format!("at most {}", plural(steps, "step"))));
    parts.push(format!("batch {}", t.batch_size));
    parts.push(format!("inputs up to {} pieces", record.run.task.max_length));
    parts.push(format!("AdamW with weight decay {}", t.weight_decay));
    let schedule = match t.schedule {
        Schedule::Linear => "linear decay",
        Schedule::Constant => "constant rate",
    };
    parts.push(format!("{schedule} after a warm-up over {} % of the steps", plot::short(100.0 * t.warmup_ratio)));
    if t.max_grad_norm > 0.0 {
        parts.push(format!("gradients clipped at norm {}", t.max_grad_norm));
    }
    parts.push(match t.evaluate_every {
        EvaluateEvery::Epoch => "evaluated every epoch".into(),
        EvaluateEvery::Steps(steps) => format!("evaluated every {}", plural(steps, "step")),
    });
    parts.extend(t.early_stopping_patience.map(|n| format!("stopped after {n} evaluations without a better score")));
    parts.push(match t.precision {
        Precision::Fp32 => "fp32".into(),
        Precision::Bf16 => "bf16".into(),
    });
    parts.extend(t.base_precision.map(|held| match held {
        BasePrecision::Fp32 => "frozen base in fp32".into(),
        BasePrecision::Bf16 => "frozen base in bf16".into(),
        BasePrecision::Int8 => "frozen base in int8".into(),
        BasePrecision::Nf4 => "frozen base in NF4".into(),
    }));
    parts.join(", ")
}

/// Command, experiment, commit, versions, machine, dates and notes.
pub(super) fn made(table: &Table, command: Option<&str>) -> String {
    let records = table.records();
    let mut entries: Vec<(&str, String)> = Vec::new();
    if let Some(command) = command {
        entries.push(("Command", format!("<code>{}</code>", escape(command))));
    }
    let mut list = |name, answers: Vec<(String, usize)>| {
        let lines: Vec<String> = answers
            .iter()
            .map(|(answer, count)| {
                let count = if answers.len() > 1 {
                    format!(" <span class=\"soft\">({})</span>", plural(*count, "run"))
                } else {
                    String::new()
                };
                format!("{}{count}", escape(answer))
            })
            .collect();
        if !lines.is_empty() {
            entries.push((name, lines.join("<br>")));
        }
    };
    list("Experiment", distinct(records, |r| Some(r.run.experiment.clone())));
    list("Git commit", distinct(records, |r| r.git_commit.clone()));
    list("Versions", distinct(records, versions));
    list("Machine", distinct(records, |r| r.hardware.as_ref().map(machine)));
    let mut seeds: Vec<u64> = records.iter().map(|r| r.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    list("Seeds", vec![(seeds.join(", "), 1)]);
    let dates = || records.iter().map(|r| r.created_utc.as_str());
    if let (Some(first), Some(last)) = (dates().min(), dates().max()) {
        let span = if first == last { first.to_owned() } else { format!("{first} to {last}") };
        list("Records written", vec![(span, 1)]);
    }
    let mut notes: Vec<(String, usize)> = Vec::new();
    for note in records.iter().flat_map(|r| &r.notes) {
        match notes.iter_mut().find(|(known, _)| known == note) {
            Some((_, count)) => *count += 1,
            None => notes.push((note.clone(), 1)),
        }
    }
    let notes: String = notes
        .iter()
        .map(|(note, count)| {
            format!("<li>{} <span class=\"soft\">({})</span></li>\n", escape(note), plural(*count, "run"))
        })
        .collect();
    if !notes.is_empty() {
        entries.push(("Notes of the runs", format!("<ul>\n{notes}</ul>")));
    }
    let entries: String = entries.iter().map(|(name, text)| format!("<dt>{name}</dt><dd>{text}</dd>\n")).collect();
    format!("<dl>\n{entries}</dl>\n")
}

/// A table whose cells are markup already; columns in `numeric` are aligned right.
fn table_of(head: &[&str], numeric: &[usize], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let class = |i: usize| {
        if numeric.contains(&i) { " class=\"num\"" } else { "" }
    };
    let head: String =
        head.iter().enumerate().map(|(i, name)| format!("<th scope=\"col\"{}>{name}</th>", class(i))).collect();
    let rows: String = rows
        .iter()
        .map(|row| {
            let cells: String =
                row.iter().enumerate().map(|(i, cell)| format!("<td{}>{cell}</td>", class(i))).collect();
            format!("<tr>{cells}</tr>\n")
        })
        .collect();
    format!("<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n")
}
