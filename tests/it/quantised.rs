//! A frozen base in 8 and 4 bits: the numbers of the papers, outputs and gradients as on the weights that the codes stand for, codes that stay,
//! and no dense weight kept for the backward pass.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{
    Draw, Format, Linear, LoraConfig, LoraStart, Method, Product, Quantisation, QuantisedBase, Targets, attach,
    attach_kept, attach_quantised, count, keep, merge,
};
use minim_efficiency::resident_bytes;
use minim_engine::device::remade;
use minim_engine::{attach_in, optimizer};
use minim_experiment::BasePrecision;
use minim_models::{Classifier, published_name};
use serde::Deserialize;

use crate::fixtures::{
    FAMILIES, Inputs, Published, cpu, cross_entropy, flat_logits, folder, furthest, json, loaded, tensors, values,
};

const FORMATS: [Format; 3] = [Format::Bf16, Format::Int8, Format::Nf4];

#[derive(Module, Debug)]
struct Layers {
    layers: Vec<Linear>,
}

/// Layers with this weight, `[in, out]`, all of them quantised.
fn layers(weight: &Tensor<2>, number: usize, format: Format, product: Product) -> (Layers, u64) {
    adapted_layers(&Method::Head, weight, number, format, product)
}

/// The same with adapters.
fn adapted_layers(
    method: &Method,
    weight: &Tensor<2>,
    number: usize,
    format: Format,
    product: Product,
) -> (Layers, u64) {
    let [inputs, outputs] = weight.dims();
    let layer = |_| {
        let mut layer = Linear::new(inputs, outputs, false, &cpu());
        layer.weight = layer.weight.map(|_| weight.clone());
        layer
    };
    let how = Quantisation { format, product };
    let layers = Layers { layers: (0..number).map(layer).collect() };
    attach_quantised(layers, method, &[], 0, str::to_string, how).unwrap()
}

#[test]
fn codes_stand_for_the_numbers_of_the_reference() {
    let expected = tensors("../quantised/weights.safetensors");
    let (shape, weight) = &expected["weight"];
    let weight = Tensor::<2>::from_data(TensorData::new(weight.clone(), shape.clone()), &cpu()).transpose();
    for (format, name) in [(Format::Int8, "int8"), (Format::Nf4, "nf4")] {
        let (layers, bytes) = layers(&weight, 1, format, keep);
        let found = values(layers.layers[0].weight.val().transpose());
        assert!(furthest(&found, &expected[name].1) < 1e-6, "{name}: {}", furthest(&found, &expected[name].1));
        let bits = 8.0 * bytes as f64 / found.len() as f64;
        assert!(bits < if format == Format::Int8 { 8.3 } else { 4.4 }, "{name}: {bits} bits");
    }
}

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    inputs: Inputs,
    labels: serde_json::Value,
    base: Option<String>,
    adapter: Option<String>,
}

impl Case {
    fn labels(&self) -> Vec<i64> {
        let flat = |value: &serde_json::Value| value.as_i64().into_iter().collect::<Vec<_>>();
        let rows = self.labels.as_array().unwrap();
        rows.iter()
            .flat_map(|row| row.as_array().map_or_else(|| flat(row), |row| row.iter().flat_map(flat).collect()))
            .collect()
    }
}

/// A model that trains on a device with autodiff: its logits, and its gradients by name.
fn trained(model: Classifier, case: &Case) -> (Vec<f32>, BTreeMap<String, Vec<f32>>) {
    let device = cpu().autodiff();
    let model = model.fork(&device).train();
    let logits = flat_logits(&model, &case.inputs.batch(&device));
    let found = values(logits.clone());
    let gradients = GradientsParams::from_grads(cross_entropy(logits, &case.labels()).backward(), &model);
    (found, Published::gradients(&model, &gradients).into_iter().collect())
}

/// How many layers hold their weight in codes.
fn in_codes(model: &Classifier) -> usize {
    let mut found = Codes(0);
    model.visit(&mut found);
    assert!(found.0 > 0);
    found.0
}

struct Codes(usize);

impl ModuleVisitor for Codes {
    fn enter_module(&mut self, _: &str, container: &str) {
        self.0 += usize::from(container == "Quantised");
    }
}

