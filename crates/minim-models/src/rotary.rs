//! Rotary position embedding. Su et al. 2021, arXiv 2104.09864, equation 34.
//!
//! Upstream: `transformers/modeling_rope_utils.py`, and `apply_rotary_pos_emb` of the models: the first half of a head is turned against
//! the second (GPT-NeoX's order, not the paper's neighbours). Angles are fp32, as there.
//!
//! Deviations: of upstream's types there are `default`, `linear` and `llama3`; all others, and a `partial_rotary_factor` other than 1, are
//! refused.

use std::ops::Range;

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How frequencies are stretched for texts longer than those of pre-training, by the names of `rope_scaling`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rope_type", rename_all = "lowercase")]
pub enum RopeScaling {
    /// Every frequency is divided by `factor`.
    Linear {
        /// How many times as long texts may be.
        factor: f64,
    },
    /// Llama 3.1: slow pairs are divided by `factor`, fast ones kept, and those between blended.
    Llama3 {
        /// What slow frequencies are divided by.
        factor: f64,
        /// Slow is what turns less often than this within `original_max_position_embeddings`.
        low_freq_factor: f64,
        /// Fast is what turns more often than this.
        high_freq_factor: f64,
        /// The longest text of pre-training.
        original_max_position_embeddings: usize,
    },
}

/// How fast the pairs of a head turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rope {
    /// Base of the frequencies.
    pub(crate) theta: f64,
    /// None for type `default`.
    pub(crate) scaling: Option<RopeScaling>,
}

impl Rope {
    /// Of a model whose layers are all alike: from `rope_scaling` and `rope_theta`, or from transformers 5's `rope_parameters`. What stands
    /// inside counts more than what stands beside, and `rope_scaling` more than `rope_parameters`, as upstream.
    pub(crate) fn of_model(json: &Value, theta: f64, positions: usize) -> Result<Self, String> {
        let empty = Map::new();
        let beside = Options { name: "", map: json.as_object().unwrap_or(&empty) };
        let scaling = beside.inside("rope_scaling")?.filter(|inside| !inside.map.is_empty());
        let inside = match scaling {
            Some(inside) => inside,
            None => beside.inside("rope_parameters")?.unwrap_or(Options { name: "", map: &empty }),
        };
        let theta = beside.positive("rope_theta")?.unwrap_or(theta);
        inside.rope(&beside, theta, positions)
    }

    /// Of the layers that look at everything, or of those that look at their neighbours, where the two differ: from
    /// `rope_parameters[layers]` of transformers 5, or from the option `key` of its own.
    pub(crate) fn of_layers(json: &Value, layers: &str, key: &str, theta: f64) -> Result<Self, String> {
        let empty = Map::new();
        let beside = Options { name: "", map: json.as_object().unwrap_or(&empty) };
        let theta = beside.positive(key)?.unwrap_or(theta);
        let inside = match beside.inside("rope_parameters")? {
            Some(all) => all.inside(layers)?,
            None => None,
        };
        let inside = inside.unwrap_or(Options { name: "", map: &empty });
        match inside.get("rope_type").or(inside.get("type")).filter(|kind| **kind != "default") {
            Some(kind) => Err(format!("rope_parameters.{layers}.rope_type {kind} is not supported; expected default")),
            None => inside.rope(&beside, theta, 0),
        }
    }

    /// Of each pair of a head of `size`: radians per position.
    fn frequencies(&self, size: usize) -> Vec<f32> {
        let scaled = |pair: usize| {
            // Rounded where upstream's is: one bit of an exponent is ten of its power.
            let exponent = (2 * pair) as f32 / size as f32;
            let frequency = (1.0 / self.theta.powf(f64::from(exponent))) as f32;
            match self.scaling {
                None => frequency,
                Some(scaling) => scaling.of(frequency),
            }
        };
        (0..size / 2).map(scaled).collect()
    }

    /// Radians by position, then by pair: `[positions, size / 2]`, flat.
    fn angles(&self, size: usize, positions: Range<usize>) -> Vec<f32> {
        let frequencies = self.frequencies(size);
        positions.flat_map(|position| frequencies.iter().map(move |frequency| position as f32 * frequency)).collect()
    }

