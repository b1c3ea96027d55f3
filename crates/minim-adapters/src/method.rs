use std::collections::HashSet;

use burn::module::{Module, ModuleVisitor, Param, Reparameterizer};
use burn::tensor::Tensor;

use crate::lora::Sizes;
use crate::tuned::{Parameter, Tuned};
use crate::vera::Projections;
use crate::walk::Walk;
use crate::{
    AdaLoraConfig, Adapter, BottleneckConfig, Draw, Error, Ia3Config, LnTuningConfig, LoraConfig, Targets, VeraConfig,
};

/// A test for the names of modules.
type Matcher = Box<dyn Fn(&str) -> bool>;

/// How a model is adapted to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Every parameter is trained.
    Full,
    /// The head alone is trained.
    Head,
    /// Low-rank updates and the head are trained.
    Lora(LoraConfig),
    /// Low-rank updates whose ranks compete, and the head are trained.
    AdaLora(AdaLoraConfig),
    /// Rescaling vectors and the head are trained.
    Ia3(Ia3Config),
    /// Rescalings of random low-rank updates and the head are trained.
    Vera(VeraConfig),
    /// Small networks behind blocks, and the head are trained.
    Bottleneck(BottleneckConfig),
    /// Normalisations and the head are trained.
    LnTuning(LnTuningConfig),
    /// Every bias and the head are trained: `y = x·W + b'`. Ben Zaken et al. 2021, arXiv 2106.10199, section 3. Nothing is brought in; to
    /// peft it is LoRA's `bias = "all"` without the LoRA, which its files cannot say.
    BitFit,
}

impl Method {
    /// The name used in experiments and records.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Full => "full",
            Method::Head => "head",
            Method::Lora(_) => "lora",
            Method::AdaLora(_) => "adalora",
            Method::Ia3(_) => "ia3",
            Method::Vera(_) => "vera",
            Method::Bottleneck(_) => "bottleneck",
            Method::LnTuning(_) => "ln-tuning",
            Method::BitFit => "bitfit",
        }
    }

    fn targets(&self) -> Option<&Targets> {
        match self {
            Method::Full | Method::Head | Method::BitFit => None,
            Method::Lora(config) => Some(&config.targets),
            Method::AdaLora(config) => Some(&config.targets),
            Method::Ia3(config) => Some(&config.targets),
            Method::Vera(config) => Some(&config.targets),
            Method::Bottleneck(config) => Some(&config.targets),
            Method::LnTuning(config) => Some(&config.targets),
        }
    }

    /// A test for the names of the modules that the method's targets mean; none without targets.
    pub(crate) fn matcher(&self) -> Result<Matcher, Error> {
        Ok(match self {
            Method::Full | Method::Head | Method::BitFit => Box::new(|_: &str| false),
            Method::Lora(config) => Box::new(config.restriction.matcher(&config.targets)?),
            Method::AdaLora(config) => Box::new(config.restriction.matcher(&config.targets)?),
            Method::Ia3(config) => Box::new(config.targets.matcher()?),
            Method::Vera(config) => Box::new(config.restriction.matcher(&config.targets)?),
            Method::Bottleneck(config) => Box::new(config.restriction.matcher(&config.targets)?),
            Method::LnTuning(config) => Box::new(config.targets.matcher()?),
        })
    }

    /// The method whose adapter folder [`crate::peft::save`] writes: this one, but for LoRA that starts with a part of the base weight.
    pub fn saved(&self) -> Self {
        match self {
            Method::Lora(config) => Method::Lora(config.saved()),
            other => other.clone(),
        }
    }

    /// The same for a training of so many optimiser steps: AdaLoRA's schedule needs to know.
    pub fn for_steps(mut self, total_steps: usize) -> Self {
        if let Method::AdaLora(config) = &mut self {
            config.total_steps = total_steps;
        }
        self
    }

    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first one outside of its range.
    pub fn check(&self) -> Result<(), Error> {
        drop(self.matcher()?);
        match self {
            Method::Full | Method::Head | Method::BitFit => Ok(()),
            Method::Lora(config) => config.check(),
            Method::AdaLora(config) => config.check(),
            Method::Ia3(config) => config.check(),
            Method::Vera(config) => config.check(),
            Method::Bottleneck(config) => config.check(),
            Method::LnTuning(config) => config.check(),
        }
    }
}

