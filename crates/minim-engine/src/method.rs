use minim_adapters::{Ia3Config, LoraConfig, Method, Targets};
use minim_models::Config;

/// The adapter method that an experiment's method stands for on a model: where the experiment names no targets, the family's defaults.
pub fn adapter_method(method: &minim_experiment::Method, config: &Config) -> Method {
    use minim_experiment::Method as Spec;
    match method {
        Spec::Full => Method::Full,
        Spec::Head => Method::Head,
        Spec::Lora { rank, alpha, dropout, targets } => Method::Lora(LoraConfig {
            rank: *rank,
            alpha: *alpha,
            dropout: *dropout,
            targets: chosen(targets, config.default_targets().lora),
        }),
        Spec::Ia3 { targets, feedforward } => Method::Ia3(ia3(targets, feedforward.as_deref(), config)),
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
        (None, Targets::Pattern(_)) => Vec::new(),
    };
    Ia3Config { targets, feedforward }
}

/// `named` if there are any, else the defaults.
pub fn chosen(named: &[String], default: &[&str]) -> Targets {
    Targets::Names(match named.is_empty() {
        true => default.iter().map(|name| name.to_string()).collect(),
        false => named.to_vec(),
    })
}

/// What a run's log and record say of where its adapter sits; nothing for methods without one.
pub fn targets_note(method: &Method, config: &Config) -> Option<String> {
    let defaults = config.default_targets();
    let (targets, default) = match method {
        Method::Full | Method::Head => return None,
        Method::Lora(lora) => (&lora.targets, defaults.lora),
        Method::Ia3(ia3) => (&ia3.targets, defaults.ia3),
    };
    let whose = match (*targets == chosen(&[], default), defaults.from_peft) {
        (true, true) => format!(", peft's default for {}", config.model_type()),
        (true, false) => format!(", minim's default for {}, where peft has none", config.model_type()),
        (false, _) => String::new(),
    };
    Some(format!("{} targets: {targets}{whose}", method.name()))
}
