//! `adapter_config.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::virtual_tokens;
use crate::targets::ALL_LINEAR;
use crate::{
    Bias, BottleneckConfig, Error, Ia3Config, LnTuningConfig, LoraConfig, LoraStart, Method, Restriction, Targets,
    VeraConfig,
};

pub(super) const CONFIG: &str = "adapter_config.json";

/// peft's `adapter_config.json`, reduced to the keys that every peft version since 0.4 knows and to those that the method sets.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub struct AdapterConfig {
    /// `LORA`, `ADALORA`, `IA3`, `VERA`, `LN_TUNING`, `PROMPT_TUNING`, `PREFIX_TUNING` or `P_TUNING`; `BOTTLENECK` in a folder of minim's own, which
    /// peft refuses by that name.
    pub peft_type: String,
    /// `SEQ_CLS` or `TOKEN_CLS`.
    #[serde(default)]
    pub task_type: Option<String>,
    /// Where the base model came from.
    #[serde(default)]
    pub base_model_name_or_path: Option<String>,
    /// peft saves `true`.
    #[serde(default)]
    pub inference_mode: bool,
    /// A list of names, one regular expression, or `"all-linear"`; none for virtual tokens, which sit on no layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_modules: Option<Names>,
    /// Modules trained and saved whole.
    #[serde(default)]
    pub modules_to_save: Option<Vec<String>>,
    /// The rank of LoRA or VeRA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r: Option<usize>,
    /// LoRA's or AdaLoRA's alpha.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora_alpha: Option<f64>,
    /// LoRA's or AdaLoRA's dropout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora_dropout: Option<f64>,
    /// IA3's feed-forward modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedforward_modules: Option<Names>,
    /// All other settings. Those that change what a checkpoint means are honoured, or refused unless they are neutral.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// One name (a regular expression) or a list of names.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Names {
    /// A regular expression over whole module names.
    Pattern(String),
    /// Module names.
    List(Vec<String>),
}

impl From<&Targets> for Names {
    fn from(targets: &Targets) -> Self {
        match targets {
            Targets::Names(names) => Names::List(names.clone()),
            Targets::Pattern(pattern) => Names::Pattern(pattern.clone()),
            Targets::AllLinear => Names::Pattern(ALL_LINEAR.into()),
        }
    }
}

impl From<&Names> for Targets {
    fn from(names: &Names) -> Self {
        match names {
            Names::List(names) => Targets::Names(names.clone()),
            Names::Pattern(pattern) if pattern.to_lowercase() == ALL_LINEAR => Targets::AllLinear,
            Names::Pattern(pattern) => Targets::Pattern(pattern.clone()),
        }
    }
}

/// peft takes a number or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(usize),
    Several(Vec<usize>),
}

/// Settings of peft that this version of minim can't honour: (key, neutral value).
fn unsupported(peft_type: &str) -> Vec<(&'static str, Value)> {
    let mut settings = vec![("fan_in_fan_out", json!(false))];
    match peft_type {
        "LORA" => settings.extend([
            ("lora_bias", json!(false)),
            ("layer_replication", json!(null)),
            ("target_parameters", json!([])),
            ("trainable_token_indices", json!(null)),
            ("alora_invocation_tokens", json!(null)),
            ("arrow_config", json!(null)),
            ("kasa_config", json!(null)),
            ("monteclora_config", json!(null)),
            ("use_bdlora", json!(null)),
            ("use_qalora", json!(false)),
        ]),
        "ADALORA" => settings.extend([("bias", json!("none")), ("trainable_token_indices", json!(null))]),
        "VERA" => settings.push(("bias", json!("none"))),
        _ => {}
    }
    settings
}

/// Ways of starting LoRA's factors that leave the base model's weights as they are; the others change what the factors stand on.
const PLAIN_STARTS: [&str; 4] = ["gaussian", "orthogonal", "eva", "mica"];

