//! Parameters of the base model that a method trains where they are: biases and normalisations.

use crate::method::{Matcher, module_of};
use crate::{Bias, Error, Method};

/// A parameter of the base model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter<'a> {
    /// Its published name.
    pub(crate) name: &'a str,
    /// How many axes it has.
    pub(crate) rank: usize,
    /// Whether a [`crate::Linear`] holds it.
    pub(crate) in_linear: bool,
}

/// What a method trains of the base model, beside the modules that are trained and saved whole.
pub(crate) struct Tuned {
    kind: Kind,
    matches: Matcher,
}

enum Kind {
    Nothing,
    Biases,
    AdaptedBiases,
    Normalisations,
}

impl Tuned {
    pub(crate) fn new(method: &Method) -> Result<Self, Error> {
        let kind = match method {
            Method::BitFit => Kind::Biases,
            Method::LnTuning(_) => Kind::Normalisations,
            Method::Lora(config) => match config.bias {
                Bias::None => Kind::Nothing,
                Bias::All => Kind::Biases,
                Bias::LoraOnly => Kind::AdaptedBiases,
            },
            Method::Full | Method::Head | Method::Ia3(_) | Method::Vera(_) => Kind::Nothing,
            Method::AdaLora(_) | Method::Bottleneck(_) => Kind::Nothing,
            Method::PromptTuning(_) | Method::PrefixTuning(_) | Method::PTuning(_) => Kind::Nothing,
        };
        Ok(Self { kind, matches: method.matcher()? })
    }

    pub(crate) fn includes(&self, parameter: Parameter<'_>) -> bool {
        let is_bias = parameter.name.ends_with(".bias");
        match self.kind {
            Kind::Nothing => false,
            Kind::Biases => is_bias,
            Kind::AdaptedBiases => is_bias && self.is_adapted(parameter),
            Kind::Normalisations => {
                parameter.rank == 1 && !parameter.in_linear && (self.matches)(module_of(parameter.name))
            }
        }
    }

    /// What peft calls a parameter that is [included](Self::includes), in its files.
    pub(crate) fn key(&self, parameter: Parameter<'_>) -> String {
        let (module, own) = parameter.name.rsplit_once('.').unwrap_or(("", parameter.name));
        match self.kind {
            Kind::Normalisations => format!("{module}.ln_tuning_layers.{own}"),
            _ if self.is_adapted(parameter) => format!("{module}.base_layer.{own}"),
            _ => parameter.name.to_string(),
        }
    }

    fn is_adapted(&self, parameter: Parameter<'_>) -> bool {
        parameter.in_linear && (self.matches)(module_of(parameter.name))
    }
}
