use std::path::Path;

use minim_adapters::{
    AdaLoraConfig, Bias, BottleneckConfig, EncoderKind, Ia3Config, LnTuningConfig, LoraConfig, LoraStart, Method,
    NonLinearity, PTuningConfig, PrefixTuningConfig, PromptInit, PromptTuningConfig, Restriction, Targets, VeraConfig,
};
use minim_experiment::{Biases, LoraVariant, Placement, PromptStart, Start};
use minim_models::Config;
use minim_tasks::Tokenizer;

use crate::Error;

/// The adapter method that an experiment's method stands for on a model: where the experiment names no targets, the family's defaults.
pub fn adapter_method(method: &minim_experiment::Method, config: &Config) -> Method {
    use minim_experiment::Method as Spec;
    let defaults = config.default_targets();
    match method {
        Spec::Full => Method::Full,
        Spec::Head => Method::Head,
        Spec::BitFit => Method::BitFit,
        Spec::Lora { rank, alpha, dropout, targets, variant } => {
            let plain = LoraConfig {
                rank: *rank,
                alpha: *alpha,
                dropout: *dropout,
                targets: chosen(targets, defaults.lora),
                ..LoraConfig::default()
            };
            Method::Lora(of_variant(plain, variant))
        }
        Spec::AdaLora { alpha, dropout, targets, schedule } => Method::AdaLora(AdaLoraConfig {
            init_rank: schedule.init_r,
            target_rank: schedule.target_r,
            alpha: *alpha,
            dropout: *dropout,
            targets: chosen(targets, defaults.adalora),
            tinit: schedule.tinit,
            tfinal: schedule.tfinal,
            delta_t: schedule.delta_t,
            beta1: schedule.beta1,
            beta2: schedule.beta2,
            orth_reg_weight: schedule.orth_reg_weight,
            ..AdaLoraConfig::default()
        }),
        Spec::Ia3 { targets, feedforward } => Method::Ia3(ia3(targets, feedforward.as_deref(), config)),
        Spec::Vera { rank, dropout, d_initial, projection_prng_key, targets } => Method::Vera(VeraConfig {
            rank: *rank,
            dropout: *dropout,
            d_initial: *d_initial,
            projection_prng_key: *projection_prng_key,
            targets: chosen(targets, defaults.lora),
            restriction: Restriction::default(),
        }),
        Spec::Bottleneck { placement, bottleneck_size, non_linearity, targets } => {
            Method::Bottleneck(BottleneckConfig {
                size: *bottleneck_size,
                non_linearity: match non_linearity {
                    minim_experiment::NonLinearity::Gelu => NonLinearity::Gelu,
                    minim_experiment::NonLinearity::Relu => NonLinearity::Relu,
                    minim_experiment::NonLinearity::Silu => NonLinearity::Silu,
                    minim_experiment::NonLinearity::Tanh => NonLinearity::Tanh,
                },
                ..bottleneck(*placement, targets, config)
            })
        }
        Spec::LnTuning { targets } => Method::LnTuning(ln_tuning(targets, config)),
        Spec::PromptTuning { num_virtual_tokens, prompt_tuning_init, prompt_tuning_init_text } => {
            Method::PromptTuning(PromptTuningConfig {
                virtual_tokens: *num_virtual_tokens,
                init: match (prompt_tuning_init, prompt_tuning_init_text) {
                    (PromptStart::Text, text) => {
                        PromptInit::Text { text: text.clone().unwrap_or_default(), ids: Vec::new() }
                    }
                    (PromptStart::SampleVocab, _) => PromptInit::SampleVocab,
                    (PromptStart::Random, _) => PromptInit::Random,
                },
            })
        }
        Spec::PrefixTuning { num_virtual_tokens, prefix_projection, encoder_hidden_size } => {
            let plain = config.prefix();
            let hidden = encoder_hidden_size.unwrap_or(plain.width);
            Method::PrefixTuning(PrefixTuningConfig {
                virtual_tokens: *num_virtual_tokens,
                projection: prefix_projection.then_some(hidden),
                ..plain
            })
        }
        Spec::PTuning { num_virtual_tokens, encoder, encoder_hidden_size, encoder_num_layers, encoder_dropout } => {
            Method::PTuning(PTuningConfig {
                virtual_tokens: *num_virtual_tokens,
                hidden_size: *encoder_hidden_size,
                encoder: match encoder {
                    minim_experiment::PromptEncoder::Mlp => EncoderKind::Mlp,
                    minim_experiment::PromptEncoder::Lstm => EncoderKind::Lstm {
                        layers: encoder_num_layers.unwrap_or(2),
                        dropout: encoder_dropout.unwrap_or_default(),
                    },
                },
            })
        }
    }
}

