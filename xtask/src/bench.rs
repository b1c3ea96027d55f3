//! Optimiser steps of every method on published shapes, timed beside transformers and peft.
//!
//! Each measurement is a process of its own. A round has one of each method, minim's and the peer's in turn, and ratios are of one round: what else
//! the machine does meets all sides.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use crate::input::{InputError, unknown};
use crate::{engine, workspace};

/// Shapes by the name of their `config.json` in `tests/fixtures/configs`.
const SHAPES: [&str; 3] = ["bert-tiny", "tinybert-general-4l-312d", "bert-base-uncased"];
/// Methods as `minim bench` names them, full fine-tuning first: the others are compared with it.
const METHODS: [&str; 14] = [
    "full",
    "lora",
    "dora",
    "adalora",
    "vera",
    "ia3",
    "houlsby",
    "pfeiffer",
    "ln-tuning",
    "bitfit",
    "prompt-tuning",
    "prefix-tuning",
    "p-tuning",
    "head",
];
/// Those that peft does not have, or not alone.
const NOT_OF_PEER: [&str; 3] = ["houlsby", "pfeiffer", "bitfit"];

/// Arguments of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A Python with the packages of tests/fixtures/bert/requirements.txt, to time transformers and peft beside minim
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Shapes to time, by the names in tests/fixtures/configs
    #[arg(long, value_delimiter = ',', default_values_t = SHAPES[..2].iter().map(|shape| shape.to_string()))]
    shapes: Vec<String>,
    /// Methods to time beside full fine-tuning
    #[arg(long, value_delimiter = ',', default_values_t = METHODS.map(String::from))]
    methods: Vec<String>,
    /// Rounds: processes per shape and method; medians count
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Steps that are timed in a process; their median counts
    #[arg(long, default_value_t = 5)]
    steps: u32,
    /// Texts per step
    #[arg(long, default_value_t = 32)]
    batch_size: u32,
    /// Pieces per text
    #[arg(long, default_value_t = 128)]
    length: u32,
    /// auto, cpu, or cuda:N; the peer runs on the CPU
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Also write the table to this Markdown file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What both print.
#[derive(Deserialize, Clone, Copy)]
struct Measured {
    step_s: f64,
    forward_s: f64,
    peak_memory_bytes: f64,
    trainable: u64,
}

/// `cargo xtask bench`.
pub(crate) fn bench(arguments: Arguments) -> Result<()> {
    let root = workspace::root();
    for shape in &arguments.shapes {
        if !config(&root, shape).is_file() {
            return Err(unknown("shape", shape, &SHAPES).into());
        }
    }
    for method in &arguments.methods {
        if !METHODS.contains(&method.as_str()) {
            return Err(unknown("method", method, &METHODS).into());
        }
    }
    if arguments.peer.is_some() && arguments.device.starts_with("cuda") {
        return Err(InputError("--peer: the peer is timed on the CPU; expected --device cpu".into()).into());
    }
    let binary = engine::build(None)?;
    let mut table = heading(&arguments);
    for shape in &arguments.shapes {
        let methods: Vec<&str> = METHODS.into_iter().filter(|method| arguments.times(method)).collect();
        let mut measured: Vec<Method> = methods.iter().map(|_| Method::default()).collect();
        for round in 1..=arguments.rounds {
            for (method, measured) in methods.iter().zip(&mut measured) {
                eprintln!("{shape}, round {round} of {}: {method}", arguments.rounds);
                let mut command = Command::new(&binary);
                command.arg("bench").args(["--device", &arguments.device]);
                measured.ours.push(measure(command, &config(&root, shape), method, &arguments)?);
                if let Some(python) = arguments.peer.as_ref().filter(|_| !NOT_OF_PEER.contains(method)) {
                    let mut command = Command::new(python);
                    command.arg(root.join("tests/fixtures/bench/peer.py"));
                    measured.theirs.push(measure(command, &config(&root, shape), method, &arguments)?);
                }
            }
        }
        for (method, found) in methods.iter().zip(&measured) {
            let row = row(shape, method, found, &measured[0].ours, arguments.peer.is_some());
            print!("{row}");
            table.push_str(&row);
        }
    }
    if let Some(out) = &arguments.out {
        std::fs::write(out, preface(&arguments) + &table).with_context(|| format!("cannot write {}", out.display()))?;
        println!("\nwritten to {}", workspace::shown(out));
    }
    Ok(())
}

impl Arguments {
    /// Full fine-tuning is always timed.
    fn times(&self, method: &str) -> bool {
        method == METHODS[0] || self.methods.iter().any(|named| named == method)
    }
}

/// What the processes of one method measured, a round each.
#[derive(Default)]
struct Method {
    ours: Vec<Measured>,
    theirs: Vec<Measured>,
}

fn config(root: &Path, shape: &str) -> PathBuf {
    root.join("tests/fixtures/configs").join(format!("{shape}.json"))
}

