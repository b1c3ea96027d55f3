//! Tuning of the normalisations alone. Zhao et al. 2023, arXiv 2312.11420, section 2.

use crate::ia3::excluding;
use crate::method::Matcher;
use crate::{Error, Targets};

/// How to tune normalisations: `y = γ' ⊙ norm(x) + β'`, of which γ' and β' are trained and start at the base model's γ and β. Nothing is
/// brought in, and nothing is left to merge.
#[derive(Debug, Clone, PartialEq)]
pub struct LnTuningConfig {
    /// The normalisations to tune: modules other than linear layers, of which vectors are trained.
    pub targets: Targets,
    /// peft's `exclude_modules`: these are not tuned.
    pub exclude: Option<Targets>,
}

impl Default for LnTuningConfig {
    /// BERT's normalisations; peft has a default for Llama and its kin, none for BERT.
    fn default() -> Self {
        Self { targets: vec!["LayerNorm".into()].into(), exclude: None }
    }
}

impl LnTuningConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for `"all-linear"`: a normalisation is no linear layer.
    pub fn check(&self) -> Result<(), Error> {
        match self.targets {
            Targets::AllLinear => Err(Error::Setting {
                setting: "targets",
                found: self.targets.to_string(),
                expected: "names of normalisations",
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn matcher(&self) -> Result<Matcher, Error> {
        excluding(&self.targets, self.exclude.as_ref())
    }
}
