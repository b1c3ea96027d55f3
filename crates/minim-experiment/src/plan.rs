//! An experiment: a grid of models, tasks, methods and seeds, read from one TOML file.
//!
//! The file is read key by key (`reader`), so that a mistake is reported with its line, and an unknown key with the
//! known key that is spelt most like it. `docs/experiment.md` documents every key.

mod adalora;
mod lora;
mod method;
mod model;
mod reader;
mod task;
#[cfg(test)]
mod tests;
mod training;
mod virtual_tokens;

use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use adalora::AdaLoraSchedule;
pub use lora::{Biases, LoraVariant, Start};
pub use method::{Method, MethodSpec, NonLinearity, Placement};
pub use model::{Init, ModelSpec};
pub use task::{Long, Pool, Report, TaskKind, TaskSpec};
pub use training::{BasePrecision, EvaluateEvery, Precision, Schedule, TrainingPatch, TrainingSpec};
pub use virtual_tokens::{PromptEncoder, PromptStart};

use crate::{Error, Run};
use reader::{Source, Table};

/// A grid of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Slug of the experiment; its results lie in a folder of that name.
    pub name: String,
    /// What the experiment is for, in words.
    pub description: Option<String>,
    /// Folder that the relative paths of the experiment start from.
    pub root: PathBuf,
    /// Seeds; every combination is run with each.
    pub seeds: Vec<u64>,
    /// Checkpoints.
    pub models: Vec<ModelSpec>,
    /// Tasks.
    pub tasks: Vec<TaskSpec>,
    /// Ways of adapting a checkpoint to a task.
    pub methods: Vec<MethodSpec>,
    /// Training settings of all runs.
    pub training: TrainingSpec,
    /// Exceptions from the training settings, in order; a later one wins.
    pub overrides: Vec<Override>,
}

/// Other training settings for those runs that match all of the named model, method and task.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// Name of a model of the experiment.
    pub model: Option<String>,
    /// Name of a method of the experiment.
    pub method: Option<String>,
    /// Name of a task of the experiment.
    pub task: Option<String>,
    /// The settings.
    pub training: TrainingPatch,
}

const TOP: [&str; 9] = ["name", "description", "root", "seeds", "model", "task", "method", "training", "override"];
const MATCHERS: [&str; 3] = ["model", "method", "task"];

