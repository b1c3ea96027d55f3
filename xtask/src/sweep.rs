//! All runs of an experiment, those that finished before left out.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use minim_experiment::{Experiment, Record, Run, Status, Store};
use minim_report::Options;

use crate::input::{InputError, unknown};
use crate::{child, engine, report, workspace};

/// Where the binary comes from: built with these features, or there already.
pub(crate) struct Minim {
    pub(crate) features: Option<String>,
    pub(crate) binary: Option<PathBuf>,
}

/// `cargo xtask run`.
pub(crate) fn run(file: &Path, out: Option<PathBuf>, device: &str, minim: Minim, jobs: NonZeroUsize) -> Result<()> {
    check_device(device)?;
    if let Some(binary) = minim.binary.as_ref().filter(|binary| !binary.is_file()) {
        return Err(InputError(format!("--binary {}: no such file; expected a minim", binary.display())).into());
    }
    let experiment = Experiment::read(file)?;
    check_datasets(&experiment, file)?;
    let out = out.unwrap_or_else(|| workspace::root().join("results").join(&experiment.name));
    let store = Store::new(out);
    let binary = match minim.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => engine::build(minim.features.as_deref())?,
    };
    let failed = sweep(&experiment, &store, &binary, device, jobs)?;
    let options = Options {
        intro: experiment.description.iter().cloned().collect(),
        command: Some(format!("cargo xtask run {}", workspace::shown(file))),
        ..Options::default()
    };
    report::write(store.folder(), options)?;
    conclude(&failed)
}

/// Runs what has no finished record in `store`, `jobs` at a time, and returns the records of those runs that failed.
pub(crate) fn sweep(
    experiment: &Experiment,
    store: &Store,
    binary: &Path,
    device: &str,
    jobs: NonZeroUsize,
) -> Result<Vec<Record>> {
    let runs = experiment.runs();
    let mut open = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        if !store.is_finished(&run.id())? {
            open.push((at + 1, run));
        }
    }
    if open.len() < runs.len() {
        println!(
            "{} of {} runs finished before; their records in {} are kept.",
            runs.len() - open.len(),
            runs.len(),
            workspace::shown(store.folder())
        );
    }
    // Drawn on a terminal only; elsewhere the lines below are all there is.
    let bar = ProgressBar::new(runs.len() as u64)
        .with_style(ProgressStyle::with_template("{bar:24} {pos}/{len}  {elapsed_precise}  {msg}")?);
    bar.set_position((runs.len() - open.len()) as u64);
    bar.enable_steady_tick(Duration::from_secs(1));
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    // Takes one open run after the other until there is none, or one could not even be started.
    let work = || -> Result<()> {
        while let Some(&(number, run)) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            bar.set_message(run.id());
            let record = child::train(binary, run, store, device, jobs)?;
            bar.suspend(|| println!("{}", progress(number, runs.len(), run, &record)));
            bar.inc(1);
            if record.status == Status::Failed {
                failed.lock().unwrap_or_else(PoisonError::into_inner).push(record);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.get()).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    bar.finish_and_clear();
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    Ok(failed)
}

/// An error that lists the runs that failed, if any did.
pub(crate) fn conclude(failed: &[Record]) -> Result<()> {
    if failed.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = failed
        .iter()
        .map(|record| format!("\n  {}: {}", record.run_id, record.error.as_deref().unwrap_or("unknown")))
        .collect();
    bail!("{} failed:{}", count(failed.len(), "run"), list.concat());
}

pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `[ 3/24] mortality  mini-2x128  lora-r8  s12  macro_f1 0.812  14.2 s`
fn progress(number: usize, of: usize, run: &Run, record: &Record) -> String {
    let width = of.to_string().len();
    let name = format!("{:<12} {:<12} {:<10} s{}", run.task.name, run.model.name, run.method.name, run.seed);
    let metric = &run.task.select;
    let result = match (&record.error, record.scores.test.get(metric)) {
        (Some(error), _) => format!("failed: {error}"),
        (None, Some(score)) => format!("{metric} {score:.3}"),
        (None, None) => format!("{metric} undefined"),
    };
    let seconds = record.cost.as_ref().map(|cost| format!("  {:.1} s", cost.total_s)).unwrap_or_default();
    format!("[{number:>width$}/{of}] {name}  {result}{seconds}")
}

