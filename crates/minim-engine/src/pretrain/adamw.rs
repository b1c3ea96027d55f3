//! AdamW whose moments are kept by published parameter names.
//!
//! The update is burn's. Its `ModuleOptimizer` keeps state by parameter id, which is drawn anew when a model is loaded, and loads state
//! onto the default device, which in a CUDA build is the GPU even for a run on the CPU; a run that is to go on to the bit needs neither.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{AdamW as Update, AdamWConfig, AdamWState, AdaptiveMomentumState, GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use minim_adapters::peft::{Precision, write_safetensors};
use minim_models::published_name;
use safetensors::SafeTensors;

use crate::{Error, global_norm};

const FIRST: &str = "exp_avg";
const SECOND: &str = "exp_avg_sq";

/// The optimiser of one training, with betas 0.9 and 0.999 and epsilon 1e-8.
pub(super) struct AdamW {
    decayed: Update,
    undecayed: Update,
    /// By published name, flat: (first, second) moment.
    moments: BTreeMap<String, [Tensor<1>; 2]>,
    steps: usize,
}

impl AdamW {
    /// Biases and normalisation weights do not decay.
    pub(super) fn new(weight_decay: f64) -> Self {
        let update = |decay: f64| AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(decay as f32).build();
        Self { decayed: update(weight_decay), undecayed: update(0.0), moments: BTreeMap::new(), steps: 0 }
    }

    /// One step with gradients scaled down to a global norm of at most `max_norm`.
    pub(super) fn step<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        learning_rate: f64,
        max_norm: f64,
    ) -> M {
        // 1e-6 as in PyTorch's clip_grad_norm_.
        let factor = (max_norm / (global_norm(&model, &gradients) + 1e-6)).min(1.0);
        let model = model.map(&mut Step { optimizer: self, gradients, learning_rate, factor, path: Vec::new() });
        self.steps += 1;
        model
    }

    /// Writes the moments, exactly.
    pub(super) fn save(&self, path: &Path) -> Result<(), Error> {
        let mut tensors = BTreeMap::new();
        for (name, moments) in &self.moments {
            for (moment, key) in moments.iter().zip([FIRST, SECOND]) {
                let values: Vec<f32> = moment.clone().into_data().iter::<f32>().collect();
                tensors.insert(format!("{name}.{key}"), (vec![values.len()], values));
            }
        }
        Ok(write_safetensors(path, &tensors, Precision::F32)?)
    }

    /// Takes up the moments after `steps` steps.
    pub(super) fn load(mut self, path: &Path, steps: usize, device: &Device) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        let broken = |what: String| Error::Input(format!("{}: no optimiser state: {what}", path.display()));
        let file = SafeTensors::deserialize(&bytes).map_err(|e| broken(e.to_string()))?;
        let read = |key: String| -> Result<Tensor<1>, Error> {
            let view = file.tensor(&key).map_err(|e| broken(e.to_string()))?;
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            let values: Vec<f32> = values.collect();
            let shape = [values.len()];
            Ok(Tensor::from_data(TensorData::new(values, shape), device))
        };
        for name in file.names().iter().filter_map(|name| name.strip_suffix(&format!(".{FIRST}"))) {
            self.moments
                .insert(name.to_string(), [read(format!("{name}.{FIRST}"))?, read(format!("{name}.{SECOND}"))?]);
        }
        self.steps = steps;
        Ok(self)
    }
}

struct Step<'a> {
    optimizer: &'a mut AdamW,
    gradients: GradientsParams,
    learning_rate: f64,
    factor: f64,
    path: Vec<String>,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let name = published_name(&self.path.join("."));
        let decays = !name.ends_with(".bias") && !name.contains("LayerNorm.");
        let update = if decays { &self.optimizer.decayed } else { &self.optimizer.undecayed };
        let moments = self.optimizer.moments.remove(&name);
        let state = moments
            .map(|[first, second]| AdamWState::new(AdaptiveMomentumState::new(self.optimizer.steps, first, second)));
        let gradient = if self.factor < 1.0 { gradient * self.factor } else { gradient };
        let mut after = None;
        let param = param.map(|tensor| {
            let shape = tensor.dims();
            let gradient = gradient.reshape([-1]);
            let (tensor, state) = update.step::<1>(self.learning_rate, tensor.inner().reshape([-1]), gradient, state);
            after = state;
            Tensor::from_inner(tensor.reshape(shape)).require_grad()
        });
        if let Some(AdamWState { momentum, .. }) = after {
            self.optimizer.moments.insert(name, [momentum.moment_1, momentum.moment_2]);
        }
        param
    }
}
