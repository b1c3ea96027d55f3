//! `pretrain` from text to a checkpoint, on small synthetic notes and the CPU.
//!
//! A test binary of its own: dropout masks come from the process's one generator, which no other test may draw from.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use minim_adapters::peft::Precision;
use minim_datasets::synthetic;
use minim_engine::device::Choice;
use minim_engine::pretrain::{Length, Options, Outcome, Progress, Start, pretrain};
use minim_models::{Activation, Checkpoint, HeadKind};
use tempfile::TempDir;

/// A folder with notes, removed at the end of its test.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        synthetic::write_notes(&folder.path().join("notes.txt"), 150, 5).unwrap();
        Self(folder)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A run of 12 steps over 3 epochs into the folder `out`.
    fn options(&self, out: &str) -> Options {
        Options {
            texts: vec![self.join("notes.txt")],
            from: Start::Scratch {
                layers: 1,
                hidden: 16,
                heads: 2,
                intermediate: 32,
                activation: Activation::Gelu,
                dropout: 0.1,
                vocab_size: 400,
            },
            out: self.join(out),
            length: Length::Steps(12),
            batch_size: 32,
            max_length: 64,
            learning_rate: 5e-3,
            warmup_ratio: 0.1,
            weight_decay: 0.01,
            mask_probability: 0.15,
            dropout: false,
            seed: 3,
            report_every: 3,
            save_every: 5,
            validation_fraction: 0.1,
            precision: Precision::F32,
            device: Choice::Cpu.open().unwrap(),
            command: "minim pretrain".into(),
        }
    }
}

fn run(options: &Options) -> Outcome {
    pretrain(options, &mut |_| {}).unwrap()
}

fn message(options: &Options) -> String {
    pretrain(options, &mut |_| {}).unwrap_err().to_string()
}

/// Runs until just after step 9, four steps behind the last checkpoint.
fn interrupt(options: &Options) {
    let result = catch_unwind(AssertUnwindSafe(|| {
        pretrain(options, &mut |progress| {
            if let Progress::Step { point, .. } = progress {
                assert!(point.step < 9, "interrupted on purpose");
            }
        })
    }));
    assert!(result.is_err(), "the run was to be interrupted");
}

fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn an_interrupted_run_ends_in_the_same_bytes() {
    let scratch = Scratch::new();
    let whole = Options { dropout: true, ..scratch.options("whole") };
    let expected = run(&whole);
    assert_eq!(expected.curve.iter().map(|point| point.step).collect::<Vec<_>>(), [3, 6, 9, 12]);

    let parted = Options { out: scratch.join("parted"), ..whole.clone() };
    interrupt(&parted);
    assert!(parted.out.join("checkpoint/state.json").is_file());
    assert!(message(&parted).contains("interrupted; resume it"));
    let resumed = Options { from: Start::Resume, ..parted.clone() };
    for (name, other) in [
        ("learning_rate", Options { learning_rate: 6e-3, ..resumed.clone() }),
        ("steps", Options { length: Length::Steps(13), ..resumed.clone() }),
        ("validation_fraction", Options { validation_fraction: 0.2, ..resumed.clone() }),
    ] {
        let error = message(&other);
        assert!(error.contains("cannot resume") && error.contains(name), "{error}");
    }
    // As if the interruption had come between the two renames of a save.
    fs::rename(parted.out.join("checkpoint"), parted.out.join("checkpoint.previous")).unwrap();
    let mut first = None;
    let outcome = pretrain(&resumed, &mut |progress| {
        if let Progress::Model { step, .. } = progress {
            first = Some(step);
        }
    })
    .unwrap();

    assert_eq!(first, Some(5));
    assert_eq!(outcome.curve, expected.curve);
    for name in ["model.safetensors", "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "loss.svg"]
    {
        assert!(bytes(&parted.out, name) == bytes(&whole.out, name), "{name} differs");
    }
    for folder in ["checkpoint", "checkpoint.previous", "checkpoint.partial"] {
        assert!(!parted.out.join(folder).exists(), "{folder} is left");
    }
    assert!(message(&resumed).contains("finished pre-training"));
}

#[test]
fn the_loss_falls_and_the_result_is_a_checkpoint_to_go_on_from() {
    let scratch = Scratch::new();
    let options = Options { length: Length::Epochs(10), precision: Precision::F16, ..scratch.options("first") };
    let first = run(&options);
    let validation = |outcome: &Outcome, at: usize| outcome.curve[at].validation_loss.unwrap();
    let (start, end) = (validation(&first, 0), validation(&first, first.curve.len() - 1));
    assert!(end < start - 0.3, "{start} {end}");

    let checkpoint = Checkpoint::open(&options.out).unwrap();
    let loaded = checkpoint.classifier(HeadKind::Sequence, 2, 1, &options.device.device).unwrap();
    assert_eq!(loaded.fresh, ["classifier", "pooler"]);
    assert!(loaded.notes.iter().any(|note| note.contains("pre-training head")), "{:?}", loaded.notes);
    let report: serde_json::Value = serde_json::from_slice(&bytes(&options.out, "pretraining.json")).unwrap();
    assert_eq!(report["seed"], 3);
    assert_eq!(report["texts"]["notes"], 150);
    assert_eq!(report["curve"].as_array().unwrap().len(), first.curve.len());

    let onward = Options {
        from: Start::Checkpoint(options.out.clone()),
        out: scratch.join("onward"),
        ..scratch.options("onward")
    };
    interrupt(&onward);
    let second = run(&Options { from: Start::Resume, ..onward.clone() });
    assert!(validation(&second, 0) < start - 0.2, "{} {start}", validation(&second, 0));
    assert_eq!(bytes(&onward.out, "tokenizer.json"), bytes(&options.out, "tokenizer.json"));

    let longer = Options { max_length: 65, out: scratch.join("longer"), ..onward.clone() };
    assert!(message(&longer).contains("64 positions"));
    assert!(message(&onward).contains("finished pre-training"));
    fs::remove_file(onward.out.join("pretraining.json")).unwrap();
    assert!(message(&onward).contains("holds a model"));
}

#[test]
fn bad_input_gets_one_line_that_says_what_was_expected() {
    let scratch = Scratch::new();
    let good = scratch.options("bad");
    let empty = scratch.join("empty.txt");
    fs::write(&empty, "\n").unwrap();
    for (options, expected) in [
        (Options { batch_size: 0, ..good.clone() }, "batch_size is 0"),
        (Options { learning_rate: f64::NAN, ..good.clone() }, "learning_rate is NaN"),
        (Options { mask_probability: 1.5, ..good.clone() }, "mask_probability is 1.5"),
        (Options { max_length: 2, ..good.clone() }, "max_length is 2"),
        (Options { texts: vec![empty], ..good.clone() }, "empty.txt:1: no text"),
        (Options { from: Start::Resume, ..good.clone() }, "no checkpoint to resume from"),
        (Options { from: Start::Checkpoint(scratch.join("none")), ..good.clone() }, "none"),
        (
            Options {
                from: Start::Scratch {
                    layers: 1,
                    hidden: 16,
                    heads: 3,
                    intermediate: 32,
                    activation: Activation::Gelu,
                    dropout: 0.1,
                    vocab_size: 400,
                },
                ..good.clone()
            },
            "no multiple of num_attention_heads",
        ),
        (
            Options {
                from: Start::Scratch {
                    layers: 1,
                    hidden: 16,
                    heads: 2,
                    intermediate: 32,
                    activation: Activation::Gelu,
                    dropout: 0.1,
                    vocab_size: 20,
                },
                ..good.clone()
            },
            "vocabulary of 20 is too small",
        ),
    ] {
        let error = message(&options);
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
    }
    // None of it may stand in the way of the next try.
    run(&good);
}