impl AdapterConfig {
    /// The configuration of a method; `None` for methods that peft has no files for.
    pub fn new(method: &Method, task_type: &str, base: Option<String>, modules_to_save: &[String]) -> Option<Self> {
        let mut config = Self {
            peft_type: String::new(),
            task_type: Some(task_type.into()),
            base_model_name_or_path: base,
            inference_mode: true,
            target_modules: None,
            modules_to_save: Some(modules_to_save.to_vec()),
            r: None,
            lora_alpha: None,
            lora_dropout: None,
            feedforward_modules: None,
            other: BTreeMap::new(),
        };
        match method {
            Method::Full | Method::Head => return None,
            // The layer of a LoRA that adds nothing is chosen when it is saved.
            Method::BitFit => {
                config.peft_type = "LORA".into();
                config.r = Some(1);
                config.lora_alpha = Some(1.0);
                config.lora_dropout = Some(0.0);
                config.set("bias", bias_name(Bias::All));
            }
            Method::Lora(lora) => {
                let lora = lora.saved();
                config.peft_type = "LORA".into();
                config.target_modules = Some((&lora.targets).into());
                config.r = Some(lora.rank);
                config.lora_alpha = Some(lora.alpha);
                config.lora_dropout = Some(lora.dropout);
                config.set("use_rslora", lora.use_rslora.then_some(true));
                config.set("use_dora", lora.use_dora.then_some(true));
                config.set("rank_pattern", Some(&lora.rank_pattern).filter(|pattern| !pattern.is_empty()));
                config.set("alpha_pattern", Some(&lora.alpha_pattern).filter(|pattern| !pattern.is_empty()));
                config.set("bias", bias_name(lora.bias));
                config.restrict(&lora.restriction);
            }
            Method::AdaLora(adalora) => {
                config.peft_type = "ADALORA".into();
                config.target_modules = Some((&adalora.targets).into());
                config.lora_alpha = Some(adalora.alpha);
                config.lora_dropout = Some(adalora.dropout);
                config.restrict(&adalora.restriction);
                config.set_adalora(adalora);
            }
            Method::Ia3(ia3) => {
                config.peft_type = "IA3".into();
                config.target_modules = Some((&ia3.targets).into());
                config.feedforward_modules = Some((&ia3.feedforward).into());
                config.set("exclude_modules", ia3.exclude.as_ref().map(Names::from));
            }
            Method::Vera(vera) => {
                config.peft_type = "VERA".into();
                config.target_modules = Some((&vera.targets).into());
                config.r = Some(vera.rank);
                config.set("vera_dropout", Some(vera.dropout));
                config.set("d_initial", Some(vera.d_initial));
                config.set("projection_prng_key", Some(vera.projection_prng_key));
                config.set("save_projection", Some(true));
                config.restrict(&vera.restriction);
            }
            Method::Bottleneck(bottleneck) => {
                config.peft_type = "BOTTLENECK".into();
                config.target_modules = Some((&bottleneck.targets).into());
                config.set("bottleneck_size", Some(bottleneck.size));
                config.set("non_linearity", Some(bottleneck.non_linearity.to_string()));
                config.restrict(&bottleneck.restriction);
            }
            Method::LnTuning(ln_tuning) => {
                config.peft_type = "LN_TUNING".into();
                config.target_modules = Some((&ln_tuning.targets).into());
                config.set("exclude_modules", ln_tuning.exclude.as_ref().map(Names::from));
            }
            Method::PromptTuning(_) | Method::PrefixTuning(_) | Method::PTuning(_) => {
                config.set_virtual_tokens(method);
            }
        }
        Some(config)
    }

    /// Sets what is not at peft's default, so that old versions of peft read what they can.
    pub(super) fn set(&mut self, key: &str, value: Option<impl Serialize>) {
        if let Some(value) = value.and_then(|value| serde_json::to_value(value).ok()) {
            self.other.insert(key.into(), value);
        }
    }

    pub(super) fn restrict(&mut self, restriction: &Restriction) {
        self.set("exclude_modules", restriction.exclude.as_ref().map(Names::from));
        self.set("layers_to_transform", Some(&restriction.layers).filter(|layers| !layers.is_empty()));
        self.set("layers_pattern", Some(&restriction.layers_pattern).filter(|patterns| !patterns.is_empty()));
    }

