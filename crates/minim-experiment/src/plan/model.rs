//! Which checkpoint a run starts from.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::reader::Table;
use crate::{Error, Location};

/// A checkpoint folder and how its weights are used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Slug of the model in run ids and tables.
    pub name: String,
    /// Hugging Face model folder.
    pub path: Location,
    /// Where the weights come from.
    pub init: Init,
}

/// Where a model's weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// From the checkpoint.
    Pretrained,
    /// Drawn from the run's seed; only the checkpoint's configuration and tokenizer are read.
    Random,
}

const INITS: [(&str, Init); 2] = [("pretrained", Init::Pretrained), ("random", Init::Random)];

impl ModelSpec {
    pub(super) const KEYS: [&str; 3] = ["name", "path", "init"];

    pub(super) fn read(table: &Table, root: &Path) -> Result<Self, Error> {
        table.check_keys(&Self::KEYS)?;
        Ok(Self {
            name: table.required("name")?.slug()?,
            path: Location::new(root, table.required("path")?.string()?),
            init: match table.get("init") {
                None => Init::Pretrained,
                Some(value) => value.choice(&INITS)?,
            },
        })
    }
}
