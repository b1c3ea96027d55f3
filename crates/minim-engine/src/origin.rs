//! What an adapter was trained on, so that it is never put on another base, label set or tokenizer: `minim.json` beside the adapter's files.
//!
//! peft leaves the file alone. A folder without it, one that peft wrote, is taken on trust: its tensors' names and shapes are all that is checked.

use std::fmt::Write as _;
use std::path::Path;

use minim_experiment::{Init, Run};
use minim_models::{Checkpoint, Config};
use minim_tasks::Tokenizer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;

const FILE: &str = "minim.json";

/// What an adapter was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// 1; a file of a later form is refused.
    pub schema: u32,
    /// The base model.
    pub base: Base,
    /// `SEQ_CLS` or `TOKEN_CLS`.
    pub task_type: String,
    /// The labels by their number.
    pub labels: Vec<String>,
    /// SHA-256 over the tokenizer's files.
    pub tokenizer: String,
}

/// What a base model is known by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// Its folder's name: for people, not compared.
    pub name: String,
    /// `model_type` of its `config.json`.
    pub model_type: String,
    /// What of its `config.json` decides what it computes; the same weights of 2 heads are another model than of 4. Folders of earlier versions
    /// have none, and are not compared.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// `sha256:` over the values of its backbone ([`Checkpoint::fingerprint`]), or `random:` and the seed of a base that was never trained.
    pub weights: String,
}

impl Origin {
    /// The origin of what `run` trains.
    ///
    /// # Errors
    /// [`Error`] for a weight or tokenizer file that can't be read.
    pub(crate) fn of(
        run: &Run,
        checkpoint: &Checkpoint,
        tokenizer: &Tokenizer,
        task_type: &str,
        labels: &[String],
    ) -> Result<Self, Error> {
        let random = (run.model.init == Init::Random).then_some(run.seed);
        Ok(Self {
            schema: 1,
            base: Base::of(checkpoint, random)?,
            task_type: task_type.into(),
            labels: labels.to_vec(),
            tokenizer: hex(&tokenizer.fingerprint()?),
        })
    }

    /// Writes `minim.json` to an adapter folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        std::fs::write(&path, text).map_err(Error::io(&path))
    }

    /// Reads `minim.json` of an adapter folder; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Input`] for a file of another form.
    pub fn read(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let origin: Self = serde_json::from_str(&text)
            .map_err(|e| Error::Input(format!("{}: not what minim writes there: {e}", path.display())))?;
        match origin.schema {
            1 => Ok(Some(origin)),
            later => Err(Error::Input(format!("{}: schema is {later}; expected 1", path.display()))),
        }
    }

    /// Refuses the adapter in `folder` if it comes from elsewhere than `here`.
    ///
    /// # Errors
    /// [`Error::Input`] says what differs.
    pub(crate) fn check(folder: &Path, here: &Self) -> Result<(), Error> {
        let Some(there) = Self::read(folder)? else { return Ok(()) };
        let mut differences = there.base.differences(&here.base);
        if there.task_type != here.task_type {
            differences.push(format!("the task is {}, the adapter's {}", here.task_type, there.task_type));
        }
        differences.extend(label_difference(&there.labels, &here.labels));
        if there.tokenizer != here.tokenizer {
            differences.push(format!(
                "the tokenizer's files are not those it was trained with (sha256 {}, not {})",
                short(&here.tokenizer),
                short(&there.tokenizer)
            ));
        }
        refuse(folder, differences)
    }

    /// As [`Origin::check`] for an adapter that is put on a model as it is: the labels are the adapter's own.
    ///
    /// # Errors
    /// [`Error`] says what differs, or which file can't be read.
    pub(crate) fn check_model(
        folder: &Path,
        checkpoint: &Checkpoint,
        tokenizer: &Tokenizer,
        task_type: &str,
    ) -> Result<(), Error> {
        let Some(there) = Self::read(folder)? else { return Ok(()) };
        let here = Self {
            schema: 1,
            base: Base::of(checkpoint, None)?,
            task_type: task_type.into(),
            labels: there.labels,
            tokenizer: hex(&tokenizer.fingerprint()?),
        };
        Self::check(folder, &here)
    }
}