/// Whether minim could know the device; whether there is one is for minim to say.
fn check_device(device: &str) -> Result<()> {
    let cuda = device.strip_prefix("cuda:").is_some_and(|index| index.parse::<u8>().is_ok());
    if matches!(device, "auto" | "cpu") || cuda {
        return Ok(());
    }
    Err(InputError(format!("no device is called `{device}`; expected auto, cpu or cuda:N, as cuda:0")).into())
}

/// Readers are known before anything is built or trained.
fn check_datasets(experiment: &Experiment, file: &Path) -> Result<()> {
    let known: Vec<&str> = minim_datasets::names().collect();
    for task in &experiment.tasks {
        if !known.contains(&task.dataset.as_str()) {
            let InputError(message) = unknown("dataset", &task.dataset, &known);
            return Err(InputError(format!("{}: task `{}`: {message}", file.display(), task.name)).into());
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const PLAN: &str = r#"
        name = "one"
        seeds = [7]
        model = [{ name = "good", path = "p" }, { name = "broken", path = "p" }, { name = "huge", path = "p" }]
        task = [{ name = "t", kind = "ner", dataset = "jsonl", data = "d" }]
        method = [{ name = "full", kind = "full" }]
    "#;

    /// Stands in for `minim train PLAN --out DIR --device D`: copies a record, fails, or is killed.
    const MINIM: &str = r#"#!/bin/sh
        id=$(basename "$(dirname "$2")")
        echo "started" >> "$4/started.txt"
        case "$id" in
            good-*) cp "$4/prepared/$id.json" "$4/$id.json" ;;
            broken-*) echo "error: p/config.json: not found" >&2; exit 2 ;;
            huge-*) kill -9 $$ ;;
        esac
    "#;

    #[test]
    fn a_sweep_goes_on_after_failures_and_later_tries_only_those_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let binary = folder.path().join("minim");
        std::fs::write(&binary, MINIM).expect("written");
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).expect("executable");
        let experiment = Experiment::parse(PLAN, Path::new("one.toml")).expect("a plan");
        let runs = experiment.runs();
        let mut finished = Record::failed(runs[0].clone(), "", "2026-01-31T12:00:00Z");
        finished.status = Status::Finished;
        finished.error = None;
        let store = Store::new(folder.path().join("results"));
        Store::new(store.folder().join("prepared")).write(&finished).expect("prepared");

        let failed = sweep(&experiment, &store, &binary, "cpu", NonZeroUsize::MIN).expect("a sweep");
        let errors: Vec<_> = failed.iter().map(|record| record.error.as_deref().expect("a reason")).collect();
        assert_eq!(
            errors,
            ["p/config.json: not found", "killed by signal 9; the usual reason is that memory ran out",]
        );
        assert_eq!(store.read(&runs[0].id()).expect("readable"), Some(finished));
        assert_eq!(store.read_all().expect("readable").len(), 3);
        let plan = store.run_folder(&runs[2].id()).join("run.toml");
        assert_eq!(Experiment::read(&plan).expect("a plan").runs()[0].id(), runs[2].id());
        let report = conclude(&failed).expect_err("two failed").to_string();
        assert!(report.starts_with("2 runs failed:\n  broken-full-t-s7-"), "{report}");

        let two = NonZeroUsize::new(2).expect("not zero");
        sweep(&experiment, &store, &binary, "cpu", two).expect("a second sweep");
        let started = std::fs::read_to_string(store.folder().join("started.txt")).expect("a list");
        assert_eq!(started.lines().count(), 3 + 2);
    }

    #[test]
    fn a_mistake_is_found_before_anything_is_built() {
        let file = Path::new("one.toml");
        let unknown = PLAN.replace("jsonl", "json");
        let experiment = Experiment::parse(&unknown, file).expect("a plan");
        let error = check_datasets(&experiment, file).expect_err("no such reader").to_string();
        assert!(error.starts_with("one.toml: task `t`: no dataset is called `json`"), "{error}");
        assert!(error.ends_with("is `jsonl`"), "{error}");
        for device in ["gpu", "cuda", "cuda:", "cuda:x"] {
            assert!(check_device(device).is_err(), "{device}");
        }
        for device in ["auto", "cpu", "cuda:0"] {
            assert!(check_device(device).is_ok(), "{device}");
        }
    }

    #[test]
    fn every_experiment_of_the_folder_is_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            let experiment = Experiment::read(&path).expect("a valid experiment");
            check_datasets(&experiment, &path).expect("known readers");
            count += 1;
        }
        assert!(count >= 4, "{count} experiments");
    }
}
