/// The published (transformers) name of a parameter, from its path in a burn module.
///
/// Adapter paths keep their `.adapter.` part: `minim_adapters::peft` takes it off first.
pub fn published_name(path: &str) -> String {
    let path = path.strip_prefix("model.").unwrap_or(path);
    let name = match path.strip_prefix("backbone.Bert.") {
        Some(rest) => format!("bert.{rest}"),
        // The masked-language-modelling head.
        None => match path.split_once('.').map_or(path, |(first, _)| first) {
            "dense" | "layer_norm" => format!("cls.predictions.transform.{path}"),
            "bias" => "cls.predictions.bias".to_string(),
            _ => path.to_string(),
        },
    };
    name.replace(".self_attention.", ".self.")
        .replace("layer_norm.gamma", "LayerNorm.weight")
        .replace("layer_norm.beta", "LayerNorm.bias")
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
            ("classifier.weight", "classifier.weight"),
            ("dense.weight", "cls.predictions.transform.dense.weight"),
            ("layer_norm.gamma", "cls.predictions.transform.LayerNorm.weight"),
            ("bias", "cls.predictions.bias"),
        ] {
            assert_eq!(published_name(path), name);
        }
    }
}