impl Experiment {
    /// Reads the experiment in `file`.
    ///
    /// # Errors
    /// The file cannot be read, or is no experiment: the message names file, line, key and what was expected.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { path: file.to_owned(), action: "read the experiment", source };
        let text = std::fs::read_to_string(file).map_err(io)?;
        // Absolute, so that a run's own file may lie in another folder than the experiment's.
        let folder = std::path::absolute(file).map_err(io)?;
        Self::parse_in(&text, file, folder.parent().unwrap_or(&folder))
    }

    /// Reads the experiment in `text`, which stands in `file`: relative paths start at that file's folder.
    ///
    /// # Errors
    /// The text is no experiment: the message names file, line, key and what was expected.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        Self::parse_in(text, file, file.parent().unwrap_or(Path::new("")))
    }

    fn parse_in(text: &str, file: &Path, folder: &Path) -> Result<Self, Error> {
        let source = Source { file, text };
        let document = DeTable::parse(text).map_err(|error| Error::Toml {
            file: file.to_owned(),
            line: source.line(error.span().map_or(0, |span| span.start)),
            message: error.message().trim().replace('\n', ", "),
        })?;
        let table = Table::new(source, "the experiment", &document);
        table.check_keys(&TOP)?;
        let mut root = folder.to_owned();
        if let Some(value) = table.get("root") {
            root.push(value.string()?);
        }
        let mut training = TrainingSpec::default();
        if let Some(value) = table.get("training") {
            let table = value.table("[training]")?;
            table.check_keys(&TrainingPatch::KEYS)?;
            TrainingPatch::read(&table)?.apply(&mut training);
        }
        let models = read_list(&table, "model", "[[model]]", |table| ModelSpec::read(table, &root))?;
        let tasks = read_list(&table, "task", "[[task]]", |table| TaskSpec::read(table, &root))?;
        let methods = read_list(&table, "method", "[[method]]", |table| MethodSpec::read(table, &root))?;
        let mut experiment = Self {
            name: table.required("name")?.slug()?,
            description: table.get("description").map(|value| value.string()).transpose()?,
            root,
            seeds: table.required("seeds")?.seeds()?,
            models,
            tasks,
            methods,
            training,
            overrides: Vec::new(),
        };
        if let Some(value) = table.get("override") {
            for table in value.tables("[[override]]")? {
                let exception = Override::read(&table, &experiment)?;
                experiment.overrides.push(exception);
            }
        }
        let quantised = |run: &Run| run.training.base_precision.is_some_and(BasePrecision::is_quantised);
        match experiment.runs().iter().find(|run| run.method.method == Method::Full && quantised(run)) {
            None => Ok(experiment),
            Some(run) => Err(table.invalid(format!(
                "method {}: full fine-tuning trains every weight, and one in 8 or 4 bits cannot be trained; give it an [[override]] \
                 with base_precision = \"fp32\"",
                run.method.name
            ))),
        }
    }

    /// All runs of the grid: task by task, within it model by model, method by method, seed by seed, as in the file.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for task in &self.tasks {
            for model in &self.models {
                for method in &self.methods {
                    for &seed in &self.seeds {
                        runs.push(self.run(model, task, method, seed));
                    }
                }
            }
        }
        runs
    }

    fn run(&self, model: &ModelSpec, task: &TaskSpec, method: &MethodSpec, seed: u64) -> Run {
        let mut training = self.training.clone();
        if let Some(own) = method.learning_rate {
            training.learning_rate = own;
        }
        for exception in &self.overrides {
            if exception.matches(&model.name, &method.name, &task.name) {
                exception.training.apply(&mut training);
            }
        }
        Run {
            experiment: self.name.clone(),
            model: model.clone(),
            task: task.clone(),
            method: MethodSpec { learning_rate: None, ..method.clone() },
            training,
            seed,
            root: self.root.clone(),
        }
    }
}

impl Override {
    fn read(table: &Table, experiment: &Experiment) -> Result<Self, Error> {
        table.check_keys(&[&MATCHERS[..], &TrainingPatch::KEYS].concat())?;
        let matcher = |key, names: Vec<&str>| {
            table
                .get(key)
                .map(|value| {
                    let name = value.string()?;
                    if names.contains(&name.as_str()) { Ok(name) } else { Err(value.unknown(&name, &names)) }
                })
                .transpose()
        };
        let training = TrainingPatch::read(table)?;
        if training == TrainingPatch::default() {
            return Err(table.invalid("an [[override]] needs at least one key of [training] to set"));
        }
        Ok(Self {
            model: matcher("model", names(&experiment.models, |model| &model.name))?,
            method: matcher("method", names(&experiment.methods, |method| &method.name))?,
            task: matcher("task", names(&experiment.tasks, |task| &task.name))?,
            training,
        })
    }

    fn matches(&self, model: &str, method: &str, task: &str) -> bool {
        let agrees = |wanted: &Option<String>, name| wanted.as_deref().is_none_or(|wanted| wanted == name);
        agrees(&self.model, model) && agrees(&self.method, method) && agrees(&self.task, task)
    }
}

fn names<T>(specs: &[T], name: impl Fn(&T) -> &String) -> Vec<&str> {
    specs.iter().map(|spec| name(spec).as_str()).collect()
}

/// Reads the tables `name` under `key`: at least one, no two with the same name.
fn read_list<T>(
    table: &Table,
    key: &'static str,
    name: &str,
    read: impl Fn(&Table) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let list = table.required(key)?;
    let mut specs = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for table in list.tables(name)? {
        specs.push(read(&table)?);
        let value = table.required("name")?;
        let own = value.string()?;
        if seen.contains(&own) {
            return Err(value.invalid(format_args!("\"{own}\" is the name of an earlier {name}")));
        }
        seen.push(own);
    }
    if specs.is_empty() {
        return Err(list.invalid(format_args!("expected at least one {name}")));
    }
    Ok(specs)
}