    /// Writes `adapter_config.json` to a folder, keys in the order of the alphabet as peft has them.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.into(), source })?;
        let path = folder.join(CONFIG);
        let text = serde_json::to_value(self)
            .and_then(serde_json::from_value::<BTreeMap<String, Value>>)
            .and_then(|sorted| serde_json::to_string_pretty(&sorted))
            .map_err(|e| Error::Format { path: path.clone(), reason: e.to_string() })?;
        std::fs::write(&path, text + "\n").map_err(|source| Error::Io { path, source })
    }

    /// Reads the configuration of an adapter folder.
    ///
    /// # Errors
    /// [`Error::Io`] without the file, [`Error::Format`] for one that can't be honoured to the letter.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(CONFIG);
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let format = |reason: String| Error::Format { path: path.clone(), reason };
        let config: Self = serde_json::from_str(&text).map_err(|e| format(format!("no peft configuration: {e}")))?;
        for (key, neutral) in unsupported(&config.peft_type) {
            if let Some(value) = config.other.get(key).filter(|value| !value.is_null() && **value != neutral) {
                return Err(format(format!("{key} = {value} is not supported; expected {neutral}")));
            }
        }
        Ok(config)
    }

    /// Where LoRA's factors started, as far as that decides what they stand on.
    fn start(&self, folder: &Path) -> Result<LoraStart, Error> {
        let Some(Value::String(name)) = self.other.get("init_lora_weights") else { return Ok(LoraStart::Random) };
        if PLAIN_STARTS.contains(&name.as_str()) {
            return Ok(LoraStart::Random);
        }
        match name.parse() {
            Ok(start @ (LoraStart::Pissa | LoraStart::Olora)) => Ok(start),
            _ => Err(Error::Format {
                path: folder.join(CONFIG),
                reason: format!(
                    "init_lora_weights = \"{name}\" is not supported, as it changes the base model's weights by what the file does not \
                     hold; convert the adapter to plain LoRA with peft's path_initial_model_for_weight_conversion"
                ),
            }),
        }
    }

    /// The method that the configuration describes.
    ///
    /// # Errors
    /// [`Error::Format`] for another peft type than those of [`Self::peft_type`], or a setting that is missing or not of its kind.
    pub fn method(&self, folder: &Path) -> Result<Method, Error> {
        let format = |reason: String| Error::Format { path: folder.join(CONFIG), reason };
        let missing = |key: &str| format(format!("{key} is missing"));
        if virtual_tokens::is_type(&self.peft_type) {
            return self.virtual_tokens(folder);
        }
        let targets = Targets::from(self.target_modules.as_ref().ok_or_else(|| missing("target_modules"))?);
        match self.peft_type.as_str() {
            "LORA" => Ok(Method::Lora(LoraConfig {
                // peft's defaults.
                rank: self.r.unwrap_or(8),
                alpha: self.lora_alpha.unwrap_or(8.0),
                dropout: self.lora_dropout.unwrap_or(0.0),
                targets,
                restriction: self.restriction(folder)?,
                rank_pattern: self.get("rank_pattern", folder)?.unwrap_or_default(),
                alpha_pattern: self.get("alpha_pattern", folder)?.unwrap_or_default(),
                use_rslora: self.get("use_rslora", folder)?.unwrap_or_default(),
                use_dora: self.get("use_dora", folder)?.unwrap_or_default(),
                freeze_a: false,
                bias: match self.get::<String>("bias", folder)?.as_deref() {
                    None | Some("none") => Bias::None,
                    Some("all") => Bias::All,
                    Some("lora_only") => Bias::LoraOnly,
                    Some(other) => return Err(format(format!("bias is {other}; expected none, all or lora_only"))),
                },
                start: self.start(folder)?,
            })),
            "ADALORA" => Ok(Method::AdaLora(self.adalora(targets, folder)?)),
            "IA3" => Ok(Method::Ia3(Ia3Config {
                targets,
                exclude: self.excluded(folder)?,
                feedforward: match &self.feedforward_modules {
                    None => Targets::Names(Vec::new()),
                    Some(Names::List(names)) => Targets::Names(names.clone()),
                    Some(Names::Pattern(pattern)) => Targets::Pattern(pattern.clone()),
                },
            })),
            "VERA" => {
                if self.get("save_projection", folder)? == Some(false) {
                    return Err(format(
                        "save_projection is false, and its random matrices come from PyTorch's generator; expected a file with \
                         vera_A and vera_B, saved with save_projection = true"
                            .into(),
                    ));
                }
                let default = VeraConfig::default();
                Ok(Method::Vera(VeraConfig {
                    rank: self.r.ok_or_else(|| missing("r"))?,
                    dropout: self.get("vera_dropout", folder)?.unwrap_or(default.dropout),
                    d_initial: self.get("d_initial", folder)?.unwrap_or(default.d_initial),
                    projection_prng_key: self.get("projection_prng_key", folder)?.unwrap_or_default(),
                    targets,
                    restriction: self.restriction(folder)?,
                }))
            }
            "BOTTLENECK" => {
                let name: Option<String> = self.get("non_linearity", folder)?;
                let name = name.ok_or_else(|| missing("non_linearity"))?;
                Ok(Method::Bottleneck(BottleneckConfig {
                    size: self.get("bottleneck_size", folder)?.ok_or_else(|| missing("bottleneck_size"))?,
                    non_linearity: name
                        .parse()
                        .map_err(|()| format(format!("non_linearity is {name}; expected gelu, relu, silu or tanh")))?,
                    targets,
                    restriction: self.restriction(folder)?,
                }))
            }
            "LN_TUNING" => Ok(Method::LnTuning(LnTuningConfig { targets, exclude: self.excluded(folder)? })),
            other => Err(format(format!(
                "peft_type {other} is not supported; expected LORA, ADALORA, IA3, VERA, LN_TUNING, PROMPT_TUNING, PREFIX_TUNING, \
                 P_TUNING or BOTTLENECK"
            ))),
        }
    }

    /// A setting beside those of every version; `None` if it is absent or null.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str, folder: &Path) -> Result<Option<T>, Error> {
        let Some(value) = self.other.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
        serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|e| Error::Format { path: folder.join(CONFIG), reason: format!("{key}: {e}") })
    }

    /// What is left out by name; peft takes an empty list for none.
    fn excluded(&self, folder: &Path) -> Result<Option<Targets>, Error> {
        let exclude = self.get::<Names>("exclude_modules", folder)?.filter(|names| !is_empty(names));
        Ok(exclude.map(|names| match names {
            Names::List(names) => Targets::Names(names),
            Names::Pattern(pattern) => Targets::Pattern(pattern),
        }))
    }

    pub(super) fn restriction(&self, folder: &Path) -> Result<Restriction, Error> {
        Ok(Restriction {
            exclude: self.excluded(folder)?,
            layers: match self.get("layers_to_transform", folder)? {
                None => Vec::new(),
                Some(Numbers::One(number)) => vec![number],
                Some(Numbers::Several(numbers)) => numbers,
            },
            layers_pattern: match self.get::<Names>("layers_pattern", folder)?.filter(|names| !is_empty(names)) {
                None => Vec::new(),
                Some(Names::List(patterns)) => patterns,
                Some(Names::Pattern(pattern)) => vec![pattern],
            },
        })
    }
}

