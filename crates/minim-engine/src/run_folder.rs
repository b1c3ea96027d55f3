//! What a run leaves on disk beside its record: enough to evaluate, predict and export without the training data.
//!
//! `run.toml` (the resolved run), `state.json` (labels and what was trained whole), and `trained/`: an adapter folder in peft's layout, a
//! head alone, or for full fine-tuning a whole model folder.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{Method, attach};
use minim_datasets::LabelSet;
use minim_experiment::{Experiment, Init, Precision, Purpose, Run, stream};
use minim_models::{Checkpoint, Classifier, HeadKind, Loaded, published_name};
use minim_tasks::{Task, Tokenizer};
use serde::{Deserialize, Serialize};

use crate::{Error, adapter_method, examples};

/// A trained run, opened for use.
#[derive(Debug)]
pub struct TrainedRun {
    /// The resolved run.
    pub run: Run,
    /// The task with its labels.
    pub task: Task,
    /// The tokenizer of the base model.
    pub tokenizer: Tokenizer,
    /// The base model's folder, opened.
    pub checkpoint: Checkpoint,
    /// The trained model, without autodiff.
    pub model: Classifier,
    /// How it was adapted.
    pub method: Method,
    /// Modules trained and saved whole.
    pub modules_to_save: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct State {
    labels: Vec<String>,
    modules_to_save: Vec<String>,
}

const STATE: &str = "state.json";
const RUN: &str = "run.toml";
const TRAINED: &str = "trained";

/// Files of a base model that a copy needs to tokenize as it does.
const TOKENIZER_FILES: [&str; 6] =
    ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "special_tokens_map.json"];

/// The base model of a run with its head, on a device: loaded, or fresh where the run says so.
pub(crate) fn base(
    run: &Run,
    head: HeadKind,
    labels: usize,
    device: &Device,
) -> Result<(Checkpoint, Loaded<Classifier>), Error> {
    let checkpoint = Checkpoint::open(&run.model.path)?;
    let checkpoint = if is_base_bf16(run) { checkpoint.bf16() } else { checkpoint };
    let seed = stream(run.seed, Purpose::Init);
    let loaded = match run.model.init {
        Init::Pretrained => checkpoint.classifier(head, labels, seed, device)?,
        Init::Random => checkpoint.fresh_classifier(head, labels, seed, device),
    };
    Ok((checkpoint, loaded))
}

/// Whether the base's matrices are held in bf16: where the run says so, else where it computes so. What is trained is held in fp32.
pub(crate) fn is_base_bf16(run: &Run) -> bool {
    let training = &run.training;
    let precision = training.base_precision.unwrap_or(training.precision);
    precision == Precision::Bf16 && run.method.method != minim_experiment::Method::Full
}

/// Refuses inputs longer than the position embeddings.
pub(crate) fn check_length(max_length: usize, checkpoint: &Checkpoint, whose: &str) -> Result<(), Error> {
    let positions = checkpoint.config().max_positions();
    match max_length <= positions {
        true => Ok(()),
        false => {
            Err(Error::Input(format!("{whose}: max_length {max_length} exceeds the model's {positions} positions")))
        }
    }
}

/// Writes `run.toml` and `state.json`.
pub(crate) fn begin(folder: &Path, run: &Run, labels: &LabelSet, modules_to_save: &[String]) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    // The trained files lie anywhere; the base model is found from the folder the run was started in.
    let mut run = run.clone();
    run.root = std::path::absolute(&run.root).map_err(Error::io(&run.root))?;
    let path = folder.join(RUN);
    std::fs::write(&path, run.to_toml()).map_err(Error::io(&path))?;
    let state = State { labels: labels.names().to_vec(), modules_to_save: modules_to_save.to_vec() };
    let path = folder.join(STATE);
    let text = serde_json::to_string_pretty(&state).unwrap_or_default() + "\n";
    std::fs::write(&path, text).map_err(Error::io(&path))
}