/// The reference is the same adapter on a dense fp32 model of the weights that the codes stand for.
#[test]
fn outputs_and_gradients_are_those_on_the_weights_that_the_codes_stand_for() {
    let (mut tested, device) = (0, cpu());
    for family in FAMILIES {
        let cases: BTreeMap<String, Case> = json(&format!("{family}gradients.json"));
        for (name, case) in cases {
            let (Some(base), Some(adapter)) = (&case.base, &case.adapter) else { continue };
            let (base, adapter) = (format!("{family}{base}"), folder(&format!("{family}{adapter}")));
            let config = AdapterConfig::read(&adapter).unwrap();
            let method = config.method(&adapter).unwrap();
            if method != method.saved() {
                // What is taken out of a weight is another thing on other weights: below.
                continue;
            }
            let modules =
                [vec!["classifier".into(), "score".into()], config.modules_to_save.unwrap_or_default()].concat();
            let with = |model| peft::load(model, &method, &modules, published_name, &adapter).unwrap();
            for format in FORMATS {
                let how = Quantisation { format, product: remade };
                let quantise = |method: &Method| {
                    attach_kept(loaded(&base, &device), method, &modules, published_name, Some(how)).unwrap().0
                };
                // DoRA's magnitudes start at the norms of the weights that the layer has, not of those that it had.
                let plain = || merge(quantise(&Method::Head)).unwrap();
                let dense = || attach(plain(), &method, &modules, 0, published_name).unwrap();
                let magnitudes = |model: &Classifier| {
                    let all = Published::values(model).into_iter();
                    all.filter(|(key, _)| key.ends_with("lora_magnitude_vector")).collect::<BTreeMap<_, _>>()
                };
                for (key, expected) in magnitudes(&dense()) {
                    assert!(furthest(&magnitudes(&quantise(&method))[&key], &expected) < 1e-5, "{family}{name}: {key}");
                }
                let (quantised, dense) = (with(quantise(&method)), with(dense()));
                // Beside another adapter on the same codes, and the model without one, it is what it is alone.
                let shared = QuantisedBase::new(loaded(&base, &device), &modules, published_name, how).unwrap();
                let adapted = with(shared.attach_kept(&method, &modules, published_name).unwrap());
                let beside = with(shared.attach_kept(&method, &modules, published_name).unwrap());
                let plain = shared.plain(published_name).unwrap();
                let logits = |model: &Classifier| values(flat_logits(model, &case.inputs.batch(&device)));
                for (found, alone) in
                    [(&adapted, &quantised), (&beside, &quantised), (&plain, &quantise(&Method::Head))]
                {
                    assert_eq!(logits(found), logits(alone), "{family}{name} in {format:?}: on shared codes");
                    assert_eq!(in_codes(found), in_codes(alone), "{family}{name} in {format:?}");
                }
                assert_eq!(
                    in_codes(&quantised),
                    in_codes(&quantise(&Method::Head)),
                    "{family}{name}: loading leaves the codes"
                );
                // Virtual tokens and bottlenecks are no part of any weight: there is nothing to merge them into.
                let mergeable = method.virtual_tokens() == 0 && !matches!(method, Method::Bottleneck(_));
                let merged = mergeable.then(|| merge(quantised.clone()).unwrap());
                let merged = merged.map(|model| values(flat_logits(&model, &case.inputs.batch(&device))));
                let counts = count(&quantised, &method, &modules, published_name);
                assert_eq!(counts, count(&dense, &method, &modules, published_name), "{family}{name}");
                let (logits, found) = trained(quantised, &case);
                let (expected_logits, expected) = trained(dense, &case);
                let largest = expected_logits.iter().fold(1.0_f32, |most, value| most.max(value.abs()));
                for (logits, of) in std::iter::once((logits, "trained")).chain(merged.map(|logits| (logits, "merged")))
                {
                    let off = furthest(&logits, &expected_logits);
                    assert!(off <= 2e-5 * largest, "{family}{name} in {format:?}: {of}: {off} of {largest}");
                }
                assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{family}{name}");
                for (key, expected) in expected {
                    let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                    let off = furthest(&found[&key], &expected);
                    // In exact arithmetic a softmax ignores a shift of the keys, so what is left there is rounding.
                    let keys = ["key.bias", "k_lin.bias", "k_proj.bias"].iter().any(|bias| key.ends_with(bias));
                    assert!(
                        off <= if keys { 1e-5 } else { 1e-4 * largest },
                        "{family}{name} in {format:?}: {key}: {off} of {largest}"
                    );
                }
                tested += 1;
            }
        }
    }
    assert!(tested >= 150, "{tested} adapters in three formats");
}

/// Codes of what PiSSA leaves of a weight are not those of the weight, beside which a saved adapter stands. In bf16 it is one rounding.
#[test]
fn what_factors_are_taken_out_of_is_rounded_but_not_put_in_codes() {
    let (device, base) = (cpu(), "seq");
    let cases: BTreeMap<String, Case> = json("gradients.json");
    let logits = |model: &Classifier| values(flat_logits(model, &cases["pissa-seq"].inputs.batch(&device)));
    for start in [LoraStart::Pissa, LoraStart::PissaNiter(4), LoraStart::Olora] {
        let method = Method::Lora(LoraConfig { start, ..LoraConfig::default() });
        let attached = |method: &Method, format| {
            let how = Quantisation { format, product: remade };
            attach_quantised(loaded(base, &device), method, &["classifier".into()], 0, published_name, how)
        };
        for format in [Format::Int8, Format::Nf4] {
            let refused = attached(&method, format).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("init_lora_weights is {start}")), "{refused}");
            assert!(refused.contains("none on a base of int8 or nf4"), "{refused}");
        }
        let [found, head] = [&method, &Method::Head].map(|method| logits(&attached(method, Format::Bf16).unwrap().0));
        let (off, rounding) = (furthest(&found, &head), furthest(&head, &logits(&loaded(base, &device))));
        assert!(off > 0.0 && off < 3.0 * rounding, "{start}: {off} {rounding}");
    }
}