fn bias_name(bias: Bias) -> Option<&'static str> {
    match bias {
        Bias::None => None,
        Bias::All => Some("all"),
        Bias::LoraOnly => Some("lora_only"),
    }
}

fn is_empty(names: &Names) -> bool {
    match names {
        Names::List(names) => names.is_empty(),
        Names::Pattern(pattern) => pattern.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{AdaLoraConfig, EncoderKind, PTuningConfig, PrefixTuningConfig, PromptInit, PromptTuningConfig};

    static FOLDERS: AtomicUsize = AtomicUsize::new(0);

    fn read(text: &str) -> Result<Method, Error> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("minim-adapter-config-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(CONFIG), text).unwrap();
        let method = AdapterConfig::read(&folder).and_then(|config| config.method(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
        method
    }

    fn lora(more: &str) -> Result<Method, Error> {
        read(&format!(r#"{{"peft_type": "LORA", "target_modules": ["query"], "r": 4, "lora_alpha": 8, {more}}}"#))
    }

    #[test]
    fn what_a_method_is_written_as_is_read_as_the_method() {
        let targets: Targets = vec!["query".into()].into();
        let restriction = Restriction {
            exclude: Some(Targets::Pattern("x.*".into())),
            layers: vec![0, 2],
            layers_pattern: vec!["layer".into()],
        };
        for method in [
            Method::Lora(LoraConfig {
                targets: targets.clone(),
                restriction: restriction.clone(),
                rank_pattern: [("query".into(), 2)].into(),
                alpha_pattern: [("query".into(), 3.5)].into(),
                use_rslora: true,
                use_dora: true,
                bias: Bias::LoraOnly,
                ..LoraConfig::default()
            }),
            Method::Lora(LoraConfig { targets: Targets::AllLinear, bias: Bias::All, ..LoraConfig::default() }),
            Method::Ia3(Ia3Config::default()),
            Method::Ia3(Ia3Config {
                exclude: Some(vec!["layer.0.output.dense".into()].into()),
                feedforward: Targets::Pattern(".*output.dense".into()),
                ..Ia3Config::default()
            }),
            Method::LnTuning(LnTuningConfig::default()),
            Method::LnTuning(LnTuningConfig {
                exclude: Some(Targets::Pattern(".*embeddings.*".into())),
                ..LnTuningConfig::default()
            }),
            Method::Bottleneck(BottleneckConfig {
                size: 7,
                restriction: restriction.clone(),
                ..BottleneckConfig::default()
            }),
            Method::AdaLora(AdaLoraConfig {
                targets: targets.clone(),
                restriction: restriction.clone(),
                tinit: 3,
                total_steps: 9,
                rank_pattern: [("bert.layer.0.query".into(), vec![true, false])].into(),
                ..AdaLoraConfig::default()
            }),
            Method::Vera(VeraConfig {
                targets,
                restriction: Restriction { exclude: None, ..restriction },
                projection_prng_key: 7,
                dropout: 0.2,
                ..VeraConfig::default()
            }),
            Method::PromptTuning(PromptTuningConfig {
                virtual_tokens: 7,
                init: PromptInit::Text { text: "which".into(), ids: Vec::new() },
            }),
            Method::PrefixTuning(PrefixTuningConfig { projection: Some(9), ..PrefixTuningConfig::new(2, 3, 12) }),
            Method::PrefixTuning(PrefixTuningConfig::new(2, 3, 12)),
            Method::PTuning(PTuningConfig { hidden_size: Some(5), ..PTuningConfig::default() }),
            Method::PTuning(PTuningConfig {
                encoder: EncoderKind::Lstm { layers: 3, dropout: 0.25 },
                ..PTuningConfig::default()
            }),
        ] {
            let config = AdapterConfig::new(&method, "SEQ_CLS", None, &[]).unwrap();
            assert_eq!(read(&serde_json::to_string(&config).unwrap()).unwrap(), method);
        }
        assert_eq!(AdapterConfig::new(&Method::Head, "SEQ_CLS", None, &[]), None);
    }

    #[test]
    fn plain_lora_has_the_keys_of_every_version_alone() {
        let config = AdapterConfig::new(&Method::Lora(LoraConfig::default()), "SEQ_CLS", None, &[]).unwrap();
        assert!(config.other.is_empty());
    }

    #[test]
    fn one_number_and_one_pattern_are_lists_of_one() {
        let read =
            lora(r#""layers_to_transform": 1, "layers_pattern": "layer", "exclude_modules": [], "bias": "none""#);
        let Ok(Method::Lora(config)) = read else { panic!("{read:?}") };
        let expected = Restriction { exclude: None, layers: vec![1], layers_pattern: vec!["layer".into()] };
        assert_eq!((config.restriction, config.bias), (expected, Bias::None));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_with_its_key() {
        for (more, says) in [
            (r#""lora_bias": true"#, "lora_bias = true is not supported"),
            (r#""init_lora_weights": "corda""#, "init_lora_weights = \"corda\" is not supported"),
            (r#""init_lora_weights": "pissa_niter_4""#, "by what the file does not hold"),
            (r#""bias": "some""#, "bias is some; expected none, all or lora_only"),
            (r#""rank_pattern": {"query": -1}"#, "rank_pattern: "),
            (r#""layer_replication": [[0, 1]]"#, "layer_replication = [[0,1]] is not supported"),
        ] {
            let error = lora(more).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(CONFIG), "{error}");
        }
        let vera = r#"{"peft_type": "VERA", "target_modules": ["query"], "r": 4, "save_projection": false}"#;
        assert!(read(vera).unwrap_err().to_string().contains("save_projection is false"));
    }
}