fn measure(mut command: Command, config: &Path, method: &str, arguments: &Arguments) -> Result<Measured> {
    command.arg("--config").arg(config).args(["--adapter", method]);
    for (flag, value) in
        [("--steps", arguments.steps), ("--batch-size", arguments.batch_size), ("--length", arguments.length)]
    {
        command.args([flag, &value.to_string()]);
    }
    let output = command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
        bail!("{} on {}: {last}", command.get_program().display(), config.display());
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{} printed no measurement", command.get_program().display()))
}

fn heading(arguments: &Arguments) -> String {
    let mut text = String::from(
        "| shape | method | trained parameters | step, s | of full | forward, s | peak memory, MB | of full |",
    );
    let mut rule = String::from("|---|---|---|---|---|---|---|---|");
    if arguments.peer.is_some() {
        text.push_str(" peer: step, s | forward, s | peak memory, MB | minim / peer: step | memory |");
        rule.push_str("---|---|---|---|---|");
    }
    println!("{text}\n{rule}");
    format!("{text}\n{rule}\n")
}

/// What the written table is, and the command that makes it again.
fn preface(arguments: &Arguments) -> String {
    let Arguments { shapes, methods, rounds, steps, batch_size, length, device, .. } = arguments;
    let methods = if *methods == METHODS { String::new() } else { format!(" --methods {}", methods.join(",")) };
    let peer = if arguments.peer.is_some() { " --peer PYTHON" } else { "" };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "# Optimiser steps of every method\n\n\
         `cargo xtask bench{peer} --shapes {}{methods} --rounds {rounds} --steps {steps} --batch-size {batch_size} --length {length} --device {device}`\n\n\
         On {cores} cores. Random weights, random text, published shapes; a step is forward, backward, clipping and AdamW, with dropout. Medians of {rounds} \
         rounds; a round has one process of each method, minim's and the peer's (transformers and peft, eager PyTorch on the CPU) in turn, each the median of {steps} steps. \
         A ratio is the median of the rounds' ratios, with the lowest and the highest: what else the machine does meets both sides of it. Below 1 is in minim's favour.\n\n",
        shapes.join(","),
    )
}

/// One row of the table, beside full fine-tuning of the same shape and, where the table has columns for it, the peer, who may not have the method.
///
/// A ratio is the median of the rounds' ratios: a round's processes follow each other, so that a slow hour of the machine meets both sides.
fn row(shape: &str, method: &str, found: &Method, full: &[Measured], with_peer: bool) -> String {
    let Method { ours, theirs } = found;
    let step = |m: &Measured| m.step_s;
    let memory = |m: &Measured| m.peak_memory_bytes;
    let ratios = sorted(ours.iter().zip(full).map(|(our, full)| our.step_s / full.step_s));
    let mut row = format!(
        "| {shape} | {method} | {} | {:.3} | {:.2} ({:.2}-{:.2}) | {:.3} | {:.0} | {:.2} |",
        ours[0].trainable,
        median(ours.iter().map(step)),
        middle(&ratios),
        ratios[0],
        ratios[ratios.len() - 1],
        median(ours.iter().map(|m| m.forward_s)),
        median(ours.iter().map(memory)) / 1e6,
        ratio(ours, full, memory),
    );
    match theirs.is_empty() {
        true if with_peer => row.push_str(" - | - | - | - | - |"),
        true => {}
        // Writing to a string can't fail.
        false => {
            let _ = write!(
                row,
                " {:.3} | {:.3} | {:.0} | {:.2} | {:.2} |",
                median(theirs.iter().map(step)),
                median(theirs.iter().map(|m| m.forward_s)),
                median(theirs.iter().map(memory)) / 1e6,
                ratio(ours, theirs, step),
                ratio(ours, theirs, memory),
            );
        }
    }
    row.push('\n');
    row
}

/// The median of the rounds' ratios.
fn ratio(ours: &[Measured], others: &[Measured], value: impl Fn(&Measured) -> f64) -> f64 {
    median(ours.iter().zip(others).map(|(our, other)| value(our) / value(other)))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    middle(&sorted(values))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_compares_round_by_round() {
        let measured = |step_s: f64| Measured { step_s, forward_s: 0.5, peak_memory_bytes: 2e8, trainable: 7 };
        let full = [measured(4.0), measured(4.0), measured(10.0)];
        let of = |theirs: Vec<Measured>, with_peer| {
            let ours = vec![measured(3.0), measured(1.0), measured(5.0)];
            row("s", "lora", &Method { ours, theirs }, &full, with_peer)
        };
        let cells = "| s | lora | 7 | 3.000 | 0.50 (0.25-0.75) | 0.500 | 200 | 1.00 |";
        let theirs = vec![measured(6.0), measured(4.0), measured(10.0)];
        assert_eq!(of(theirs, true), format!("{cells} 6.000 | 0.500 | 200 | 0.50 | 1.00 |\n"));
        assert_eq!(of(Vec::new(), true), format!("{cells} - | - | - | - | - |\n"));
        assert_eq!(of(Vec::new(), false), format!("{cells}\n"));
    }

    #[test]
    fn every_default_shape_has_its_configuration() {
        for shape in SHAPES {
            assert!(config(&workspace::root(), shape).is_file(), "{shape}");
        }
    }
}