impl Base {
    /// The base in `checkpoint`; its weights are not looked at if they start at `random`.
    fn of(checkpoint: &Checkpoint, random: Option<u64>) -> Result<Self, Error> {
        let name = checkpoint.folder().file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        let weights = match random {
            Some(seed) => format!("random:{seed}"),
            None => format!("sha256:{}", hex(&checkpoint.fingerprint()?)),
        };
        Ok(Self {
            name,
            model_type: checkpoint.config().model_type().into(),
            config: computed(checkpoint.config()),
            weights,
        })
    }

    fn differences(&self, here: &Self) -> Vec<String> {
        if self.model_type != here.model_type {
            return vec![format!(
                "the base is {} ({}), the adapter's was {} ({})",
                here.model_type, here.name, self.model_type, self.name
            )];
        }
        let mut differences = self.config_differences(here);
        if self.weights != here.weights {
            differences.push(format!(
                "the base's weights ({}, {}) are not those it was trained on ({}, {})",
                here.name,
                short(&here.weights),
                self.name,
                short(&self.weights)
            ));
        }
        differences
    }

    fn config_differences(&self, here: &Self) -> Vec<String> {
        // Keys that only `here` has are of a later version's reading.
        let differing = self.config.iter().filter_map(|(key, there)| {
            let here = here.config.get(key).unwrap_or(&Value::Null);
            (there != here).then(|| format!("the base's {key} is {here}, the adapter's base had {there}"))
        });
        differing.collect()
    }
}

/// What a configuration says but for what only training and fresh weights ask for.
fn computed(config: &Config) -> Map<String, Value> {
    let Value::Object(mut config) = config.shape_json() else { return Map::new() };
    config.retain(|key, _| !key.contains("dropout") && !["initializer_range", "model_type"].contains(&key.as_str()));
    config
}

/// What a label set lacks or has beside the adapter's; names of labels are no text of the data.
fn label_difference(there: &[String], here: &[String]) -> Option<String> {
    if there == here {
        return None;
    }
    let beyond = |these: &[String], those: &[String]| {
        let only: Vec<&str> = these.iter().filter(|label| !those.contains(label)).map(String::as_str).collect();
        only.join(", ")
    };
    let (lacking, added) = (beyond(there, here), beyond(here, there));
    let mut difference = String::from("the labels differ:");
    match (lacking.is_empty(), added.is_empty()) {
        (true, true) => difference.push_str(" the same in another order"),
        (lacks_none, adds_none) => {
            if !lacks_none {
                let _ = write!(difference, " the adapter's {lacking} are not here");
            }
            if !adds_none {
                let _ = write!(difference, "{} {added} are not the adapter's", if lacks_none { "" } else { "," });
            }
        }
    }
    Some(difference)
}

fn refuse(folder: &Path, differences: Vec<String>) -> Result<(), Error> {
    match differences.is_empty() {
        true => Ok(()),
        false => Err(Error::Input(format!(
            "{}: the adapter was trained on something else: {}",
            folder.join(FILE).display(),
            differences.join("; ")
        ))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Enough of a fingerprint to tell two apart by eye.
fn short(fingerprint: &str) -> &str {
    let end = fingerprint.find(':').map_or(0, |colon| colon + 1) + 12;
    fingerprint.get(..end).unwrap_or(fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &str) -> Vec<String> {
        names.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn a_label_set_says_what_it_lacks_and_what_it_adds() {
        assert_eq!(label_difference(&labels("a b"), &labels("a b")), None);
        let said = |there, here| label_difference(&labels(there), &labels(here)).unwrap();
        assert_eq!(said("a b", "b a"), "the labels differ: the same in another order");
        assert_eq!(said("a b", "a"), "the labels differ: the adapter's b are not here");
        assert_eq!(said("a", "a c"), "the labels differ: c are not the adapter's");
        assert_eq!(said("a b", "a c"), "the labels differ: the adapter's b are not here, c are not the adapter's");
    }

    #[test]
    fn a_fingerprint_is_cut_behind_its_kind() {
        assert_eq!(short("sha256:0123456789abcdef"), "sha256:0123456789ab");
        assert_eq!(short("0123456789abcdef"), "0123456789ab");
        assert_eq!(short("random:12"), "random:12");
    }
}
