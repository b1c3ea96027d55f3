//! Logits of every family equal to transformers' within 1e-4, and independent of padding.

use burn::tensor::{Device, FloatDType};
use minim_models::Classifier;
use serde::Deserialize;

use crate::fixtures::{FAMILIES, Inputs, adapted, cpu, flat_logits, folder, furthest, json, values};

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
