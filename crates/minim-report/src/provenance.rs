//! Where records come from: machines, versions, commits, and what a reader must mind when comparing them.

use std::collections::BTreeMap;

use minim_experiment::{Hardware, Record, Status};

use crate::{Table, quantity};

/// Test splits below this many examples are called small: three examples are then a point of accuracy or more.
const SMALL_TEST: usize = 300;

/// What was said by the records, each distinct answer with the number of records that gave it, the most frequent first.
pub(crate) fn distinct(records: &[Record], say: impl Fn(&Record) -> Option<String>) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for answer in records.iter().filter_map(say) {
        *counts.entry(answer).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// The machine in one line.
pub(crate) fn machine(hardware: &Hardware) -> String {
    let device = if hardware.device_name == hardware.cpu || hardware.device_name.is_empty() {
        hardware.device.clone()
    } else {
        format!("{} ({})", hardware.device, hardware.device_name)
    };
    format!(
        "{}; {} of {} used; {} main memory; device {device}",
        hardware.cpu,
        plural(hardware.threads, "thread"),
        plural(hardware.cores, "core"),
        quantity::bytes(hardware.memory_bytes as f64)
    )
}

/// The versions in one line.
pub(crate) fn versions(record: &Record) -> Option<String> {
    let versions = record.versions.as_ref()?;
    Some(format!("minim {}, burn {}, {}", versions.minim, versions.burn, versions.rustc))
}

/// What a reader must keep in mind before comparing numbers, a sentence each.
pub(crate) fn cautions(table: &Table) -> Vec<String> {
    let records = table.records();
    let mut cautions = Vec::new();
    let choices = || table.tasks().iter().flat_map(|task| &task.choices);
    let seeds: Vec<usize> = choices().map(|c| c.finished.len()).filter(|n| *n > 0).collect();
    if let (Some(fewest), Some(most)) = (seeds.iter().min(), seeds.iter().max()) {
        if *most == 1 {
            cautions.push("One run per choice: a difference of a point or two may be chance.".into());
        } else if fewest != most {
            cautions.push(format!(
                "Choices have between {fewest} and {} behind them; small differences may be chance.",
                plural(*most, "run")
            ));
        }
    }
    let small: Vec<String> = table
        .tasks()
        .iter()
        .filter_map(|task| Some((&task.name, table.data_of(task)?.test)))
        .filter(|(_, test)| (1..SMALL_TEST).contains(test))
        .map(|(name, test)| format!("{name} {test}"))
        .collect();
    if !small.is_empty() {
        cautions.push(format!(
            "Small test splits, where a few examples move a score by a point or more: {} examples.",
            small.join(", ")
        ));
    }
    let machines = distinct(records, |r| r.hardware.as_ref().map(machine));
    if machines.len() > 1 {
        cautions.push(format!(
            "The runs come from {} machines or settings of one: compare times and memory within one only.",
            machines.len()
        ));
    }
    let failed = records.iter().filter(|r| r.status == Status::Failed).count();
    if failed > 0 {
        cautions.push(format!("{} of {} failed.", failed, plural(records.len(), "run")));
    }
    if records.iter().filter_map(|r| r.git_commit.as_deref()).any(|commit| commit.ends_with("-dirty")) {
        cautions.push("Some runs were built from files that differ from their git commit.".into());
    }
    if choices().any(|choice| choice.variant.is_some()) {
        cautions.push("Some names stand for runs with different settings; they are numbered, and what differs is said under the table.".into());
    }
    cautions
}

/// `1 run`, `2 runs`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
