//! Operations per token, against a count by hand.

use minim_adapters::{AdaLoraConfig, LoraConfig, LoraStart, Method, PrefixTuningConfig, PromptTuningConfig};
use minim_engine::bottleneck;
use minim_engine::flops::flops;
use minim_experiment::Placement;
use minim_models::{Config, HeadKind};

use crate::fixtures::{cpu, folder};

/// BERT-tiny: 2 layers x 128, feed-forward 512, texts of 8 tokens, 2 labels, multiply-accumulates per token:
///
/// - linear layers: 2 x (4 x 128 x 128 + 2 x 128 x 512) = 393,216
/// - attention: 2 layers x 2 products x 8 x 128 = 4,096
/// - pooler and head, once a text: (128 x 128 + 128 x 2) / 8 = 2,080
#[test]
fn operations_of_bert_tiny_equal_a_count_by_hand() {
    let config = Config::read(&folder("../configs/bert-tiny.json")).unwrap();
    let count = |method: &Method| flops(&config, HeadKind::Sequence, 2, method, 8, &cpu()).unwrap();

    let full = count(&Method::Full);
    let forward = 2.0 * (393_216.0 + 4_096.0 + 2_080.0);
    assert_eq!(full.forward_per_token, forward);
    assert_eq!(full.training_per_token, 3.0 * forward);

    // A head alone: forward, and for its 256 weights the gradient of the weight, once a text.
    let head = count(&Method::Head);
    assert_eq!(head.forward_per_token, forward);
    assert_eq!(head.training_per_token, forward + 2.0 * 256.0 / 8.0);

    // LoRA of rank 8 on query and value: 2 layers x 2 x 8 x (128 + 128) = 8,192 more. Backward: the input's gradient of every layer but the
    // first query, twice the factors, twice attention, the pooler's input, and both gradients of the head.
    let lora = count(&Method::Lora(LoraConfig::default()));
    let forward = forward + 2.0 * 8_192.0;
    let backward = 2.0 * (393_216.0 - 16_384.0 + 2.0 * 8_192.0 + 2.0 * 4_096.0 + (16_384.0 + 2.0 * 256.0) / 8.0);
    assert_eq!(lora.forward_per_token, forward);
    assert_eq!(lora.training_per_token, forward + backward);
    // Where PiSSA started is in no pass.
    let pissa = LoraConfig { start: LoraStart::Pissa, ..LoraConfig::default() };
    assert_eq!(count(&Method::Lora(pissa)), lora);

    // AdaLoRA has rank 12; Pfeiffer's bottlenecks, 2 layers x 2 projections x 64 x 128.
    let frozen = head.forward_per_token;
    let adalora = count(&Method::AdaLora(AdaLoraConfig::default()));
    assert_eq!(adalora.forward_per_token, frozen + 2.0 * 1.5 * 8_192.0);
    let pfeiffer = count(&Method::Bottleneck(bottleneck(Placement::Pfeiffer, &[], &config)));
    assert_eq!(pfeiffer.forward_per_token, frozen + 2.0 * 32_768.0);

    // Four virtual tokens pass the layers with the text's eight, and all twelve look at all twelve. Backward: the input's gradient of
    // every layer, twice attention, the pooler's input, and both gradients of the head.
    let four = PromptTuningConfig { virtual_tokens: 4, ..PromptTuningConfig::default() };
    let prompt = count(&Method::PromptTuning(four));
    let (linear, attention) = (393_216.0 * 12.0 / 8.0, 2.0 * 2.0 * 12.0 * 12.0 * 128.0 / 8.0);
    let forward = 2.0 * (linear + attention + 2_080.0);
    let backward = 2.0 * (linear + 2.0 * attention + (16_384.0 + 2.0 * 256.0) / 8.0);
    assert_eq!(prompt.forward_per_token, forward);
    assert_eq!(prompt.training_per_token, forward + backward);

    // Four keys and values of a prefix: eight tokens look at twelve. Nothing leads from the first query, key and value to them.
    let prefix = PrefixTuningConfig { virtual_tokens: 4, ..config.prefix() };
    let prefix = count(&Method::PrefixTuning(prefix));
    let attention = 2.0 * 2.0 * 8.0 * 12.0 * 128.0 / 8.0;
    let forward = 2.0 * (393_216.0 + attention + 2_080.0);
    let backward = 2.0 * (393_216.0 - 3.0 * 16_384.0 + 2.0 * attention + (16_384.0 + 2.0 * 256.0) / 8.0);
    assert_eq!(prefix.forward_per_token, forward);
    assert_eq!(prefix.training_per_token, forward + backward);
}

/// 6.6 billion parameters are counted without allocating them: a linear layer's weights each multiply once, the embeddings never.
#[test]
fn operations_of_llama_2_follow_its_linear_layers() {
    let config = Config::read(&folder("../configs/llama-2-7b-hf.json")).unwrap();
    let counted = flops(&config, HeadKind::Sequence, 2, &Method::Full, 128, &cpu()).unwrap();
    let layers = 32.0 * (4.0 * 4096.0 * 4096.0 + 3.0 * 4096.0 * 11008.0);
    let attention = 32.0 * 2.0 * 128.0 * 4096.0;
    let score = 4096.0 * 2.0 / 128.0;
    assert_eq!(counted.forward_per_token, 2.0 * (layers + attention + score));
}