/// The module that a parameter belongs to: its name without the last component.
pub fn module_of(parameter: &str) -> &str {
    parameter.rsplit_once('.').map_or("", |(module, _)| module)
}

/// Whether a parameter belongs to a module that is trained and saved whole (peft's `modules_to_save`): the name of the module or of
/// one that holds it ends with an entry, without regard to dots, as in peft.
pub fn is_saved_whole(parameter: &str, modules_to_save: &[String]) -> bool {
    let mut module = module_of(parameter);
    while !module.is_empty() {
        if modules_to_save.iter().any(|name| module.ends_with(name.as_str())) {
            return true;
        }
        module = module_of(module);
    }
    false
}

/// Prepares a model for training by `method`: freezes, attaches adapters, leaves the modules in `modules_to_save` trainable.
///
/// `names` turns a parameter's path in the burn module into its published name (`bert.encoder.layer.0.attention.self.query.weight`);
/// targets are matched against those. `seed` decides the start of the adapters.
///
/// # Errors
/// [`Error::Setting`] for a setting outside of its range, [`Error::NoTarget`] if the targets match no linear layer (of LayerNorm tuning: no
/// normalisation).
pub fn attach<M: Module>(
    model: M,
    method: &Method,
    modules_to_save: &[String],
    seed: u64,
    names: impl Fn(&str) -> String,
) -> Result<M, Error> {
    method.check()?;
    if *method == Method::Full {
        return Ok(model.unfreeze());
    }
    let (matches, tuned) = (method.matcher()?, Tuned::new(method)?);
    let mut survey = Survey { names: &names, walk: Walk::default(), found: Vec::new() };
    model.visit(&mut survey);
    let found: Vec<_> = survey.found.iter().filter(|found| !is_saved_whole(&found.name, modules_to_save)).collect();
    let adapted: Vec<_> = found.iter().filter(|found| found.is_weight() && matches(module_of(&found.name))).collect();
    if let Some(targets) = method.targets() {
        let (what, none, is_one): (_, _, fn(&Found) -> bool) = match method {
            Method::LnTuning(_) => {
                ("normalisation", !found.iter().any(|found| tuned.includes(found.parameter())), Found::is_normalisation)
            }
            _ => ("linear layer", adapted.is_empty(), Found::is_weight),
        };
        if none {
            let modules = survey.found.iter().filter(|found| is_one(found)).map(|found| module_of(&found.name));
            let mut available: Vec<_> = modules.map(|name| name.rsplit('.').next().unwrap_or_default()).collect();
            available.sort_unstable();
            available.dedup();
            return Err(Error::NoTarget { what, targets: targets.to_string(), available: available.join(", ") });
        }
    }
    let widest = |axis: usize| adapted.iter().map(|found| found.shape[axis]).max().unwrap_or_default();
    let start = match method {
        Method::Full | Method::Head | Method::BitFit | Method::LnTuning(_) => Start::Nothing,
        Method::Lora(config) => Start::Lora(config, config.sizes()?),
        Method::AdaLora(config) => Start::AdaLora(config),
        Method::Ia3(config) => Start::Ia3(config),
        Method::Bottleneck(config) => Start::Bottleneck(config),
        Method::Vera(config) => Start::Vera(config, config.projections(widest(0), widest(1))),
    };
    let linear = survey.found.iter().filter(|found| found.in_linear).map(|found| found.path.clone()).collect();
    Ok(model.apply_reparameterization(Attach { start, modules_to_save, seed, names: &names, matches, tuned, linear }))
}

