//! Logits equal to transformers' within 1e-4, and independent of padding.

use serde::Deserialize;

use crate::fixtures::{Inputs, adapted, cpu, flat_logits, furthest, json, values};

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

#[test]
fn sequence_logits_equal_those_of_transformers() {
    let device = cpu();
    let (model, ..) = adapted("seq", None, &device);
    let cases: Cases = json("logits.json");
    assert!(cases.seq.len() >= 5);
    for case in cases.seq {
        let found = values(model.sequence_logits(&case.inputs.batch(&device)));
        let expected: Vec<f32> = case.logits.into_iter().flatten().collect();
        assert!(furthest(&found, &expected) < 1e-4);
    }
}

#[test]
fn token_logits_equal_those_of_transformers() {
    let device = cpu();
    let (model, ..) = adapted("tok", None, &device);
    let cases: Cases = json("logits.json");
    assert!(cases.tok.len() >= 5);
    for case in cases.tok {
        let found = values(flat_logits(&model, &case.inputs.batch(&device)));
        let expected: Vec<f32> = case.logits.into_iter().flatten().flatten().collect();
        assert!(furthest(&found, &expected) < 1e-4);
    }
}

#[test]
fn padding_does_not_change_a_row() {
    let device = cpu();
    let cases: Cases = json("logits.json");
    for (base, inputs) in [("seq", &cases.seq[1].inputs), ("tok", &cases.tok[1].inputs)] {
        let (model, ..) = adapted(base, None, &device);
        let together = model_rows(&model, inputs, &device);
        for (row, length) in inputs.lengths().into_iter().enumerate() {
            let cut = |rows: &[Vec<u32>]| vec![rows[row][..length].to_vec()];
            let alone = Inputs {
                input_ids: cut(&inputs.input_ids),
                token_type_ids: cut(&inputs.token_type_ids),
                attention_mask: cut(&inputs.attention_mask),
            };
            let alone = &model_rows(&model, &alone, &device)[0];
            assert!(furthest(alone, &together[row][..alone.len()]) < 1e-5, "{base}, row {row}");
        }
    }
}

fn model_rows(model: &minim_models::Classifier, inputs: &Inputs, device: &burn::tensor::Device) -> Vec<Vec<f32>> {
    let logits = values(flat_logits(model, &inputs.batch(device)));
    logits.chunks(logits.len() / inputs.input_ids.len()).map(<[f32]>::to_vec).collect()
}