/// The method with the tokens of the text that its prompt starts from, special ones included, as in peft.
pub(crate) fn with_tokens(mut method: Method, tokenizer: &Tokenizer) -> Result<Method, Error> {
    if let Method::PromptTuning(PromptTuningConfig { init: PromptInit::Text { text, ids }, .. }) = &mut method {
        *ids = tokenizer.encode(text, None, usize::MAX)?.ids;
    }
    Ok(method)
}

/// How many tokens a text may have: the model's positions less those of virtual tokens.
pub(crate) fn room(method: &Method, config: &Config) -> usize {
    config.max_positions().saturating_sub(method.virtual_tokens())
}

/// Refuses texts, behind their virtual tokens, that are longer than the model's positions. `whose` names the setting.
pub(crate) fn check_length(length: usize, method: &Method, config: &Config, whose: &str) -> Result<(), Error> {
    let positions = config.max_positions();
    match (length <= room(method, config), method.virtual_tokens()) {
        (true, _) => Ok(()),
        (false, 0) => Err(Error::Input(format!("{whose} {length} exceeds the model's {positions} positions"))),
        (false, ahead) => Err(Error::Input(format!(
            "{whose} {length} and {ahead} virtual tokens exceed the model's {positions} positions; expected at most {} \
             beside them",
            room(method, config)
        ))),
    }
}

/// Refuses a prefix of another model: layers, heads and width must be this one's.
pub(crate) fn check_fit(method: &Method, config: &Config, folder: &Path) -> Result<(), Error> {
    let Method::PrefixTuning(prefix) = method else { return Ok(()) };
    let of = |prefix: &PrefixTuningConfig| (prefix.layers, prefix.heads, prefix.width);
    let ((layers, heads, width), fits) = (of(prefix), config.prefix());
    match (layers, heads, width) == of(&fits) {
        true => Ok(()),
        false => Err(Error::Input(format!(
            "{}: a prefix for num_layers {layers}, num_attention_heads {heads}, token_dim {width}; this model has {}, {}, {}",
            folder.display(),
            fits.layers,
            fits.heads,
            fits.width
        ))),
    }
}

fn of_variant(plain: LoraConfig, variant: &LoraVariant) -> LoraConfig {
    let excluded = &variant.exclude_modules;
    LoraConfig {
        restriction: Restriction {
            exclude: (!excluded.is_empty()).then(|| excluded.clone().into()),
            layers: variant.layers_to_transform.clone(),
            layers_pattern: variant.layers_pattern.clone(),
        },
        rank_pattern: variant.rank_pattern.clone(),
        alpha_pattern: variant.alpha_pattern.clone(),
        use_rslora: variant.use_rslora,
        use_dora: variant.use_dora,
        freeze_a: variant.freeze_a,
        bias: match variant.bias {
            None => Bias::None,
            Some(Biases::All) => Bias::All,
            Some(Biases::LoraOnly) => Bias::LoraOnly,
        },
        start: match variant.init_lora_weights {
            None => LoraStart::Random,
            Some(Start::Pissa) => LoraStart::Pissa,
            Some(Start::PissaNiter(iterations)) => LoraStart::PissaNiter(iterations),
            Some(Start::Olora) => LoraStart::Olora,
        },
        ..plain
    }
}

