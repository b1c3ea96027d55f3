//! Prompts and prefixes in adapter folders: their settings, and the tensor that an encoder makes.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::Tensors;
use super::config::{AdapterConfig, CONFIG};
use super::entry::PROMPT;
use crate::walk::Walk;
use crate::{EncoderKind, Error, Method, PTuningConfig, PrefixTuningConfig, PromptInit, PromptTuningConfig};

/// Whether peft knows a type of adapter as one of virtual tokens, and minim too.
pub(super) fn is_type(peft_type: &str) -> bool {
    ["PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING"].contains(&peft_type)
}

impl AdapterConfig {
    /// Writes the settings of a method of virtual tokens.
    pub(super) fn set_virtual_tokens(&mut self, method: &Method) {
        self.set("num_virtual_tokens", Some(method.virtual_tokens()));
        self.set("num_transformer_submodules", Some(1));
        match method {
            Method::PromptTuning(prompt) => {
                self.peft_type = "PROMPT_TUNING".into();
                let init = match &prompt.init {
                    PromptInit::Random => "RANDOM",
                    PromptInit::SampleVocab => "SAMPLE_VOCAB",
                    PromptInit::Text { text, .. } => {
                        self.set("prompt_tuning_init_text", Some(text));
                        // peft wants one beside a text, and reads it for a fresh start only.
                        let tokenizer = self.base_model_name_or_path.clone().unwrap_or_default();
                        self.set("tokenizer_name_or_path", Some(tokenizer));
                        "TEXT"
                    }
                };
                self.set("prompt_tuning_init", Some(init));
            }
            Method::PrefixTuning(prefix) => {
                self.peft_type = "PREFIX_TUNING".into();
                self.set("num_layers", Some(prefix.layers));
                self.set("num_attention_heads", Some(prefix.heads));
                self.set("token_dim", Some(prefix.width));
                self.set("prefix_projection", Some(prefix.projection.is_some()));
                self.set("encoder_hidden_size", Some(prefix.projection.unwrap_or(prefix.width)));
            }
            Method::PTuning(prompt) => {
                self.peft_type = "P_TUNING".into();
                self.set("encoder_hidden_size", prompt.hidden_size);
                match prompt.encoder {
                    EncoderKind::Mlp => self.set("encoder_reparameterization_type", Some("MLP")),
                    EncoderKind::Lstm { layers, dropout } => {
                        self.set("encoder_reparameterization_type", Some("LSTM"));
                        self.set("encoder_num_layers", Some(layers));
                        self.set("encoder_dropout", Some(dropout));
                    }
                }
            }
            _ => {}
        }
    }

    /// The method of virtual tokens that the settings describe.
    pub(super) fn virtual_tokens(&self, folder: &Path) -> Result<Method, Error> {
        let format = |reason: String| Error::Format { path: folder.join(CONFIG), reason };
        let needed = |key: &str| self.get(key, folder)?.ok_or_else(|| format(format!("{key} is missing")));
        let virtual_tokens = needed("num_virtual_tokens")?;
        if let Some(parts @ 2..) = self.get::<usize>("num_transformer_submodules", folder)? {
            return Err(format(format!("num_transformer_submodules = {parts} is not supported; expected 1")));
        }
        Ok(match self.peft_type.as_str() {
            "PROMPT_TUNING" => Method::PromptTuning(PromptTuningConfig {
                virtual_tokens,
                init: match self.get::<String>("prompt_tuning_init", folder)?.as_deref() {
                    None | Some("RANDOM") => PromptInit::Random,
                    Some("SAMPLE_VOCAB") => PromptInit::SampleVocab,
                    Some("TEXT") => PromptInit::Text {
                        text: self.get("prompt_tuning_init_text", folder)?.unwrap_or_default(),
                        ids: Vec::new(),
                    },
                    Some(other) => {
                        let expected = "expected RANDOM, SAMPLE_VOCAB or TEXT";
                        return Err(format(format!("prompt_tuning_init is {other}; {expected}")));
                    }
                },
            }),
            "PREFIX_TUNING" => {
                let projected = self.get("prefix_projection", folder)?.unwrap_or(false);
                Method::PrefixTuning(PrefixTuningConfig {
                    virtual_tokens,
                    layers: needed("num_layers")?,
                    heads: needed("num_attention_heads")?,
                    width: needed("token_dim")?,
                    projection: if projected { Some(needed("encoder_hidden_size")?) } else { None },
                })
            }
            _ => Method::PTuning(PTuningConfig {
                virtual_tokens,
                hidden_size: self.get("encoder_hidden_size", folder)?,
                encoder: match self.get::<String>("encoder_reparameterization_type", folder)?.as_deref() {
                    None | Some("MLP") => EncoderKind::Mlp,
                    Some("LSTM") => EncoderKind::Lstm {
                        layers: self.get("encoder_num_layers", folder)?.unwrap_or(2),
                        dropout: self.get("encoder_dropout", folder)?.unwrap_or_default(),
                    },
                    Some(other) => {
                        let expected = "expected MLP or LSTM";
                        return Err(format(format!("encoder_reparameterization_type is {other}; {expected}")));
                    }
                },
            }),
        })
    }
}

