//! What a run leaves on disk beside its record: enough to evaluate, predict and export without the training data.
//!
//! `run.toml` (the resolved run), `state.json` (labels and what was trained whole), and `trained/`: an adapter folder in peft's layout, a
//! head alone, or for full fine-tuning a whole model folder.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use minim_adapters::Method;
use minim_adapters::peft::{self, AdapterConfig};
use minim_datasets::LabelSet;
use minim_experiment::{BasePrecision, Experiment, Init, Precision, Purpose, Run, stream};
use minim_models::{Checkpoint, Classifier, HeadKind, Loaded, published_name};
use minim_tasks::{Task, Tokenizer};
use serde::{Deserialize, Serialize};

use crate::origin::Origin;
use crate::{Error, adapter_method, attach_kept_in, examples};

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
    /// What the adapter stands on; none for full fine-tuning.
    pub origin: Option<Origin>,
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

/// A checkpoint that is read as a base held in `precision` needs it: never dense as a whole where that is fewer bits.
pub(crate) fn read_for(checkpoint: Checkpoint, precision: BasePrecision) -> Checkpoint {
    match precision {
        BasePrecision::Fp32 => checkpoint,
        BasePrecision::Bf16 => checkpoint.bf16(),
        BasePrecision::Int8 | BasePrecision::Nf4 => checkpoint.bf16().lazy(),
    }
}

/// The base model of a run with its head, on a device: loaded, or fresh where the run says so.
pub(crate) fn base(
    run: &Run,
    head: HeadKind,
    labels: usize,
    device: &Device,
) -> Result<(Checkpoint, Loaded<Classifier>), Error> {
    let checkpoint = Checkpoint::open(&run.model.path)?;
    let checkpoint = read_for(checkpoint, base_precision(run));
    let seed = stream(run.seed, Purpose::Init);
    let loaded = match run.model.init {
        Init::Pretrained => checkpoint.classifier(head, labels, seed, device)?,
        Init::Random => checkpoint.fresh_classifier(head, labels, seed, device),
    };
    Ok((checkpoint, loaded))
}

/// How the base is held: as the run says, else as it computes. What is trained is held in fp32, so with full fine-tuning all of it.
pub(crate) fn base_precision(run: &Run) -> BasePrecision {
    let computed = match run.training.precision {
        Precision::Fp32 => BasePrecision::Fp32,
        Precision::Bf16 => BasePrecision::Bf16,
    };
    match (run.training.base_precision.unwrap_or(computed), &run.method.method) {
        (BasePrecision::Bf16, minim_experiment::Method::Full) => BasePrecision::Fp32,
        (precision, _) => precision,
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

/// Writes what training changed to a run's folder, as often as there is something better.
pub(crate) struct Keeper {
    /// The run's folder.
    pub(crate) folder: PathBuf,
    pub(crate) method: Method,
    pub(crate) modules_to_save: Vec<String>,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) labels: LabelSet,
    /// What the adapter stands on; none for full fine-tuning, which stands on nothing.
    pub(crate) origin: Option<Origin>,
}

impl Keeper {
    /// Writes `trained/`.
    pub(crate) fn keep(&self, model: &Classifier) -> Result<(), Error> {
        let trained = self.folder.join(TRAINED);
        let (method, modules_to_save) = (&self.method, &self.modules_to_save[..]);
        match method {
            Method::Full => return write_model(model, &self.checkpoint, &self.labels, &trained),
            Method::Head => {
                peft::save_trained(model, method, modules_to_save, published_name, &trained)?;
            }
            Method::Lora(_)
            | Method::AdaLora(_)
            | Method::Ia3(_)
            | Method::Vera(_)
            | Method::Bottleneck(_)
            | Method::LnTuning(_)
            | Method::BitFit
            | Method::PromptTuning(_)
            | Method::PrefixTuning(_)
            | Method::PTuning(_) => {
                let base = self.checkpoint.folder().file_name().map(|name| name.to_string_lossy().into_owned());
                let config = adapter_config(method, model, &self.checkpoint, base, modules_to_save)?;
                peft::save(model, method, &config, modules_to_save, published_name, &trained)?;
            }
        }
        self.origin.as_ref().map_or(Ok(()), |origin| origin.write(&trained))
    }
}

/// peft's configuration of an adapter. Where it says nothing of a model's shape peft looks into the model's own configuration, in which not every
/// family has what it looks for.
pub(crate) fn adapter_config(
    method: &Method,
    model: &Classifier,
    checkpoint: &Checkpoint,
    base: Option<String>,
    modules_to_save: &[String],
) -> Result<AdapterConfig, Error> {
    let config = AdapterConfig::new(method, model.head().peft_task_type(), base, modules_to_save);
    let mut config = config.ok_or_else(|| Error::Input(format!("{} is no adapter", method.name())))?;
    if method.virtual_tokens() > 0 {
        let shape = checkpoint.config().prefix();
        for (key, value) in [("num_layers", shape.layers), ("num_attention_heads", shape.heads)] {
            config.other.entry(key.into()).or_insert_with(|| value.into());
        }
    }
    Ok(config)
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

/// The method whose adapter a run keeps.
fn kept_method(run: &Run, checkpoint: &Checkpoint, trained: &Path) -> Result<Method, Error> {
    match adapter_method(&run.method.method, checkpoint.config()) {
        // Its folder knows the steps of its schedule, which come from the data.
        Method::AdaLora(_) => Ok(AdapterConfig::read(trained)?.method(trained)?),
        method => Ok(method.saved()),
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
        let (checkpoint, model, method, origin) = match run.method.method {
            minim_experiment::Method::Full => {
                let checkpoint = Checkpoint::open(&trained)?;
                let loaded = checkpoint.classifier(task.head(), task.labels().len(), 0, device)?;
                (checkpoint, loaded.model, Method::Full, None)
            }
            _ => {
                let (checkpoint, loaded) = base(&run, task.head(), task.labels().len(), device)?;
                // Before the tensors: a wrong base is a better reason than a shape.
                let tokenizer = Tokenizer::from_folder(checkpoint.folder())?;
                let labels = task.labels().names();
                let origin = Origin::of(&run, &checkpoint, &tokenizer, task.head().peft_task_type(), labels)?;
                Origin::check(&trained, &origin)?;
                let method = kept_method(&run, &checkpoint, &trained)?;
                let (model, _) = attach_kept_in(loaded.model, &method, &modules_to_save, base_precision(&run))?;
                let model = peft::load(model, &method, &modules_to_save, published_name, &trained)?;
                (checkpoint, model, method, Some(origin))
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
            origin,
        })
    }
}
