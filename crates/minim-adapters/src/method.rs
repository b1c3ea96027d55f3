use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};

use burn::module::{Module, ModuleVisitor, Param, ParamId, Reparameterizer};
use burn::tensor::{Device, Shape, Tensor};

use crate::attached::Attached;
use crate::linear::ACTS;
use crate::lora::Sizes;
use crate::quantised::Quantiser;
use crate::tuned::{Parameter, Tuned};
use crate::vera::Projections;
use crate::walk::Walk;
use crate::{
    AdaLoraConfig, Adapter, BottleneckConfig, Draw, Error, Format, Ia3Config, LnTuningConfig, LoraConfig, LoraStart,
    PTuningConfig, PrefixTuningConfig, PromptTuningConfig, Quantisation, Quantised, Targets, VeraConfig,
};

/// A test for the names of modules.
pub(crate) type Matcher = Box<dyn Fn(&str) -> bool>;

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
    /// Vectors before each text and the head are trained.
    PromptTuning(PromptTuningConfig),
    /// Keys and values before those of each text, in every layer, and the head are trained.
    PrefixTuning(PrefixTuningConfig),
    /// Vectors before each text, what makes them, and the head are trained.
    PTuning(PTuningConfig),
    /// Normalisations and the head are trained.
    LnTuning(LnTuningConfig),
    /// Every bias and the head are trained: `y = x·W + b'`. Ben Zaken et al. 2021, arXiv 2106.10199, section 3. Nothing is brought in. In
    /// peft's files it is the `bias = "all"` of a LoRA whose factors are 0.
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
            Method::PromptTuning(_) => "prompt-tuning",
            Method::PrefixTuning(_) => "prefix-tuning",
            Method::PTuning(_) => "p-tuning",
            Method::BitFit => "bitfit",
        }
    }

    /// How many of a model's positions the method takes from each text: prompts, and prefixes, which count as tokens that came before.
    pub fn virtual_tokens(&self) -> usize {
        match self {
            Method::PromptTuning(config) => config.virtual_tokens,
            Method::PrefixTuning(config) => config.virtual_tokens,
            Method::PTuning(config) => config.virtual_tokens,
            _ => 0,
        }
    }

    /// Whether the method sits on the table of tokens and not on linear layers.
    pub(crate) fn is_on_table(&self) -> bool {
        matches!(self, Method::PromptTuning(_) | Method::PrefixTuning(_) | Method::PTuning(_))
    }

    fn targets(&self) -> Option<&Targets> {
        match self {
            Method::Full | Method::Head | Method::BitFit => None,
            Method::PromptTuning(_) | Method::PrefixTuning(_) | Method::PTuning(_) => None,
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
            Method::PromptTuning(_) | Method::PrefixTuning(_) | Method::PTuning(_) => Box::new(|_: &str| false),
            Method::Lora(config) => Box::new(config.restriction.matcher(&config.targets)?),
            Method::AdaLora(config) => Box::new(config.restriction.matcher(&config.targets)?),
            Method::Ia3(config) => config.matcher()?,
            Method::Vera(config) => Box::new(config.restriction.matcher(&config.targets)?),
            Method::Bottleneck(config) => Box::new(config.restriction.matcher(&config.targets)?),
            Method::LnTuning(config) => config.matcher()?,
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
            Method::PromptTuning(config) => config.check(),
            Method::PrefixTuning(config) => config.check(),
            Method::PTuning(config) => config.check(),
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
/// normalisation), [`Error::NoBias`] if BitFit has nothing to train, [`Error::NoTokens`] for virtual tokens on a model without a
/// [`crate::TokenEmbedding`], [`Error::Adapted`] for a model that something was attached to before, [`Error::OutOfReach`] for layers of burn's own that the method
/// can't change by their weights.
pub fn attach<M: Module>(
    model: M,
    method: &Method,
    modules_to_save: &[String],
    seed: u64,
    names: impl Fn(&str) -> String,
) -> Result<M, Error> {
    attach_with(model, method, Form::Trained, modules_to_save, seed, names, None).map(|(model, _)| model)
}

/// Where the codes of frozen weights come from.
pub(crate) enum Held<'a> {
    /// They are made of the weights.
    Anew(Quantisation),
    /// They are there, by the weight's path; what has none stays as it is.
    There(Format, &'a BTreeMap<String, Quantised>),
}

impl Held<'_> {
    fn format(&self) -> Format {
        match self {
            Held::Anew(how) => how.format,
            Held::There(format, _) => *format,
        }
    }
}

/// What of an adapter is attached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// What training needs.
    Trained,
    /// What a file holds: a prompt or a prefix without what makes it.
    Kept,
}