/// What an adapter is made from.
enum Start<'a> {
    Nothing,
    Lora(&'a LoraConfig, Sizes),
    AdaLora(&'a AdaLoraConfig),
    Ia3(&'a Ia3Config),
    Bottleneck(&'a BottleneckConfig),
    Vera(&'a VeraConfig, Projections),
}

struct Attach<'a, N> {
    start: Start<'a>,
    modules_to_save: &'a [String],
    seed: u64,
    names: &'a N,
    matches: Matcher,
    tuned: Tuned,
    /// Paths of the parameters of linear layers.
    linear: HashSet<String>,
}

impl<N: Fn(&str) -> String> Reparameterizer for Attach<'_, N> {
    type Reparam = Adapter;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<Adapter>) {
        let name = (self.names)(path);
        let in_linear = self.linear.contains(path);
        if is_saved_whole(&name, self.modules_to_save)
            || self.tuned.includes(Parameter { name: &name, rank: D, in_linear })
        {
            return (param.set_require_grad(true), None);
        }
        let param = param.set_require_grad(false);
        let module = module_of(&name);
        if !in_linear || D != 2 || !name.ends_with(".weight") || !(self.matches)(module) {
            return (param, None);
        }
        let shape = param.lazy_shape();
        let (inputs, outputs, device) = (shape[0], shape[1], param.lazy_device());
        let adapter = match &self.start {
            Start::Nothing => return (param, None),
            Start::Lora(config, sizes) => {
                let draw = Draw::new(self.seed, &format!("{module}.lora_A"));
                let (lora, base) = config.init(sizes, module, param, draw, &device);
                return (base, Some(Adapter::Lora(lora)));
            }
            Start::AdaLora(config) => {
                let adalora = config.init(module, self.seed, [inputs, outputs], &device);
                return (param, adalora.map(Adapter::AdaLora));
            }
            Start::Ia3(config) => Adapter::Ia3(config.init(module, inputs, outputs, &device)),
            Start::Bottleneck(config) => Adapter::Bottleneck(config.init(module, self.seed, outputs, &device)),
            Start::Vera(config, shared) => Adapter::Vera(config.init(shared, outputs, &device)),
        };
        (param, Some(adapter))
    }
}

/// A parameter of the model before anything is attached.
struct Found {
    path: String,
    name: String,
    shape: Vec<usize>,
    in_linear: bool,
}

impl Found {
    fn parameter(&self) -> Parameter<'_> {
        Parameter { name: &self.name, rank: self.shape.len(), in_linear: self.in_linear }
    }

    /// Whether it is the weight of a [`crate::Linear`].
    fn is_weight(&self) -> bool {
        self.in_linear && self.shape.len() == 2 && self.name.ends_with(".weight")
    }

    fn is_normalisation(&self) -> bool {
        !self.in_linear && self.shape.len() == 1 && self.name.ends_with(".weight")
    }
}

/// Collects the parameters of a model.
struct Survey<'a, N> {
    names: &'a N,
    walk: Walk,
    found: Vec<Found>,
}

impl<N: Fn(&str) -> String> ModuleVisitor for Survey<'_, N> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.walk.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.walk.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.walk.path();
        let name = (self.names)(&path);
        self.found.push(Found { path, name, shape: param.lazy_shape().to_vec(), in_linear: self.walk.in_linear() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_modules_match_by_the_end_of_any_enclosing_name() {
        let save = vec!["classifier".to_string(), "score".to_string()];
        assert!(is_saved_whole("classifier.weight", &save));
        assert!(is_saved_whole("pre_classifier.bias", &save), "peft's test has no dot");
        assert!(is_saved_whole("classifier.dense.weight", &save));
        assert!(!is_saved_whole("bert.pooler.dense.weight", &save));
        assert!(is_saved_whole("bert.pooler.dense.weight", &["pooler".to_string()]));
    }
}
