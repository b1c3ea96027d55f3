use minim_adapters::{
    AdaLoraConfig, Bias, BottleneckConfig, Ia3Config, LnTuningConfig, LoraConfig, LoraStart, Method, NonLinearity,
    Restriction, Targets, VeraConfig,
};
use minim_experiment::{Biases, LoraVariant, Placement, Start};
use minim_models::Config;

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
        Spec::LnTuning { targets } => Method::LnTuning(LnTuningConfig { targets: chosen(targets, defaults.ln) }),
    }
}

fn of_variant(plain: LoraConfig, variant: &LoraVariant) -> LoraConfig {
    let excluded = &variant.exclude_modules;
    LoraConfig {
        restriction: Restriction {
            exclude: (!excluded.is_empty()).then(|| Targets::Names(excluded.clone())),
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

/// IA3 on these targets, or on the family's; of them the feed-forward ones are those named, or those that the family's default names.
pub fn ia3(targets: &[String], feedforward: Option<&[String]>, config: &Config) -> Ia3Config {
    let defaults = config.default_targets();
    let targets = chosen(targets, defaults.ia3);
    let feedforward = match (feedforward, &targets) {
        (Some(feedforward), _) => feedforward.to_vec(),
        (None, Targets::Names(names)) => {
            names.iter().filter(|name| defaults.ia3_feedforward.contains(&name.as_str())).cloned().collect()
        }
        (None, Targets::Pattern(_) | Targets::AllLinear) => Vec::new(),
    };
    Ia3Config { targets, feedforward }
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
    let (targets, default, from_peft) = match method {
        Method::Full | Method::Head | Method::BitFit => return None,
        Method::Lora(lora) => (&lora.targets, defaults.lora, defaults.from_peft),
        Method::AdaLora(adalora) => (&adalora.targets, defaults.adalora, defaults.from_peft),
        Method::Ia3(ia3) => (&ia3.targets, defaults.ia3, defaults.from_peft),
        Method::Vera(vera) => (&vera.targets, defaults.lora, defaults.from_peft),
        Method::Bottleneck(bottleneck) => match bottleneck.restriction.exclude {
            Some(_) => (&bottleneck.targets, feed_forward, false),
            None => (&bottleneck.targets, &both[..], false),
        },
        Method::LnTuning(ln_tuning) => (&ln_tuning.targets, defaults.ln, defaults.ln_from_peft),
    };
    let whose = match (*targets == chosen(&[], default), from_peft) {
        (true, true) => format!(", peft's default for {}", config.model_type()),
        (true, false) => format!(", minim's default for {}, where peft has none", config.model_type()),
        (false, _) => String::new(),
    };
    Some(format!("{} targets: {targets}{whose}", method.name()))
}
