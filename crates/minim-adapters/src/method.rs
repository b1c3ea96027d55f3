use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, Reparameterizer};
use burn::tensor::Tensor;

use crate::{Adapter, Draw, Error, Ia3Config, LoraConfig, Targets};

/// How a model is adapted to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Every parameter is trained.
    Full,
    /// The head alone is trained.
    Head,
    /// Low-rank updates and the head are trained.
    Lora(LoraConfig),
    /// Rescaling vectors and the head are trained.
    Ia3(Ia3Config),
}

impl Method {
    /// The name used in experiments and records.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Full => "full",
            Method::Head => "head",
            Method::Lora(_) => "lora",
            Method::Ia3(_) => "ia3",
        }
    }

    fn targets(&self) -> Option<&Targets> {
        match self {
            Method::Full | Method::Head => None,
            Method::Lora(config) => Some(&config.targets),
            Method::Ia3(config) => Some(&config.targets),
        }
    }

    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first one outside of its range.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(targets) = self.targets() {
            drop(targets.matcher()?);
        }
        match self {
            Method::Full | Method::Head => Ok(()),
            Method::Lora(config) => config.check(),
            Method::Ia3(config) => config.check(),
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
/// [`Error::Setting`] for a setting outside of its range, [`Error::NoTarget`] if the targets match no linear layer.
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
    if let Some(targets) = method.targets() {
        let matches = targets.matcher()?;
        let mut linears = Linears::default();
        model.visit(&mut linears);
        let mut found = linears.modules.iter().map(|path| names(path)).filter(|name| !name.is_empty());
        if !found.any(|module| matches(&module) && !is_saved_whole(&format!("{module}.weight"), modules_to_save)) {
            let mut available: Vec<_> = linears
                .modules
                .iter()
                .map(|path| names(path).rsplit('.').next().unwrap_or_default().to_string())
                .collect();
            available.sort();
            available.dedup();
            return Err(Error::NoTarget { targets: targets.to_string(), available: available.join(", ") });
        }
        let attach = Attach { method, modules_to_save, seed, names: &names, matches };
        let model = model.apply_reparameterization(attach);
        return Ok(model);
    }
    Ok(model.map(&mut FreezeBase { modules_to_save, names: &names, path: Vec::new() }))
}

struct Attach<'a, N, T> {
    method: &'a Method,
    modules_to_save: &'a [String],
    seed: u64,
    names: &'a N,
    matches: T,
}

impl<N: Fn(&str) -> String, T: Fn(&str) -> bool> Reparameterizer for Attach<'_, N, T> {
    type Reparam = Adapter;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<Adapter>) {
        let name = (self.names)(path);
        if is_saved_whole(&name, self.modules_to_save) {
            return (param.set_require_grad(true), None);
        }
        let param = param.set_require_grad(false);
        let module = module_of(&name);
        if D != 2 || !name.ends_with(".weight") || !(self.matches)(module) {
            return (param, None);
        }
        let shape = param.lazy_shape();
        let (inputs, outputs, device) = (shape[0], shape[1], param.lazy_device());
        let adapter = match self.method {
            Method::Full | Method::Head => return (param, None),
            Method::Lora(config) => {
                let draw = Draw::new(self.seed, &format!("{module}.lora_A"));
                Adapter::Lora(config.init(inputs, outputs, draw, &device))
            }
            Method::Ia3(config) => Adapter::Ia3(config.init(module, inputs, outputs, &device)),
        };
        (param, Some(adapter))
    }
}

struct FreezeBase<'a, N> {
    modules_to_save: &'a [String],
    names: &'a N,
    path: Vec<String>,
}

impl<N: Fn(&str) -> String> ModuleMapper for FreezeBase<'_, N> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = (self.names)(&self.path.join("."));
        param.set_require_grad(is_saved_whole(&name, self.modules_to_save))
    }
}

/// Collects the paths of [`crate::Linear`] layers.
#[derive(Default)]
struct Linears {
    path: Vec<String>,
    modules: Vec<String>,
}

impl ModuleVisitor for Linears {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(name.into());
        // A field's container is the struct that holds it, so `weight` in a `Linear` is the layer's own.
        if container == "Struct:Linear" && name == "weight" {
            self.modules.push(self.path[..self.path.len() - 1].join("."));
        }
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
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