/// The same with the weights of all [`crate::Linear`] that stay frozen held in few bits, and how many bytes they take. Each is quantised and let
/// go of before the next is looked at. Adapters are as on the weights that the codes stand for, so that nothing changes at their start.
///
/// # Errors
/// As [`attach`]; [`Error::Setting`] for full fine-tuning, which has no frozen weights.
pub fn attach_quantised<M: Module>(
    model: M,
    method: &Method,
    modules_to_save: &[String],
    seed: u64,
    names: impl Fn(&str) -> String,
    how: Quantisation,
) -> Result<(M, u64), Error> {
    attach_with(model, method, Form::Trained, modules_to_save, seed, names, Some(Held::Anew(how)))
}

/// As [`attach`], or with a quantisation as [`attach_quantised`], for an adapter that [`crate::peft::load`] fills next: without what only training
/// needs and no file holds, the encoder of a prompt or a prefix. A quantised base can have it in no other way.
///
/// # Errors
/// As those.
pub fn attach_kept<M: Module>(
    model: M,
    method: &Method,
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
    how: Option<Quantisation>,
) -> Result<(M, u64), Error> {
    attach_with(model, method, Form::Kept, modules_to_save, 0, names, how.map(Held::Anew))
}

pub(crate) fn attach_with<M: Module>(
    model: M,
    method: &Method,
    form: Form,
    modules_to_save: &[String],
    seed: u64,
    names: impl Fn(&str) -> String,
    held: Option<Held<'_>>,
) -> Result<(M, u64), Error> {
    method.check()?;
    if *method == Method::Full {
        let expected = "a method that leaves them frozen: a weight in few bits cannot be trained";
        return match held {
            Some(_) => Err(Error::Setting { setting: "method of quantised weights", found: "full".into(), expected }),
            None => Ok((model.unfreeze(), 0)),
        };
    }
    if let (Method::Lora(config), Some(held)) = (method, &held) {
        config.check_base(held.format())?;
    }
    let (matches, tuned) = (method.matcher()?, Tuned::new(method)?);
    let mut survey =
        Survey { names: &names, walk: Walk::default(), found: Vec::new(), acting: HashSet::new(), adapted: false };
    model.visit(&mut survey);
    // burn would put the earlier ones back.
    if survey.adapted {
        return Err(Error::Adapted);
    }
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
    if let Some(layer) = adapted.iter().find(|layer| survey.is_out_of_reach(method, layer)) {
        return Err(Error::OutOfReach { method: method.name(), layer: module_of(&layer.name).to_string() });
    }
    if *method == Method::BitFit && !found.iter().any(|found| tuned.includes(found.parameter())) {
        return Err(Error::NoBias);
    }
    let table = survey.found.iter().find(|found| found.in_table);
    if method.is_on_table() && table.is_none() {
        return Err(Error::NoTokens { method: method.name() });
    }
    if let (Method::PromptTuning(config), Some(table)) = (method, table) {
        config.check_vocabulary(table.shape[0])?;
    }
    let widest = |axis: usize| adapted.iter().map(|found| found.shape[axis]).max().unwrap_or_default();
    let start = match method {
        Method::Full | Method::Head | Method::BitFit | Method::LnTuning(_) => Start::Nothing,
        Method::Lora(config) => Start::Lora(config, config.sizes()?),
        Method::AdaLora(config) => Start::AdaLora(config),
        Method::Ia3(config) => Start::Ia3(config),
        Method::Bottleneck(config) => Start::Bottleneck(config),
        Method::Vera(config) => Start::Vera(config, config.projections(widest(0), widest(1))),
        Method::PromptTuning(_) | Method::PrefixTuning(_) | Method::PTuning(_) => Start::OnTable(method, form),
    };
    let linear = survey.found.iter().filter(|found| found.in_linear).map(|found| found.path.clone()).collect();
    let table = table.map(|found| found.path.clone());
    let bytes = Cell::new(0);
    let codes = held.map(|held| match held {
        Held::Anew(how) => Codes::Anew(Quantiser::new(how)),
        Held::There(_, codes) => Codes::There(codes),
    });
    let attach =
        Attach { start, modules_to_save, seed, names: &names, matches, tuned, linear, table, codes, bytes: &bytes };
    Ok((model.apply_reparameterization(attach), bytes.get()))
}

