//! AdaLoRA in `adapter_config.json`.

use std::collections::BTreeMap;
use std::path::Path;

use super::AdapterConfig;
use crate::{AdaLoraConfig, Error, Targets};

/// How the name of a module's singular values ends in AdaLoRA's `rank_pattern`.
const SINGULAR_VALUES: &str = ".lora_E";

impl AdapterConfig {
    pub(super) fn set_adalora(&mut self, adalora: &AdaLoraConfig) {
        self.set("init_r", Some(adalora.init_rank));
        self.set("target_r", Some(adalora.target_rank));
        self.set("tinit", Some(adalora.tinit));
        self.set("tfinal", Some(adalora.tfinal));
        self.set("deltaT", Some(adalora.delta_t));
        self.set("beta1", Some(adalora.beta1));
        self.set("beta2", Some(adalora.beta2));
        self.set("orth_reg_weight", Some(adalora.orth_reg_weight));
        // peft takes none without a step between both ends.
        self.set("total_step", Some(adalora.total_steps.max(adalora.tinit + adalora.tfinal + 1)));
        let left = adalora.rank_pattern.iter().map(|(module, left)| (format!("{module}{SINGULAR_VALUES}"), left));
        let left: BTreeMap<String, &Vec<bool>> = left.collect();
        self.set("rank_pattern", Some(left).filter(|left| !left.is_empty()));
    }

    pub(super) fn adalora(&self, targets: Targets, folder: &Path) -> Result<AdaLoraConfig, Error> {
        let default = AdaLoraConfig::default();
        let left: BTreeMap<String, Vec<bool>> = self.get("rank_pattern", folder)?.unwrap_or_default();
        let module = |name: String| name.strip_suffix(SINGULAR_VALUES).map(str::to_string).unwrap_or(name);
        Ok(AdaLoraConfig {
            init_rank: self.get("init_r", folder)?.unwrap_or(default.init_rank),
            target_rank: self.get("target_r", folder)?.unwrap_or(default.target_rank),
            alpha: self.lora_alpha.unwrap_or(default.alpha),
            dropout: self.lora_dropout.unwrap_or(default.dropout),
            targets,
            restriction: self.restriction(folder)?,
            tinit: self.get("tinit", folder)?.unwrap_or(default.tinit),
            tfinal: self.get("tfinal", folder)?.unwrap_or(default.tfinal),
            delta_t: self.get("deltaT", folder)?.unwrap_or(default.delta_t),
            beta1: self.get("beta1", folder)?.unwrap_or(default.beta1),
            beta2: self.get("beta2", folder)?.unwrap_or(default.beta2),
            orth_reg_weight: self.get("orth_reg_weight", folder)?.unwrap_or(default.orth_reg_weight),
            total_steps: self.get("total_step", folder)?.unwrap_or_default(),
            rank_pattern: left.into_iter().map(|(name, left)| (module(name), left)).collect(),
        })
    }
}
