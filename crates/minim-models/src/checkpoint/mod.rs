//! Model folders: reading, strict loading, writing.

mod fingerprint;
mod load;
mod pickle;
mod save;
mod values;
mod weights;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use crate::{Classifier, Config, Error, HeadKind, MaskedLm, initialise, published_name};
use load::{How, Optional, fill};
use values::Held;
use weights::Weights;

pub use save::save;

/// A model folder in Hugging Face's layout, opened but not yet loaded.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    folder: PathBuf,
    config: Config,
    bf16: bool,
    lazy: bool,
}

/// A loaded model, and what is to be said about its loading.
#[derive(Debug)]
pub struct Loaded<M> {
    /// The model, on the device asked for.
    pub model: M,
    /// Modules that the checkpoint lacked and that have to be trained and saved: `pooler`, `classifier`.
    pub fresh: Vec<String>,
    /// What the user should know, a sentence each: first one for each of `fresh`.
    pub notes: Vec<String>,
    /// The modules of the head, which are trained and saved whole whatever the method.
    pub head_modules: Vec<String>,
    /// How the names of the parameters of `fresh` begin.
    prefixes: Vec<String>,
}

impl<M: Module> Loaded<M> {
    /// A model of which nothing is fresh, and whose head is nothing special.
    pub fn whole(model: M) -> Self {
        Self { model, fresh: Vec::new(), notes: Vec::new(), head_modules: Vec::new(), prefixes: Vec::new() }
    }

    /// The modules that start at random here and are not whole in `modules`: what an adapter that saved those modules leaves at random.
    pub fn fresh_beside(&self, modules: &[String]) -> Vec<&str> {
        let mut names = ParameterNames::default();
        self.model.visit(&mut names);
        let left = |prefix: &str| {
            names.found.iter().any(|name| name.starts_with(prefix) && !minim_adapters::is_saved_whole(name, modules))
        };
        self.fresh
            .iter()
            .zip(&self.prefixes)
            .filter(|(_, prefix)| left(prefix))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// The notes where an adapter brings what is fresh.
    pub fn notes_beside_adapter(&self) -> &[String] {
        &self.notes[self.fresh.len()..]
    }

    /// The modules that are trained and saved whole whatever the method: the head, and a pooler that had to be made.
    pub fn modules_to_save(&self) -> Vec<String> {
        let mut modules = self.head_modules.clone();
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
        Ok(Self { folder: folder.into(), config: Config::read(&folder.join("config.json"))?, bf16: false, lazy: false })
    }

    /// Holds the matrices of the backbone in bf16, half the bytes, whatever the file holds them in: for a base that stays frozen. The head,
    /// biases and normalisations stay in fp32.
    pub fn bf16(self) -> Self {
        Self { bf16: true, ..self }
    }

    /// Reads the weights of linear layers when they are first used, the head's apart: for a base whose weights are made smaller one by one, so
    /// that they are never in memory together. They are in fp32 whatever else is not. Loading reads each once, to know that it can be read.
    pub fn lazy(self) -> Self {
        Self { lazy: true, ..self }
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
        let family = self.config.family();
        let optional = |module: &str, prefix: String| Optional { module: module.into(), prefix };
        let mut may_lack: Vec<Optional> = ["pre_classifier", "classifier", "score", "head"]
            .map(|module| optional(module, format!("{module}.")))
            .into();
        may_lack.push(optional("pooler", format!("{}pooler.", family.prefix)));
        let model = self.config.classifier(head, labels, device);
        self.load(model, &may_lack, family.unneeded, seed)
    }

    /// The model with its masked-language-modelling head; a head that the checkpoint lacks starts fresh from `seed`.
    ///
    /// # Errors
    /// As [`Checkpoint::classifier`]; [`Error::Format`] for another family than BERT.
    pub fn masked_lm(&self, seed: u64, device: &Device) -> Result<Loaded<MaskedLm>, Error> {
        let Some(model) = self.config.masked_lm(device) else {
            let reason = format!("model_type {} has no pre-training here; expected bert", self.config.model_type());
            return Err(Error::Format { path: self.folder.join("config.json"), reason });
        };
        let optional = [Optional { module: "cls.predictions".into(), prefix: "cls.predictions.".into() }];
        let ignored = [
            ("classifier.", "classification head"),
            ("bert.pooler.", "pooler"),
            ("cls.seq_relationship.", "next-sentence head"),
        ];
        self.load(model, &optional, &ignored, seed)
    }

    /// SHA-256 over the names, shapes and values of the backbone's tensors: what an adapter stands on. It does not depend on the container,
    /// on whether names have the family's prefix, or on which head lies beside the backbone; numbers held in 16 bits count as their
    /// 32-bit values.
    ///
    /// # Errors
    /// [`Error::NoWeights`], [`Error::Io`] and [`Error::Format`] name the file.
    pub fn fingerprint(&self) -> Result<[u8; 32], Error> {
        fingerprint::of(&Weights::open(&self.folder)?, self.config.family())
    }

    fn load<M: burn::module::Module>(
        &self,
        model: M,
        optional: &[Optional],
        ignored: &[(&str, &str)],
        seed: u64,
    ) -> Result<Loaded<M>, Error> {
        let weights = Arc::new(Weights::open(&self.folder)?);
        let family = self.config.family();
        let head_modules = self.config.head_modules();
        let held = |name: &str| {
            let frozen = self.bf16 && !minim_adapters::is_saved_whole(name, &head_modules);
            if frozen { Held::Bf16 } else { Held::F32 }
        };
        let later = |name: &str| self.lazy && !minim_adapters::is_saved_whole(name, &head_modules);
        let (model, report) = fill(model, &weights, family, optional, ignored, How { held: &held, later: &later })?;
        let model = initialise(model, self.config.initializer_range(), seed, |name| {
            report.fresh.iter().any(|optional| name.starts_with(&optional.prefix))
        });
        let mut notes: Vec<String> = report
            .fresh
            .iter()
            .map(|o| match o.module.as_str() {
                "pooler" => "the checkpoint has no pooler: a fresh one is trained and saved".to_string(),
                other => format!("the checkpoint has no {other}: a fresh one is trained and saved"),
            })
            .collect();
        notes.extend(report.ignored.iter().map(|what| format!("the checkpoint's {what} is not needed and left out")));
        let (fresh, prefixes) = report.fresh.into_iter().map(|o| (o.module, o.prefix)).unzip();
        Ok(Loaded { model, fresh, notes, head_modules, prefixes })
    }

    /// The model of this folder's `config.json` with every parameter fresh from `seed`: a baseline without pre-training.
    pub fn fresh_classifier(&self, head: HeadKind, labels: usize, seed: u64, device: &Device) -> Loaded<Classifier> {
        let model = self.config.classifier(head, labels, device);
        Loaded {
            model: initialise(model, self.config.initializer_range(), seed, |_| true),
            fresh: Vec::new(),
            prefixes: Vec::new(),
            head_modules: self.config.head_modules(),
            notes: vec!["every weight is random: nothing of the checkpoint but its shape is used".into()],
        }
    }
}

/// The published names of a model's parameters, adapters' apart.
#[derive(Default)]
struct ParameterNames {
    path: Vec<String>,
    found: Vec<String>,
}

impl ModuleVisitor for ParameterNames {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
        self.found.push(published_name(&self.path.join(".")));
    }
}
