//! Combinations of adapters: each update equals that of peft's `add_weighted_adapter`.

use std::path::Path;

use minim_adapters::peft::AdapterConfig;
use minim_adapters::{Arithmetic, Combination, MajoritySign, combine};

use crate::fixtures::{folder, furthest, tensors};

const WEIGHTS: [f64; 2] = [0.7, -1.3];

fn parts() -> [std::path::PathBuf; 2] {
    ["combine-a", "combine-b"].map(folder)
}

/// `B·A` of each module in an adapter folder whose scale is 1, `[out, in]`.
fn updates(folder: &Path) -> Vec<(String, Vec<f32>)> {
    let file = tensors(folder.join("adapter_model.safetensors").to_str().unwrap());
    let mut updates: Vec<_> = file
        .iter()
        .filter_map(|(name, (a_shape, a))| {
            let module = name.strip_suffix(".lora_A.weight")?;
            let (b_shape, b) = &file[&format!("{module}.lora_B.weight")];
            let &[rank, inputs] = &a_shape[..] else { panic!("{a_shape:?}") };
            let mut update = vec![0.0; b_shape[0] * inputs];
            for output in 0..b_shape[0] {
                for inner in 0..rank {
                    for input in 0..inputs {
                        update[output * inputs + input] += b[output * rank + inner] * a[inner * inputs + input];
                    }
                }
            }
            Some((module.trim_start_matches("base_model.model.").to_string(), update))
        })
        .collect();
    updates.sort_by(|a, b| a.0.cmp(&b.0));
    updates
}

#[test]
fn updates_equal_those_of_peft() {
    let expected = tensors("combine.safetensors");
    let ties = |sign| Combination::Factors(Arithmetic::Ties { density: 0.6, sign });
    let [a, b] = parts();
    for (way, how) in [
        ("linear", Combination::Factors(Arithmetic::Linear)),
        ("cat", Combination::Cat),
        ("ties", ties(MajoritySign::Total)),
        ("ties-frequency", ties(MajoritySign::Frequency)),
        ("magnitude_prune", Combination::Factors(Arithmetic::MagnitudePrune { density: 0.45 })),
        ("svd", Combination::Svd { arithmetic: Arithmetic::Linear, rank: Some(3) }),
        (
            "ties_svd",
            Combination::Svd {
                arithmetic: Arithmetic::Ties { density: 0.6, sign: MajoritySign::Total },
                rank: Some(5),
            },
        ),
        (
            "magnitude_prune_svd",
            Combination::Svd { arithmetic: Arithmetic::MagnitudePrune { density: 0.45 }, rank: None },
        ),
    ] {
        let out = tempfile::tempdir().unwrap();
        combine(&[(&a, WEIGHTS[0]), (&b, WEIGHTS[1])], how, out.path()).unwrap();
        let found = updates(out.path());
        let config = AdapterConfig::read(out.path()).unwrap();
        assert_eq!(config.lora_alpha, config.r.map(|rank| rank as f64), "{way}: a scale of 1");
        assert_eq!(found.len(), 2 * 3, "query, key and value of two layers");
        for (module, update) in found {
            let (_, expected) = &expected[&format!("{way} {module}")];
            assert!(expected.iter().any(|value| value.abs() > 0.1), "{way} {module}");
            let difference = furthest(&update, expected);
            assert!(difference < 1e-5, "{way} {module}: {difference}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_folder() {
    let [a, b] = parts();
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("combined");
    let linear = Combination::Factors(Arithmetic::Linear);
    for (other, weight, how, says) in [
        ("ia3-seq", 1.0, linear, "only LoRA adapters are combined"),
        ("dora-seq", 1.0, linear, "expected plain LoRA"),
        ("lora-wide-seq", 1.0, linear, "adapters of several ranks combine by cat"),
        ("lora-seq", 1.0, linear, "classifier.bias is missing"),
        ("combine-b", 0.0, linear, "weight is 0; expected a number other than 0"),
        (
            "combine-b",
            1.0,
            Combination::Factors(Arithmetic::DareLinear { density: 1.5, seed: 0 }),
            "density is 1.5; expected a share in (0, 1]",
        ),
    ] {
        let error = combine(&[(&a, 1.0), (&folder(other), weight)], how, &to).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert!(!to.exists(), "nothing is written of what is refused");
    assert!(combine(&[], linear, &to).is_err());
    combine(&[(&b, 1.0)], linear, &to).unwrap();
}