/// The configuration with the width of the prompt: peft makes room for it before it reads the tensor.
pub(super) fn sized(config: &AdapterConfig, tensors: &Tensors) -> AdapterConfig {
    let mut config = config.clone();
    if let (Some((shape, _)), false) = (tensors.get(PROMPT), config.other.contains_key("token_dim")) {
        config.set("token_dim", shape.last());
    }
    config
}

/// The parameters of the adapter on a table, by their paths inside of it. burn shows a visitor parameters alone, so that what they make
/// has to be made anew.
#[derive(Default)]
pub(super) struct Parts {
    found: BTreeMap<String, TensorData>,
    width: usize,
    device: Option<Device>,
}

impl Parts {
    /// Takes a parameter, if it belongs to an encoder or to what goes in there.
    pub(super) fn take<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        let inside = ["Prefix.", "PTuning."].iter().find_map(|kind| path.split_once(&format!(".adapter.{kind}")));
        let Some((_, inside)) = inside else { return };
        if inside == EMBEDDINGS {
            self.width = param.lazy_shape()[D - 1];
            self.device = Some(param.lazy_device());
        }
        self.found.insert(inside.into(), param.val().into_data());
    }

    /// `prompt_embeddings` as the encoder makes them; nothing where there is none: a model that was loaded has none.
    pub(super) fn encoded(self, method: &Method) -> Option<(Vec<usize>, Vec<f32>)> {
        let device = self.device.filter(|_| self.found.keys().any(|part| part != EMBEDDINGS))?;
        let mut rebuild = Rebuild { parts: self.found, walk: Walk::default() };
        let whole = match method {
            Method::PrefixTuning(config) => config.init(false, 0, &device).map(&mut rebuild).whole(),
            Method::PTuning(config) => config.init(self.width, false, 0, &device).map(&mut rebuild).prompt(),
            _ => return None,
        };
        let shape = whole.dims().to_vec();
        Some((shape, whole.into_data().iter::<f32>().collect()))
    }
}

/// The field that an encoder starts from.
const EMBEDDINGS: &str = "embeddings";

struct Rebuild {
    parts: BTreeMap<String, TensorData>,
    walk: Walk,
}

impl ModuleMapper for Rebuild {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.walk.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.walk.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, device) = (param.id, param.lazy_device());
        match self.parts.remove(&self.walk.path()) {
            Some(data) => param.transform_for_load(Tensor::from_data(data, &device), id),
            None => param,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, TokenEmbedding, attach, peft};

    #[derive(Module, Debug)]
    struct Tiny {
        tokens: TokenEmbedding,
        classifier: Linear,
    }

    fn tiny(device: &Device) -> Tiny {
        Tiny { tokens: TokenEmbedding::new(11, 6, device), classifier: Linear::new(6, 2, true, device) }
    }

    /// What the encoder made is the prompt of the file, and the prompt of the file is the model's that is loaded.
    #[test]
    fn a_prompt_is_kept_without_what_makes_it() {
        let (device, head) = (Device::flex(), ["classifier".to_string()]);
        let path = |path: &str| path.to_string();
        let prefix = PrefixTuningConfig { virtual_tokens: 3, projection: Some(5), ..PrefixTuningConfig::new(2, 2, 4) };
        let lstm = EncoderKind::Lstm { layers: 2, dropout: 0.5 };
        for (number, (method, width)) in [
            (Method::PromptTuning(PromptTuningConfig { virtual_tokens: 3, init: PromptInit::SampleVocab }), 6),
            (Method::PTuning(PTuningConfig { virtual_tokens: 3, ..PTuningConfig::default() }), 6),
            (Method::PTuning(PTuningConfig { virtual_tokens: 3, hidden_size: Some(4), encoder: lstm }), 6),
            (Method::PrefixTuning(prefix), 2 * 2 * 4),
        ]
        .into_iter()
        .enumerate()
        {
            let folder = std::env::temp_dir().join(format!("minim-virtual-tokens-{}-{number}", std::process::id()));
            let model = attach(tiny(&device), &method, &head, 7, path).unwrap();
            let config = AdapterConfig::new(&method, "SEQ_CLS", None, &head).unwrap();
            peft::save(&model, &method, &config, &head, path, &folder).unwrap();
            let read = AdapterConfig::read(&folder).unwrap();
            assert_eq!(read.other["token_dim"], if width == 6 { 6 } else { 4 });
            let again = attach(tiny(&device), &read.method(&folder).unwrap(), &head, 8, path).unwrap();
            let again = peft::load(again, &method, &head, path, &folder).unwrap();
            std::fs::remove_dir_all(&folder).unwrap();
            assert_eq!(again.num_params(), 11 * 6 + 6 * 2 + 2 + 3 * width);
            let kept = |model: &Tiny| match model.tokens.prefix() {
                Some(prefix) => prefix.whole(),
                None => model
                    .tokens
                    .forward(Tensor::zeros([1, 1], &device), burn::tensor::FloatDType::F32)
                    .narrow(1, 0, 3)
                    .squeeze_dim(0),
            };
            let difference = (kept(&model) - kept(&again)).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-6, "{}: {difference}", method.name());
            let size = kept(&again).abs().max().into_scalar::<f32>();
            assert!(size > 0.0 || matches!(method, Method::PromptTuning(_)), "the table is of zeros, a prompt is not");
            assert!(crate::merge(again).is_err());
        }
    }
}