    /// The rotation of heads of `size` at `positions`, its table rounded to `precision`.
    pub(crate) fn rotation(
        &self,
        size: usize,
        positions: Range<usize>,
        precision: FloatDType,
        device: &Device,
    ) -> Rotation {
        let seq = positions.len();
        // Sines are taken here, where they are the same for every device; a table is small beside what it turns.
        let angles = self.angles(size, positions);
        let table = |of: fn(f32) -> f32| {
            let values: Vec<f32> = angles.iter().map(|angle| of(*angle)).collect();
            let values = TensorData::new(values, [1, 1, seq, size / 2]);
            Tensor::<4>::from_data(values, (device, DType::F32)).cast(precision)
        };
        Rotation { cos: table(f32::cos), sin: table(f32::sin) }
    }
}

impl RopeScaling {
    fn of(self, frequency: f32) -> f32 {
        match self {
            RopeScaling::Linear { factor } => frequency / factor as f32,
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } => {
                let (factor, low, high) = (factor as f32, low_freq_factor as f32, high_freq_factor as f32);
                let length = original_max_position_embeddings as f32;
                let wavelength = std::f32::consts::TAU / frequency;
                if wavelength > length / low {
                    frequency / factor
                } else if wavelength < length / high {
                    frequency
                } else {
                    let kept = (length / wavelength - low) / (high - low);
                    (1.0 - kept) * frequency / factor + kept * frequency
                }
            }
        }
    }
}

/// A turn by an angle of its own for every position and pair.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    /// `[1, 1, seq, size / 2]`
    cos: Tensor<4>,
    /// `[1, 1, seq, size / 2]`
    sin: Tensor<4>,
}

impl Rotation {
    /// The same table, but products in fp32 whatever the activations are.
    pub(crate) fn in_f32(self) -> Self {
        Self { cos: self.cos.cast(FloatDType::F32), sin: self.sin.cast(FloatDType::F32) }
    }

    /// Turns queries or keys.
    ///
    /// # Shapes
    /// - `x`, output: `[batch, heads, seq, size]`
    pub(crate) fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let dtype = x.dtype();
        let half = x.dims()[3] / 2;
        let x = x.cast(self.cos.dtype());
        let (first, second) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
        let turned = vec![
            first.clone() * self.cos.clone() - second.clone() * self.sin.clone(),
            second * self.cos.clone() + first * self.sin.clone(),
        ];
        Tensor::cat(turned, 3).cast(dtype)
    }
}

