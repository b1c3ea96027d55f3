use crate::family::Family;
use crate::{bert, distil_bert, llama, mobile_bert, modern_bert, roberta};

/// The published (transformers) name of a parameter or a module, from its path in a burn module.
///
/// Adapter paths keep their `.adapter.` part: `minim_adapters::peft` takes it off first.
pub fn published_name(path: &str) -> String {
    let path = path.strip_prefix("model.").unwrap_or(path);
    let name = if let Some(rest) = path.strip_prefix("backbone.") {
        let (variant, rest) = rest.split_once('.').unwrap_or((rest, ""));
        match of_variant(variant) {
            Some(family) => format!("{}{}", family.prefix, (family.rename)(rest)),
            None => path.to_string(),
        }
    } else if let Some(rest) = path.strip_prefix("head.") {
        // The variant of the head; its field names are the published ones.
        rest.split_once('.').map_or(rest, |(_, rest)| rest).to_string()
    } else {
        // A masked language model: BERT and its head.
        match path.split_once('.').map_or(path, |(first, _)| first) {
            "dense" | "layer_norm" => {
                format!("cls.predictions.transform.{}", path.replace("layer_norm", "LayerNorm"))
            }
            "bert" => bert::rename(path),
            "bias" => "cls.predictions.bias".to_string(),
            _ => path.to_string(),
        }
    };
    match name.strip_suffix(".gamma") {
        Some(module) => format!("{module}.weight"),
        None => match name.strip_suffix(".beta") {
            Some(module) => format!("{module}.bias"),
            None => name,
        },
    }
}

/// The family that a variant of [`crate::Model`] belongs to.
fn of_variant(variant: &str) -> Option<&'static Family> {
    Some(match variant {
        "Bert" => &bert::FAMILY,
        "Roberta" => &roberta::FAMILY,
        "DistilBert" => &distil_bert::FAMILY,
        "MobileBert" => &mobile_bert::FAMILY,
        "Llama" => &llama::FAMILY,
        "ModernBert" => &modern_bert::FAMILY,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::published_name;

    #[test]
    fn paths_become_the_names_of_transformers() {
        for (path, name) in [
            ("backbone.Bert.embeddings.word_embeddings.weight", "bert.embeddings.word_embeddings.weight"),
            ("backbone.Bert.embeddings.layer_norm.gamma", "bert.embeddings.LayerNorm.weight"),
            (
                "backbone.Bert.encoder.layer.3.attention.self_attention.query.weight",
                "bert.encoder.layer.3.attention.self.query.weight",
            ),
            ("backbone.Bert.encoder.layer.3.output.layer_norm.beta", "bert.encoder.layer.3.output.LayerNorm.bias"),
            ("model.backbone.Bert.pooler.dense.bias", "bert.pooler.dense.bias"),
            ("head.Plain.classifier.weight", "classifier.weight"),
            ("head.TwoLayer.classifier.out_proj.bias", "classifier.out_proj.bias"),
            ("head.ModernBert.head.norm.gamma", "head.norm.weight"),
            ("bert.embeddings.layer_norm.beta", "bert.embeddings.LayerNorm.bias"),
            ("dense.weight", "cls.predictions.transform.dense.weight"),
            ("layer_norm.gamma", "cls.predictions.transform.LayerNorm.weight"),
            ("bias", "cls.predictions.bias"),
        ] {
            assert_eq!(published_name(path), name);
        }
    }
}