/// IA3 on these targets, or on the family's; of them the feed-forward ones are those named, or those that the family's default means.
pub fn ia3(targets: &[String], feedforward: Option<&[String]>, config: &Config) -> Ia3Config {
    let defaults = config.default_targets();
    let targets = chosen(targets, defaults.ia3);
    let of_family = |name: &&String| defaults.ia3_feedforward.iter().any(|end| name.ends_with(end));
    let feedforward = match (feedforward, &targets) {
        (Some(feedforward), _) => feedforward.to_vec(),
        // peft wants them to be some of the targets: what is named at greater length than the default names it.
        (None, Targets::Names(names)) => names.iter().filter(of_family).cloned().collect(),
        (None, Targets::Pattern(_) | Targets::AllLinear) => {
            defaults.ia3_feedforward.iter().map(ToString::to_string).collect()
        }
    };
    Ia3Config { targets, exclude: None, feedforward: Targets::Names(feedforward) }
}

/// Tuning of these normalisations, or of the family's.
pub fn ln_tuning(targets: &[String], config: &Config) -> LnTuningConfig {
    let defaults = config.default_targets();
    let absent = defaults.ln_absent;
    LnTuningConfig { targets: chosen(targets, defaults.ln), exclude: (!absent.is_empty()).then(|| chosen(&[], absent)) }
}

/// Bottleneck adapters behind these targets, or behind the family's blocks of a placement.
pub fn bottleneck(placement: Placement, targets: &[String], config: &Config) -> BottleneckConfig {
    let (attention, feed_forward) = config.default_targets().block_ends;
    let default = match placement {
        Placement::Houlsby => [attention, feed_forward].concat(),
        Placement::Pfeiffer => feed_forward.to_vec(),
    };
    let excluded = targets.is_empty() && placement == Placement::Pfeiffer;
    BottleneckConfig {
        targets: chosen(targets, &default),
        restriction: Restriction { exclude: excluded.then(|| chosen(&[], attention)), ..Restriction::default() },
        ..BottleneckConfig::default()
    }
}

/// `named` if there are any, else the defaults.
pub fn chosen(named: &[String], default: &[&str]) -> Targets {
    match named.is_empty() {
        true => default.iter().map(|name| name.to_string()).collect::<Vec<_>>().into(),
        false => named.to_vec().into(),
    }
}

/// What a run's log and record say of where its adapter sits; nothing for methods without targets.
pub fn targets_note(method: &Method, config: &Config) -> Option<String> {
    let defaults = config.default_targets();
    let (attention, feed_forward) = defaults.block_ends;
    let both = [attention, feed_forward].concat();
    let mut without = String::new();
    let (targets, default, from_peft) = match method {
        Method::Full | Method::Head | Method::BitFit => return None,
        Method::PromptTuning(_) | Method::PrefixTuning(_) | Method::PTuning(_) => return None,
        Method::Lora(lora) => (&lora.targets, defaults.lora, defaults.from_peft),
        Method::AdaLora(adalora) => (&adalora.targets, defaults.adalora, defaults.from_peft),
        Method::Ia3(ia3) => (&ia3.targets, defaults.ia3, defaults.from_peft),
        Method::Vera(vera) => (&vera.targets, defaults.lora, defaults.from_peft),
        Method::Bottleneck(bottleneck) => match &bottleneck.restriction.exclude {
            Some(excluded) => {
                without = format!(" without {excluded}");
                (&bottleneck.targets, feed_forward, false)
            }
            None => (&bottleneck.targets, &both[..], false),
        },
        Method::LnTuning(ln_tuning) => (&ln_tuning.targets, defaults.ln, defaults.ln_from_peft),
    };
    let whose = match (*targets == chosen(&[], default), from_peft) {
        (true, true) => format!(", peft's default for {}", config.model_type()),
        (true, false) => format!(", minim's default for {}, where peft has none", config.model_type()),
        (false, _) => String::new(),
    };
    Some(format!("{} targets: {targets}{without}{whose}", method.name()))
}
