//! Model folders: reading, strict loading, writing.

mod load;
mod save;
mod weights;

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use crate::{Classifier, Config, Error, HeadKind, MaskedLm, initialise};
use load::{Optional, fill};
use weights::Weights;

pub use save::save;

/// A model folder in Hugging Face's layout, opened but not yet loaded.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    folder: PathBuf,
    config: Config,
}

/// A loaded model, and what is to be said about its loading.
#[derive(Debug)]
pub struct Loaded<M> {
    /// The model, on the device asked for.
    pub model: M,
    /// Modules that the checkpoint lacked and that have to be trained and saved: `pooler`, `classifier`.
    pub fresh: Vec<String>,
    /// What the user should know, a sentence each.
    pub notes: Vec<String>,
}

impl<M> Loaded<M> {
    /// The modules that are trained and saved whole whatever the method: the head, and a pooler that had to be made.
    pub fn modules_to_save(&self) -> Vec<String> {
        let mut modules = vec!["classifier".to_string(), "score".to_string()];
        modules.extend(self.fresh.iter().filter(|name| *name == "pooler").cloned());
        modules
    }
}

impl Checkpoint {
    /// Opens a folder by its `config.json`.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Format`] name the file.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Ok(Self { folder: folder.into(), config: Config::read(&folder.join("config.json"))? })
    }

    /// The model's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The model with a classification head of `labels` labels. A head, or for sequences a pooler, that the checkpoint lacks starts
    /// fresh from `seed`.
    ///
    /// # Errors
    /// [`Error::Mismatch`] lists every tensor that is missing, unused or misshapen; [`Error::NoWeights`], [`Error::Io`] and
    /// [`Error::Format`] name the file.
    pub fn classifier(
        &self,
        head: HeadKind,
        labels: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Loaded<Classifier>, Error> {
        let optional = [
            Optional { module: "classifier", prefix: "classifier." },
            Optional { module: "pooler", prefix: "bert.pooler." },
        ];
        let ignored: &[(&str, &str)] = match head {
            HeadKind::Sequence => &[("cls.", "pre-training head")],
            HeadKind::Token => &[("cls.", "pre-training head"), ("bert.pooler.", "pooler")],
        };
        let model = self.config.classifier(head, labels, device);
        self.load(model, &optional, ignored, seed)
    }

    /// The model with its masked-language-modelling head; a head that the checkpoint lacks starts fresh from `seed`.
    ///
    /// # Errors
    /// As [`Checkpoint::classifier`].
    pub fn masked_lm(&self, seed: u64, device: &Device) -> Result<Loaded<MaskedLm>, Error> {
        let optional = [Optional { module: "cls.predictions", prefix: "cls.predictions." }];
        let ignored = [
            ("classifier.", "classification head"),
            ("bert.pooler.", "pooler"),
            ("cls.seq_relationship.", "next-sentence head"),
        ];
        self.load(self.config.masked_lm(device), &optional, &ignored, seed)
    }

    fn load<M: burn::module::Module>(
        &self,
        model: M,
        optional: &[Optional],
        ignored: &[(&str, &str)],
        seed: u64,
    ) -> Result<Loaded<M>, Error> {
        let weights = Weights::open(&self.folder)?;
        let (model, report) = fill(model, &weights, self.config.prefix(), optional, ignored)?;
        let model = initialise(model, self.config.initializer_range(), seed, |name| {
            report.fresh.iter().any(|optional| name.starts_with(optional.prefix))
        });
        let mut notes: Vec<String> = report
            .fresh
            .iter()
            .map(|o| match o.module {
                "pooler" => "the checkpoint has no pooler: a fresh one is trained and saved".to_string(),
                other => format!("the checkpoint has no {other}: a fresh one is trained and saved"),
            })
            .collect();
        notes.extend(report.ignored.iter().map(|what| format!("the checkpoint's {what} is not needed and left out")));
        Ok(Loaded { model, fresh: report.fresh.iter().map(|o| o.module.to_string()).collect(), notes })
    }

    /// The model of this folder's `config.json` with every parameter fresh from `seed`: a baseline without pre-training.
    pub fn fresh_classifier(&self, head: HeadKind, labels: usize, seed: u64, device: &Device) -> Loaded<Classifier> {
        let model = self.config.classifier(head, labels, device);
        Loaded {
            model: initialise(model, self.config.initializer_range(), seed, |_| true),
            fresh: vec!["classifier".into()],
            notes: vec!["every weight is random: nothing of the checkpoint but its shape is used".into()],
        }
    }
}