/// What an adapter is made from.
enum Start<'a> {
    Nothing,
    Lora(&'a LoraConfig, Sizes),
    AdaLora(&'a AdaLoraConfig),
    Ia3(&'a Ia3Config),
    Bottleneck(&'a BottleneckConfig),
    Vera(&'a VeraConfig, Projections),
    /// One for the whole model.
    OnTable(&'a Method, Form),
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
    /// Path of the token embeddings.
    table: Option<String>,
    codes: Option<Codes<'a>>,
    /// Bytes of what was quantised.
    bytes: &'a Cell<u64>,
}

/// As [`Held`], at work.
enum Codes<'a> {
    Anew(Quantiser),
    There(&'a BTreeMap<String, Quantised>),
}

impl<N: Fn(&str) -> String> Attach<'_, N> {
    /// The adapter of a layer whose weight this is, `None` for a method that brings nothing in, and the weight that it leaves.
    fn adapter<const D: usize>(&self, module: &str, weight: Param<Tensor<D>>) -> (Param<Tensor<D>>, Option<Adapter>) {
        let shape = weight.lazy_shape();
        let (inputs, outputs, device) = (shape[0], shape[1], weight.lazy_device());
        let adapter = match &self.start {
            Start::Nothing | Start::OnTable(..) => None,
            Start::Lora(config, sizes) => {
                let draw = Draw::new(self.seed, &format!("{module}.lora_A"));
                let (lora, left) = config.init(sizes, module, weight, draw, &device);
                return (left, Some(Adapter::Lora(lora)));
            }
            Start::AdaLora(config) => config.init(module, self.seed, [inputs, outputs], &device).map(Adapter::AdaLora),
            Start::Ia3(config) => Some(Adapter::Ia3(config.init(module, inputs, outputs, &device))),
            Start::Bottleneck(config) => Some(Adapter::Bottleneck(config.init(module, self.seed, outputs, &device))),
            Start::Vera(config, shared) => Some(Adapter::Vera(config.init(shared, outputs, &device))),
        };
        (weight, adapter)
    }
}

impl<N: Fn(&str) -> String> Reparameterizer for Attach<'_, N> {
    type Reparam = Attached;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<Attached>) {
        let name = (self.names)(path);
        let in_linear = self.linear.contains(path);
        if is_saved_whole(&name, self.modules_to_save)
            || self.tuned.includes(Parameter { name: &name, rank: D, in_linear })
        {
            return (param.set_require_grad(true), None);
        }
        let param = param.set_require_grad(false);
        if let Start::OnTable(method, form) = self.start
            && self.table.as_deref() == Some(path)
        {
            let adapter = on_table(method, form, &param, self.seed);
            return (param, Some(Attached { adapter, quantised: None }));
        }
        let module = module_of(&name);
        if !in_linear || D != 2 || !name.ends_with(".weight") {
            return (param, None);
        }
        let adapted = (self.matches)(module);
        // What PiSSA leaves of a weight is what is then quantised; other adapters are as on what the codes stand for.
        let takes = matches!(&self.start, Start::Lora(config, _) if config.start != LoraStart::Random);
        let first = adapted && (takes || self.codes.is_none());
        let (param, adapter) = if first { self.adapter(module, param) } else { (param, None) };
        let (shape, device) = (param.lazy_shape(), param.lazy_device());
        let quantised = match &mut self.codes {
            None => None,
            Some(Codes::Anew(quantiser)) => {
                let quantised = quantiser.quantise(param.val().reshape([shape[0], shape[1]]));
                self.bytes.set(quantiser.bytes);
                Some(quantised)
            }
            Some(Codes::There(codes)) => codes.get(path).cloned(),
        };
        let waits = adapted && !first;
        let Some(quantised) = quantised else {
            let (param, adapter) = if waits { self.adapter(module, param) } else { (param, adapter) };
            return (param, adapter.map(|adapter| Attached { adapter: Some(adapter), quantised: None }));
        };
        let adapter = if waits { self.adapter(module, quantised.to_param(&device)).1 } else { adapter };
        (stand_in(param.id, shape, &device), Some(Attached { adapter, quantised: Some(quantised) }))
    }
}

/// The parameter below a weight in few bits: one NaN, seen as a matrix, made on whichever device asks for it first.
pub(crate) fn stand_in<const D: usize>(id: ParamId, shape: Shape, device: &Device) -> Param<Tensor<D>> {
    let dims = shape.dims::<D>();
    let nan = move |device: &Device, _| Tensor::<D>::full([1; D], f32::NAN, device).expand(dims);
    Param::uninitialized(id, nan, device.clone(), false, shape)
}

/// What a method puts on the table of tokens.
fn on_table<const D: usize>(method: &Method, form: Form, table: &Param<Tensor<D>>, seed: u64) -> Option<Adapter> {
    let (plain, width, device) = (form == Form::Kept, table.lazy_shape()[D - 1], table.lazy_device());
    Some(match method {
        Method::PromptTuning(config) => Adapter::Prompt(config.init(table, seed, &device)),
        Method::PrefixTuning(config) => Adapter::Prefix(config.init(plain, seed, &device)),
        Method::PTuning(config) => Adapter::PTuning(config.init(width, plain, seed, &device)),
        _ => return None,
    })
}

/// A parameter of the model before anything is attached.
struct Found {
    path: String,
    name: String,
    shape: Vec<usize>,
    in_linear: bool,
    in_table: bool,
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
    /// Paths of the layers that apply adapters to activations.
    acting: HashSet<String>,
    /// Whether something stands on a parameter already.
    adapted: bool,
}

impl<N> Survey<'_, N> {
    /// Whether a layer does not apply adapters, and no weight could do for it what the method does.
    fn is_out_of_reach(&self, method: &Method, weight: &Found) -> bool {
        let layer = module_of(&weight.path);
        let has_bias = || self.found.iter().any(|found| found.path.strip_suffix(".bias") == Some(layer));
        !self.acting.contains(layer)
            && match method {
                Method::Bottleneck(_) => true,
                Method::Ia3(config) => !config.is_feedforward(module_of(&weight.name)) && has_bias(),
                _ => false,
            }
    }
}

impl<N: Fn(&str) -> String> ModuleVisitor for Survey<'_, N> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.walk.enter(name, container);
        self.adapted |= self.walk.in_adapter();
        if name == ACTS && self.walk.in_linear() {
            self.acting.insert(module_of(&self.walk.path()).to_string());
        }
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.walk.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.walk.path();
        let name = (self.names)(&path);
        let (in_linear, in_table) = (self.walk.in_linear(), self.walk.in_table());
        self.found.push(Found { path, name, shape: param.lazy_shape().to_vec(), in_linear, in_table });
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
