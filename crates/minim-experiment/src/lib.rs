//! The plan and the record of a minim study.
//!
//! An [`Experiment`] is read from a TOML file, expands to [`Run`]s (one per model, task, method and seed), and every
//! run leaves one [`Record`] in a [`Store`]. The types here are what the engine, the report and `cargo xtask` agree on;
//! none of them needs a deep-learning framework.
//!
//! ```
//! use minim_experiment::Experiment;
//!
//! let plan = r#"
//!     name = "first"
//!     seeds = [12, 34]
//!     model = [{ name = "mini", path = "checkpoints/mini-2x128" }]
//!     task = [{ name = "mortality", kind = "sequence-classification", dataset = "prepared-csv", data = "data" }]
//!     method = [{ name = "full", kind = "full" }, { name = "lora-r8", kind = "lora", rank = 8 }]
//! "#;
//! let experiment = Experiment::parse(plan, "first.toml".as_ref())?;
//! let runs = experiment.runs();
//! assert_eq!(runs.len(), 4);
//! assert!(runs[0].id().starts_with("mini-full-mortality-s12-"));
//! # Ok::<(), minim_experiment::Error>(())
//! ```
//!
//! Every key of an experiment stands in `docs/experiment.md`, every key of a record in `docs/record.md`.

mod error;
mod location;
mod plan;
mod record;
mod run;
mod seed;
mod store;
mod utc;

pub use error::Error;
pub use location::Location;
pub use plan::{
    AdaLoraSchedule, BasePrecision, Biases, EvaluateEvery, Experiment, Init, Long, LoraVariant, Method, MethodSpec,
    ModelSpec, NonLinearity, Override, Placement, Pool, Precision, PromptEncoder, PromptStart, Report, Schedule, Start,
    TaskKind, TaskSpec, TrainingPatch, TrainingSpec,
};
pub use record::{
    ClassShots, Cost, CurvePoint, DataSummary, Hardware, LabelScore, Majority, Metrics, Parameters, Record,
    SCHEMA_VERSION, ScoreInterval, Scores, Shots, SplitCounts, Status, Versions,
};
pub use run::Run;
pub use seed::{Purpose, stream};
pub use store::Store;
pub use utc::utc;
