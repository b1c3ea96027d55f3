//! `minim pretrain`: masked-language modelling on text files, from scratch or onward from a BERT checkpoint.
//!
//! A hospital adapts a small model to its own notes with it; this project makes the small checkpoints of its quickstart with it, from
//! synthetic notes. Sources: Devlin et al. 2018, arXiv 1810.04805 (the objective, whole-word masking), Liu et al. 2019, arXiv 1907.11692
//! (fresh masks every epoch), Gururangan et al. 2020, arXiv 2004.10964 (why going on with one's own text helps).
//!
//! A run that is interrupted and resumed ends, on a CPU, in the same bytes as one that is not: order, masks and dropout of a step come
//! from the seed and the step's number alone, and a checkpoint holds weights and optimiser moments exactly. Tests:
//! `tests/pretrain.rs`.

mod adamw;
mod chart;
mod fit;
mod folder;
mod masking;
mod packing;
mod progress;
mod settings;
mod texts;
mod word_piece;

use std::path::PathBuf;

use burn::module::Module;
use minim_efficiency::{Stopwatch, machine};
use minim_experiment::{Purpose, stream};
use minim_models::Checkpoint;
use minim_tasks::Tokenizer;
use serde_json::json;

use crate::Error;
use adamw::AdamW;
use fit::Fit;
use folder::{Folder, State};
use packing::{Pieces, pack};
use settings::Settings;
use texts::Texts;

pub use progress::{Point, Progress};
pub use settings::{Length, Options, Start};

/// What a finished pre-training came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The model's folder, which `minim train` and transformers load.
    pub folder: PathBuf,
    /// Optimiser steps in all.
    pub steps: usize,
    /// The loss curve; its last point is the end.
    pub curve: Vec<Point>,
    /// Pieces per second of training, padding not counted.
    pub tokens_per_s: f64,
    /// Seconds in all, those before an interruption included.
    pub wall_s: f64,
}

/// Pre-trains a model with a masked-language-modelling head and writes it to `options.out`, with `pretraining.json` (command, seed,
/// settings, text counts, curve) and `loss.svg` beside it.
///
/// # Errors
/// [`Error::Input`] and the file errors for what can't be used, naming file and line and never text; [`Error::NotFinite`] for a
/// learning rate too high.
pub fn pretrain(options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Outcome, Error> {
    let clock = Stopwatch::start();
    options.check()?;
    let folder = Folder(options.out.clone());
    folder.check(&options.from)?;

    let texts = Texts::read(&options.texts)?;
    let (files, notes) = (texts.files, texts.notes.len());
    progress(Progress::Texts { files, notes });
    let (training, validation) = texts.split(options.validation_fraction, options.seed)?;

    if let Start::Checkpoint(from) = &options.from {
        Checkpoint::open(from)?;
    }
    std::fs::create_dir_all(&options.out).map_err(Error::io(&options.out))?;
    match &options.from {
        Start::Scratch { vocab_size, .. } => {
            // Not from the held-out notes: their words are to be as strange to the model as another day's.
            let pieces = word_piece::train(&training, *vocab_size)?;
            progress(Progress::Vocabulary { pieces: pieces.len() });
            folder.write_tokenizer(&pieces, options.max_length)?;
        }
        Start::Checkpoint(from) => folder.copy_tokenizer(from)?,
        Start::Resume => {}
    }
    let tokenizer = Tokenizer::from_folder(&options.out)?;
    let config = folder.config(options, tokenizer.vocab_size())?;
    tokenizer.check_vocab(config.vocab_size())?;
    if options.max_length > config.max_positions() {
        return Err(Error::Input(format!(
            "max_length is {}; the model has {} positions",
            options.max_length,
            config.max_positions()
        )));
    }

    let pieces = Pieces::new(&tokenizer)?;
    let training = pack(&training, &tokenizer, &pieces, options.max_length)?;
    let validation = pack(&validation, &tokenizer, &pieces, options.max_length)?;
    if training.is_empty() {
        return Err(Error::Input("the texts hold no piece of the vocabulary; expected text in its language".into()));
    }
    let tokens = training.iter().map(Vec::len).sum();
    progress(Progress::Sequences { training: training.len(), validation: validation.len(), tokens });

    let steps = options.length.steps(training.len().div_ceil(options.batch_size));
    let settings = Settings::new(options, steps, &tokenizer, &training, &validation);
    let optimizer = AdamW::new(options.weight_decay);
    let device = &options.device.device;
    let (model, optimizer, state) = match options.from {
        Start::Resume => {
            let (model, optimizer, state) = folder.resume(optimizer, device)?;
            if let Some((name, then, now)) = state.settings.difference(&settings) {
                return Err(Error::Input(format!(
                    "{}: cannot resume: {name} was {then} and is {now}; expected the options of the interrupted run",
                    options.out.display()
                )));
            }
            (model, optimizer, state)
        }
        _ => {
            let loaded = folder::start(options, &config, stream(options.seed, Purpose::Init), device)?;
            (loaded.model, optimizer, State::new(settings, loaded.notes))
        }
    };
    for note in &state.notes {
        progress(Progress::Note(note.clone()));
    }
    let parameters = model.num_params();
    progress(Progress::Model { parameters, step: state.step, of: steps });

    let fit = Fit { options, pieces: &pieces, training: &training, validation: &validation, steps };
    let save = |model: &_, optimizer: &_, state: &_| folder.save(model, &config, optimizer, state);
    let (model, state) = fit.run(model, optimizer, state, &clock, &save, progress)?;

    let machine = machine();
    let tokens_per_s = state.tokens as f64 / state.train_s.max(f64::MIN_POSITIVE);
    let report = json!({
        "command": options.command,
        "seed": options.seed,
        "settings": state.settings,
        "texts": { "files": files, "notes": notes, "training_pieces": tokens },
        "parameters": parameters,
        "notes": state.notes,
        "curve": state.curve,
        "train_s": state.train_s,
        "wall_s": state.wall_s,
        "tokens_per_s": tokens_per_s,
        "versions": {
            "minim": env!("CARGO_PKG_VERSION"),
            "burn": env!("MINIM_BURN"),
            "git_commit": env!("MINIM_GIT_COMMIT"),
        },
        "hardware": { "cpu": machine.cpu, "cores": machine.cores, "device": options.device.name },
    });
    folder.finish(&model, &config, options.precision, &report, chart::svg(&state.curve))?;
    Ok(Outcome { folder: options.out.clone(), steps, curve: state.curve, tokens_per_s, wall_s: state.wall_s })
}