/// Writes what training changed to `folder/trained`.
pub(crate) fn keep(
    folder: &Path,
    model: &Classifier,
    method: &Method,
    modules_to_save: &[String],
    checkpoint: &Checkpoint,
    labels: &LabelSet,
) -> Result<(), Error> {
    let trained = folder.join(TRAINED);
    match method {
        Method::Full => write_model(model, checkpoint, labels, &trained),
        Method::Head | Method::BitFit => {
            Ok(peft::save_trained(model, method, modules_to_save, published_name, &trained)?)
        }
        Method::Lora(_)
        | Method::AdaLora(_)
        | Method::Ia3(_)
        | Method::Vera(_)
        | Method::Bottleneck(_)
        | Method::LnTuning(_) => {
            let base = checkpoint.folder().file_name().map(|name| name.to_string_lossy().into_owned());
            let config = AdapterConfig::new(method, model.head().peft_task_type(), base, modules_to_save);
            let config = config.ok_or_else(|| Error::Input(format!("{} is no adapter", method.name())))?;
            Ok(peft::save(model, method, &config, modules_to_save, published_name, &trained)?)
        }
    }
}

/// Writes a whole model folder that transformers reads, tokenizer included.
pub(crate) fn write_model(
    model: &Classifier,
    checkpoint: &Checkpoint,
    labels: &LabelSet,
    folder: &Path,
) -> Result<(), Error> {
    let config = checkpoint.config();
    let config = config.to_json(config.architecture(model.head()), Some(labels.names()));
    minim_models::save(model, &config, peft::Precision::F32, folder)?;
    for name in TOKENIZER_FILES {
        let from = checkpoint.folder().join(name);
        if from.is_file() {
            std::fs::copy(&from, folder.join(name)).map_err(Error::io(&from))?;
        }
    }
    Ok(())
}

/// Bytes of the regular files of a folder, not those of folders in it.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|entry| entry.metadata().ok()).filter(|meta| meta.is_file()).map(|meta| meta.len()).sum()
}

/// The folder that holds what must be kept of a run.
pub(crate) fn trained_folder(folder: &Path) -> PathBuf {
    folder.join(TRAINED)
}

/// What the adapter folder says of itself; where there is none, what the run says.
fn kept_method(run: &Run, checkpoint: &Checkpoint, trained: &Path) -> Result<Method, Error> {
    match adapter_method(&run.method.method, checkpoint.config()) {
        method @ (Method::Head | Method::BitFit) => Ok(method),
        _ => Ok(AdapterConfig::read(trained)?.method(trained)?),
    }
}

impl TrainedRun {
    /// Opens a run's folder (the one that holds `run.toml`).
    ///
    /// # Errors
    /// [`Error`] names the file that is missing or does not fit.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, Error> {
        let file = folder.join(RUN);
        if !file.is_file() {
            return Err(Error::Input(format!(
                "{}: no run.toml; expected the folder of a finished run, for example results/NAME/RUN-ID",
                folder.display()
            )));
        }
        let run = Experiment::read(&file)?.runs().into_iter().next();
        let run = run.ok_or_else(|| Error::Input(format!("{}: expands to no run", file.display())))?;
        let path = folder.join(STATE);
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let state: State =
            serde_json::from_str(&text).map_err(|e| Error::Input(format!("{}: no run state: {e}", path.display())))?;
        let labels = LabelSet::new(state.labels)?;
        let task = examples::task(&run, labels)?;
        let modules_to_save = state.modules_to_save;
        let trained = trained_folder(folder);
        let (checkpoint, model, method) = match run.method.method {
            minim_experiment::Method::Full => {
                let checkpoint = Checkpoint::open(&trained)?;
                let loaded = checkpoint.classifier(task.head(), task.labels().len(), 0, device)?;
                (checkpoint, loaded.model, Method::Full)
            }
            _ => {
                let (checkpoint, loaded) = base(&run, task.head(), task.labels().len(), device)?;
                let method = kept_method(&run, &checkpoint, &trained)?;
                let seed = stream(run.seed, Purpose::Init);
                let model = attach(loaded.model, &method, &modules_to_save, seed, published_name)?;
                (checkpoint, peft::load(model, &method, &modules_to_save, published_name, &trained)?, method)
            }
        };
        let tokenizer = Tokenizer::from_folder(checkpoint.folder())?;
        Ok(Self {
            run,
            task,
            tokenizer,
            checkpoint,
            model: burn::module::Module::valid(&model),
            method,
            modules_to_save,
        })
    }
}
