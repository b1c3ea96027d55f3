//! Logits of every family equal to transformers' within 1e-4, and independent of padding.

use burn::tensor::{Device, FloatDType};
use minim_models::{Backbone, Checkpoint, Classifier};
use serde::Deserialize;

use crate::fixtures::{FAMILIES, Inputs, adapted, cpu, flat_logits, folder, furthest, head_of, json, values};

#[derive(Deserialize)]
struct Cases {
    seq: Vec<Case<Vec<f32>>>,
    tok: Vec<Case<Vec<Vec<f32>>>>,
}

#[derive(Deserialize)]
struct Case<L> {
    #[serde(flatten)]
    inputs: Inputs,
    logits: Vec<L>,
}

/// The largest difference of a family's logits, over the texts and tokens of one file of cases.
fn difference(family: &str, cases: &Cases, precision: FloatDType) -> f32 {
    let device = cpu();
    let mut worst = 0.0_f32;
    let (mut model, ..) = adapted(&format!("{family}seq"), None, &device);
    model.set_precision(precision);
    for case in &cases.seq {
        let found = values(flat_logits(&model, &case.inputs.batch(&device)));
        worst = worst.max(furthest(&found, &case.logits.concat()));
    }
    let (mut model, ..) = adapted(&format!("{family}tok"), None, &device);
    model.set_precision(precision);
    for case in &cases.tok {
        let found = values(flat_logits(&model, &case.inputs.batch(&device)));
        let mask = case.inputs.attention_mask.iter().flatten();
        let expected = case.logits.iter().flatten();
        // What stands at padding is nobody's logits.
        for ((found, expected), _) in found.chunks(5).zip(expected).zip(mask).filter(|(_, mask)| **mask == 1) {
            worst = worst.max(furthest(found, expected));
        }
    }
    worst
}

#[test]
fn logits_equal_those_of_transformers() {
    for family in FAMILIES {
        let cases: Cases = json(&format!("{family}logits.json"));
        assert!(cases.seq.len() >= 5 && cases.tok.len() >= 5);
        let worst = difference(family, &cases, FloatDType::F32);
        assert!(worst < 1e-4, "{family}: {worst}");
    }
}

/// In bf16, transformers itself is off from its own fp32 computation of the same rounded weights; this crate may be off from that
/// computation by twice as much: the two round at different places, each with an error of its own.
#[test]
fn bf16_logits_are_as_near_to_fp32_as_those_of_transformers() {
    let device = cpu();
    let mut tested = 0;
    for family in FAMILIES.iter().filter(|family| folder(&format!("{family}bf16.json")).is_file()) {
        let cases: Bf16 = json(&format!("{family}bf16.json"));
        for (base, cases) in [("seq", cases.seq), ("tok", cases.tok)] {
            let checkpoint = Checkpoint::open(&folder(&format!("{family}{base}"))).unwrap().bf16();
            let (head, labels) = head_of(base);
            let mut model = checkpoint.classifier(head, labels, 0, &device).unwrap().model;
            model.set_precision(FloatDType::BF16);
            let (mut ours, mut theirs) = (0.0_f32, 0.0_f32);
            for case in cases {
                let found = values(flat_logits(&model, &case.inputs.batch(&device)));
                let (rounded, exact) = (numbers(&case.logits), numbers(&case.logits_of_rounded_weights));
                let mask = case.inputs.attention_mask.concat();
                for place in (0..found.len()).filter(|place| base == "seq" || mask[place / labels] == 1) {
                    ours = ours.max((found[place] - exact[place]).abs());
                    theirs = theirs.max((rounded[place] - exact[place]).abs());
                }
            }
            assert!(theirs > 0.0 && ours <= 2.0 * theirs, "{family}{base}: {ours}, transformers {theirs}");
            tested += 1;
        }
    }
    assert!(tested >= 8, "{tested} models");
}

#[derive(Deserialize)]
struct Bf16 {
    seq: Vec<Bf16Case>,
    tok: Vec<Bf16Case>,
}

#[derive(Deserialize)]
struct Bf16Case {
    #[serde(flatten)]
    inputs: Inputs,
    logits: serde_json::Value,
    logits_of_rounded_weights: serde_json::Value,
}

/// The numbers of nested lists, in order.
fn numbers(nested: &serde_json::Value) -> Vec<f32> {
    match nested {
        serde_json::Value::Array(list) => list.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

/// A padding piece inside a text, an end-of-text piece that is the padding piece: rules that plain texts don't reach.
#[test]
fn edge_cases_equal_those_of_transformers() {
    let mut found = 0;
    for family in FAMILIES {
        let name = format!("{family}edge.json");
        if folder(&name).is_file() {
            let worst = difference(family, &json(&name), FloatDType::F32);
            assert!(worst < 1e-4, "{family}: {worst}");
            found += 1;
        }
    }
    assert!(found >= 2, "{found} files of edge cases");
}

/// Where the last layer computes one position only, its logits are those that it has among all; also behind a prompt and a prefix.
#[test]
fn one_position_of_the_last_layer_is_what_it_is_among_all() {
    let device = cpu();
    let mut narrow = 0;
    for (family, adapter) in
        FAMILIES.into_iter().flat_map(|family| [None, Some("prompt-seq"), Some("prefix-seq")].map(|a| (family, a)))
    {
        let adapter = adapter.map(|name| format!("{family}{name}"));
        if adapter.as_ref().is_some_and(|name| !folder(name).is_dir()) {
            continue;
        }
        let (model, ..) = adapted(&format!("{family}seq"), adapter.as_deref(), &device);
        let cases: Cases = json(&format!("{family}logits.json"));
        let batch = cases.seq[1].inputs.batch(&device);
        let (hidden, all) = (model.hidden(&batch), model.backbone().forward(&batch));
        narrow += usize::from(hidden.dims()[1] == 1);
        let [found, expected] = [hidden, all].map(|hidden| values(model.sequence_logits_of(hidden, &batch)));
        assert!(furthest(&found, &expected) < 1e-5, "{family}, {adapter:?}");
    }
    assert_eq!(narrow, 3 + 3 + 2, "BERT, RoBERTa and DistilBERT, which has no prefix here");
}

#[test]
fn padding_does_not_change_a_row() {
    let device = cpu();
    for family in FAMILIES {
        let cases: Cases = json(&format!("{family}logits.json"));
        for (base, inputs) in [("seq", &cases.seq[1].inputs), ("tok", &cases.tok[1].inputs)] {
            let (model, ..) = adapted(&format!("{family}{base}"), None, &device);
            let together = model_rows(&model, inputs, &device);
            for (row, length) in inputs.lengths().into_iter().enumerate() {
                let cut = |rows: &[Vec<u32>]| vec![rows[row][..length].to_vec()];
                let alone = Inputs {
                    input_ids: cut(&inputs.input_ids),
                    token_type_ids: cut(&inputs.token_type_ids),
                    attention_mask: cut(&inputs.attention_mask),
                };
                let alone = &model_rows(&model, &alone, &device)[0];
                assert!(furthest(alone, &together[row][..alone.len()]) < 1e-5, "{family}{base}, row {row}");
            }
        }
    }
}

fn model_rows(model: &Classifier, inputs: &Inputs, device: &Device) -> Vec<Vec<f32>> {
    let logits = values(flat_logits(model, &inputs.batch(device)));
    logits.chunks(logits.len() / inputs.input_ids.len()).map(<[f32]>::to_vec).collect()
}