/// Sets LoRA's second factors to 0, so that a merged weight is the one below.
struct WithoutUpdates(Vec<String>);

impl ModuleMapper for WithoutUpdates {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.0.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.0.join(".").ends_with(".Lora.b") { param.map(|tensor| tensor.zeros_like()) } else { param }
    }
}

#[test]
fn training_leaves_the_codes_as_they_are() {
    let cases: BTreeMap<String, Case> = json("gradients.json");
    let case = &cases["lora-seq"];
    let method = Method::Lora(LoraConfig { dropout: 0.0, ..LoraConfig::default() });
    let modules = ["classifier".to_string()];
    let device = cpu().autodiff();
    for precision in [BasePrecision::Int8, BasePrecision::Nf4] {
        let (model, _) = attach_in(loaded("seq", &cpu()), &method, &modules, 0, precision).unwrap();
        let base = |model: &Classifier| {
            let mut all = Published::values(&merge(model.valid().map(&mut WithoutUpdates(Vec::new()))).unwrap());
            all.retain(|key, _| !key.starts_with("classifier."));
            all
        };
        let before = base(&model);
        let mut model = model.fork(&device).train();
        let mut optimizer = optimizer(&model, 0.01, 1.0);
        let mut losses = Vec::new();
        for _ in 0..20 {
            let loss = cross_entropy(flat_logits(&model, &case.inputs.batch(&device)), &case.labels());
            losses.push(values(loss.clone())[0]);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(1e-2, model, gradients);
        }
        assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
        assert_eq!(before, base(&model), "{precision:?}: to the last bit");
    }
}

#[test]
fn a_method_that_trains_the_weights_is_refused() {
    let how = Quantisation { format: Format::Nf4, product: keep };
    let error = attach_quantised(loaded("seq", &cpu()), &Method::Full, &[], 0, published_name, how).unwrap_err();
    assert!(error.to_string().contains("cannot be trained"), "{error}");
}

#[test]
fn the_base_takes_the_bytes_that_it_is_said_to_take() {
    let modules = ["classifier".to_string()];
    let bytes = |precision| attach_in(loaded("seq", &cpu()), &Method::Head, &modules, 0, precision).unwrap().1;
    let elements: usize = Published::values(&loaded("seq", &cpu())).values().map(Vec::len).sum();
    let of = [BasePrecision::Fp32, BasePrecision::Bf16, BasePrecision::Int8, BasePrecision::Nf4].map(bytes);
    assert_eq!(of[0], 4 * elements as u64);
    assert!(of.windows(2).all(|pair| pair[1] < pair[0]), "{of:?}");
}

/// Runs in a process of its own, as the test of `memory.rs` does.
const ALONE: &str = "MINIM_QUANTISED_TEST_ALONE";

#[test]
fn no_dense_weight_is_kept_for_the_backward_pass() {
    if std::env::var_os(ALONE).is_none() {
        let name = "quantised::no_dense_weight_is_kept_for_the_backward_pass";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let status = alone.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(ALONE, "1").status().unwrap();
        assert!(status.success());
        return;
    }
    const WIDTH: usize = 1024;
    let device = cpu().autodiff();
    let weight = Draw::new(5, "weight").normal(WIDTH * WIDTH, 0.03);
    let weight = Tensor::<2>::from_data(TensorData::new(weight, [WIDTH, WIDTH]), &cpu());
    let dense = (WIDTH * WIDTH * 4 * 24) as f64;
    let grown = |method: &Method, product: Product, device: &Device| {
        let (model, _) = adapted_layers(method, &weight, 24, Format::Nf4, product);
        let model = model.fork(device);
        let x = Tensor::<2>::ones([1, WIDTH], device).require_grad();
        let before = resident_bytes().unwrap();
        let y = model.layers.iter().fold(x.clone(), |x, layer| layer.forward(x));
        let grown = resident_bytes().unwrap() as f64 - before as f64;
        let gradients = y.sum().backward();
        (grown, values(x.grad(&gradients).unwrap()))
    };
    let dora =
        LoraConfig { rank: 2, targets: Targets::AllLinear, use_dora: true, dropout: 0.0, ..LoraConfig::default() };
    for method in [Method::Head, Method::Lora(LoraConfig { use_dora: false, ..dora.clone() }), Method::Lora(dora)] {
        let (kept, expected) = grown(&method, keep, &device);
        let (made_again, found) = grown(&method, remade, &device);
        assert!(kept > 0.9 * dense, "{method:?}: {kept} of {dense}: the yardstick");
        assert!(made_again < 0.25 * dense, "{method:?}: {made_again} of {dense}");
        assert_eq!(found, expected, "{method:?}");
    }
}