/// An object of `config.json`, and what it is called there.
struct Options<'a> {
    name: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Options<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn inside<'b>(&self, key: &'b str) -> Result<Option<Options<'b>>, String>
    where
        'a: 'b,
    {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Options { name: key, map })),
            Some(_) => Err(format!("{} is no object", self.path(key))),
        }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.into() } else { format!("{}.{key}", self.name) }
    }

    fn positive(&self, key: &str) -> Result<Option<f64>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.as_f64().filter(|number| number.is_finite() && *number > 0.0) {
                Some(number) => Ok(Some(number)),
                None => Err(format!("{} {value} is no positive number", self.path(key))),
            },
        }
    }

    fn needed(&self, key: &str) -> Result<f64, String> {
        self.positive(key)?.ok_or_else(|| format!("{} is missing; expected a positive number", self.path(key)))
    }

    fn length(&self, key: &str) -> Result<Option<usize>, String> {
        match self.positive(key)? {
            None => Ok(None),
            Some(number) if number.fract() == 0.0 => Ok(Some(number as usize)),
            Some(number) => Err(format!("{} {number} is no number of positions", self.path(key))),
        }
    }

    /// What these options say; `beside` are those of the model, and `theta` and `positions` count where nothing is said.
    fn rope(&self, beside: &Options<'_>, theta: f64, positions: usize) -> Result<Rope, String> {
        for options in [self, beside] {
            if let Some(factor) = options.positive("partial_rotary_factor")?.filter(|factor| *factor != 1.0) {
                let path = options.path("partial_rotary_factor");
                return Err(format!("{path} {factor} is not supported; expected 1"));
            }
        }
        let kind = match self.get("rope_type").or(self.get("type")) {
            None => "default",
            Some(Value::String(kind)) => kind.as_str(),
            Some(_) => return Err(format!("{} is no name", self.path("rope_type"))),
        };
        let scaling = match kind {
            "default" => None,
            "linear" => Some(RopeScaling::Linear { factor: self.needed("factor")? }),
            "llama3" => {
                let key = "original_max_position_embeddings";
                let (low, high) = (self.needed("low_freq_factor")?, self.needed("high_freq_factor")?);
                if high <= low {
                    let path = self.path("high_freq_factor");
                    return Err(format!("{path} {high} is too small; expected more than low_freq_factor {low}"));
                }
                Some(RopeScaling::Llama3 {
                    factor: self.needed("factor")?,
                    low_freq_factor: low,
                    high_freq_factor: high,
                    original_max_position_embeddings: beside.length(key)?.or(self.length(key)?).unwrap_or(positions),
                })
            }
            other => {
                let path = self.path("rope_type");
                return Err(format!("{path} {other} is not supported; expected default, linear or llama3"));
            }
        };
        Ok(Rope { theta: self.positive("rope_theta")?.unwrap_or(theta), scaling })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DEFAULT: Rope = Rope { theta: 500.0, scaling: None };
    const LINEAR: Rope = Rope { theta: 500.0, scaling: Some(RopeScaling::Linear { factor: 3.0 }) };
    const LLAMA3: Rope = Rope {
        theta: 500.0,
        scaling: Some(RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 64,
        }),
    };

    fn check(found: &[f32], expected: &[f32], tolerance: f32) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
        }
    }

    /// Of transformers 5.23.0:
    ///
    /// ```python
    /// from transformers import LlamaConfig
    /// from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
    ///
    /// LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    /// for rope in [{"rope_type": "default"}, {"rope_type": "linear", "factor": 3.0}, {"rope_type": "llama3", **LLAMA3}]:
    ///     config = LlamaConfig(hidden_size=24, num_attention_heads=3, rope_parameters={"rope_theta": 500.0, **rope})
    ///     print(LlamaRotaryEmbedding(config).inv_freq.tolist())
    /// ```
    #[test]
    fn frequencies_are_those_of_transformers() {
        for (rope, expected) in [
            (DEFAULT, [1.0, 0.211_474_24, 0.044_721_36, 0.009_457_416]),
            (LINEAR, [0.333_333_34, 0.070_491_41, 0.014_907_121, 0.003_152_472]),
            // Kept, blended, divided, divided.
            (LLAMA3, [1.0, 0.097_616_63, 0.005_590_17, 0.001_182_177]),
        ] {
            check(&rope.frequencies(8), &expected, 1e-7);
        }
    }

    /// `inv_freq` of Llama-3.2-1B, printed as above: 15 to 17 are blended, what follows is divided.
    #[test]
    fn frequencies_of_a_published_model() {
        let json = json!({ "rope_theta": 500000.0, "rope_scaling": {
            "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
            "rope_type": "llama3"
        }});
        let frequencies = Rope::of_model(&json, 10000.0, 131_072).unwrap().frequencies(64);
        for (pair, expected) in
            [(1, 0.663_601_3_f32), (14, 0.003_211_446), (15, 0.001_290_548), (16, 0.000_429_556_7), (31, 9.418_306e-8)]
        {
            let found = frequencies[pair];
            assert!((found - expected).abs() < 2e-6 * expected, "{pair}: {found} is not {expected}");
        }
    }

    /// `LlamaRotaryEmbedding(config)(torch.zeros(1), torch.tensor([[1000]]))`, with the first configuration of above: half of the cosines,
    /// half of the sines. One bit of a frequency is 1e-5 of an angle there.
    #[test]
    fn angles_grow_with_the_position() {
        let angles = DEFAULT.angles(8, 0..1001);
        assert_eq!(angles[..4], [0.0; 4]);
        let last = &angles[4000..];
        let cos: Vec<f32> = last.iter().map(|angle| angle.cos()).collect();
        let sin: Vec<f32> = last.iter().map(|angle| angle.sin()).collect();
        check(&cos, &[0.562_379_06, -0.550_748_7, 0.739_098_1, -0.999_467_43], 5e-5);
        check(&sin, &[0.826_879_56, -0.834_671_14, 0.673_597_8, -0.032_631_826], 5e-5);
    }

    #[test]
    fn every_generation_of_options_is_read() {
        let llama3 = json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64, "rope_theta": 500.0
        });
        let mut short = llama3.clone();
        short.as_object_mut().unwrap().remove("original_max_position_embeddings");
        for (json, expected) in [
            (json!({}), Rope { theta: 10000.0, scaling: None }),
            (json!({ "rope_theta": 500.0 }), DEFAULT),
            (json!({ "rope_theta": 500, "rope_scaling": null }), DEFAULT),
            (json!({ "rope_theta": 7.0, "rope_parameters": { "rope_type": "default", "rope_theta": 500.0 } }), DEFAULT),
            (
                json!({ "rope_theta": 500.0, "rope_scaling": {}, "rope_parameters": { "rope_type": "default" } }),
                DEFAULT,
            ),
            (json!({ "rope_theta": 500.0, "rope_scaling": { "type": "linear", "factor": 3.0 } }), LINEAR),
            (
                json!({ "rope_scaling": { "type": "linear", "factor": 3, "rope_theta": 500 }, "rope_parameters": llama3 }),
                LINEAR,
            ),
            (json!({ "rope_parameters": llama3 }), LLAMA3),
            (json!({ "rope_parameters": short }), LLAMA3),
        ] {
            assert_eq!(Rope::of_model(&json, 10000.0, 64).unwrap(), expected, "{json}");
        }
    }

    /// transformers lets the option beside win.
    #[test]
    fn the_length_of_pre_training_may_stand_beside() {
        let json = json!({ "original_max_position_embeddings": 32, "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64, "rope_theta": 500.0
        }});
        let frequencies = Rope::of_model(&json, 10000.0, 2048).unwrap().frequencies(8);
        check(&frequencies, &[1.0, 0.031_185_457, 0.005_590_17, 0.001_182_177], 1e-7);
    }

    #[test]
    fn layers_of_two_kinds_have_options_of_their_own() {
        let read = |json: &Value| Rope::of_layers(json, "full_attention", "global_rope_theta", 160_000.0);
        for (json, theta) in [
            (json!({}), 160_000.0),
            (json!({ "global_rope_theta": 80_000.0 }), 80_000.0),
            (json!({ "global_rope_theta": 5.0, "rope_parameters": { "full_attention": { "rope_theta": 4.0 } } }), 4.0),
            (json!({ "global_rope_theta": 5.0, "rope_parameters": { "full_attention": null } }), 5.0),
            (json!({ "rope_parameters": { "sliding_attention": { "rope_theta": 4.0 } } }), 160_000.0),
        ] {
            assert_eq!(read(&json).unwrap(), Rope { theta, scaling: None }, "{json}");
        }
        let linear = json!({ "rope_parameters": { "full_attention": { "rope_type": "linear", "factor": 2.0 } } });
        assert!(read(&linear).unwrap_err().contains("rope_parameters.full_attention.rope_type"));
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let with = |inside: Value| json!({ "rope_scaling": inside });
        for (json, name) in [
            (with(json!({ "rope_type": "yarn", "factor": 2.0 })), "rope_scaling.rope_type yarn"),
            (with(json!({ "type": "dynamic", "factor": 2.0 })), "rope_scaling.rope_type dynamic"),
            (with(json!({ "type": 3 })), "rope_scaling.rope_type"),
            (with(json!("linear")), "rope_scaling"),
            (with(json!({ "type": "linear" })), "rope_scaling.factor is missing"),
            (with(json!({ "type": "linear", "factor": 0 })), "rope_scaling.factor 0"),
            (with(json!({ "type": "linear", "factor": "2" })), "rope_scaling.factor"),
            (with(json!({ "rope_type": "llama3", "factor": 2.0 })), "rope_scaling.low_freq_factor is missing"),
            (
                with(json!({ "rope_type": "llama3", "factor": 2.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0 })),
                "rope_scaling.high_freq_factor 4",
            ),
            (
                with(json!({ "rope_type": "default", "partial_rotary_factor": 0.5 })),
                "rope_scaling.partial_rotary_factor",
            ),
            (json!({ "partial_rotary_factor": 0.5 }), "partial_rotary_factor 0.5"),
            (json!({ "rope_theta": -1.0 }), "rope_theta -1.0"),
            (json!({ "rope_parameters": { "rope_theta": 0 } }), "rope_parameters.rope_theta 0"),
        ] {
            let error = Rope::of_model(&json, 10000.0, 2048).unwrap_err();
            assert!(error.contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn scaling_is_written_as_it_is_read() {
        for rope in [DEFAULT, LINEAR, LLAMA3] {
            let json = json!({ "rope_theta": rope.theta, "rope_scaling": rope.scaling });
            assert_eq!(Rope::of_model(&json, 10000.0, 2048).unwrap(), rope, "{json}");
        }
    }
}
