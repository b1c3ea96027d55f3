//! The main job on an embedded default: two shipped models x four methods x three synthetic tasks.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use minim_experiment::{Experiment, Store};
use minim_report::Options;

use crate::{engine, report, sweep, workspace};

/// The grid; embedded, so that the command always runs the one it was built with.
const PLAN: &str = include_str!("../experiments/quickstart.toml");

/// What a reader of the scores must know.
const ABOUT: &str = "The texts are synthetic: this project wrote them, and they ship with it. \
                     The models are tiny and were pre-trained by this project on synthetic notes. \
                     The scores show that the machinery works and what each choice costs; \
                     they say nothing about clinical quality.";

/// Each run takes up to 300 MB of memory.
const MOST_JOBS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// `cargo xtask quickstart`.
pub(crate) fn quickstart(out: Option<PathBuf>) -> Result<()> {
    let root = workspace::root();
    let experiment = Experiment::parse(PLAN, &root.join("xtask/experiments/quickstart.toml"))?;
    let store = Store::new(out.unwrap_or_else(|| root.join("results/quickstart")));
    println!(
        "minim quickstart: {} models x {} methods x {} tasks = {} runs on the CPU, nothing to download.\n{ABOUT}\n",
        experiment.models.len(),
        experiment.methods.len(),
        experiment.tasks.len(),
        experiment.runs().len(),
    );
    println!("Building minim, optimised; the first time takes some minutes.");
    let binary = engine::build(None)?;
    // These models keep one core busy, not more.
    let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(MOST_JOBS);
    println!("\nTraining, one process per run, {jobs} at a time. Score on the test split, seconds in all:");
    let failed = sweep::sweep(&experiment, &store, &binary, "cpu", jobs)?;
    let options = Options {
        title: "minim quickstart".to_owned(),
        intro: vec![ABOUT.to_owned()],
        command: Some("cargo xtask quickstart".to_owned()),
    };
    report::write(store.folder(), options)?;
    println!(
        "Again: the texts are synthetic, so none of these scores says anything about clinical quality.\n\
         Next: write an experiment of your own (docs/experiment.md) and start it with `cargo xtask run FILE`."
    );
    sweep::conclude(&failed)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_embedded_grid_is_the_promised_one() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/quickstart.toml");
        let experiment = Experiment::parse(PLAN, &root).expect("a valid experiment");
        assert_eq!(experiment.runs().len(), 2 * 4 * 3);
        let mut kinds: Vec<&str> = experiment.methods.iter().map(|spec| spec.method.kind()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["full", "head", "ia3", "lora"]);
        for task in &experiment.tasks {
            assert!(task.data.is_dir(), "{}", task.name);
        }
    }
}
