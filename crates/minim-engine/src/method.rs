use minim_adapters::{Ia3Config, LoraConfig, Method, Targets};

/// The adapter method that an experiment's method stands for.
pub fn adapter_method(method: &minim_experiment::Method) -> Method {
    use minim_experiment::Method as Spec;
    match method {
        Spec::Full => Method::Full,
        Spec::Head => Method::Head,
        Spec::Lora { rank, alpha, dropout, targets } => Method::Lora(LoraConfig {
            rank: *rank,
            alpha: *alpha,
            dropout: *dropout,
            targets: Targets::Names(targets.clone()),
        }),
        Spec::Ia3 { targets, feedforward } => {
            Method::Ia3(Ia3Config { targets: Targets::Names(targets.clone()), feedforward: feedforward.clone() })
        }
    }
}
