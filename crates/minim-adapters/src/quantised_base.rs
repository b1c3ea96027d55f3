//! One base in few bits for several adapters.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use crate::method::{Form, Held, attach_with, stand_in};
use crate::quantised::Quantiser;
use crate::walk::Walk;
use crate::{Error, Format, LoraStart, Method, Quantisation, Quantised, is_saved_whole};

/// A model whose frozen linear weights are held in few bits once, whatever number of adapters is put on it: each adapted model shares their codes.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use minim_adapters::{Format, Linear, LoraConfig, Method, Quantisation, QuantisedBase, Resident, keep};
///
/// #[derive(burn::module::Module, Debug)]
/// struct Tiny {
///     query: Linear,
/// }
///
/// let device = Device::flex();
/// let how = Quantisation { format: Format::Nf4, product: keep };
/// let base = QuantisedBase::new(Tiny { query: Linear::new(64, 64, true, &device) }, &[], str::to_string, how).unwrap();
/// assert_eq!(base.bytes(), 64 * 64 / 2 + 256 + 4 + 4, "codes, magnitudes of blocks, their scale and offset");
/// let method = Method::Lora(LoraConfig { targets: vec!["query".into()].into(), ..LoraConfig::default() });
/// let mut models = Resident::new(base.plain(str::to_string).unwrap());
/// for name in ["mortality", "length-of-stay"] {
///     // minim_adapters::peft::load fills it next.
///     models.insert(name, base.attach_kept(&method, &[], str::to_string).unwrap());
/// }
/// assert_eq!(models.get(Some("mortality")).unwrap().query.forward(Tensor::<2>::ones([3, 64], &device)).dims(), [3, 64]);
/// ```
#[derive(Debug, Clone)]
pub struct QuantisedBase<M> {
    bare: M,
    format: Format,
    codes: Arc<BTreeMap<String, Quantised>>,
    bytes: u64,
}

impl<M: Module> QuantisedBase<M> {
    /// Quantises the weights of all [`crate::Linear`] but those in `modules_to_save`, which every adapter brings along: each is let go of before the next is looked at. `names`
    /// is as for [`crate::attach`].
    ///
    /// # Errors
    /// [`Error::Adapted`] for a model that something was attached to before.
    pub fn new(
        model: M,
        modules_to_save: &[String],
        names: impl Fn(&str) -> String,
        how: Quantisation,
    ) -> Result<Self, Error> {
        let mut quantise = Quantise {
            quantiser: Quantiser::new(how),
            modules_to_save,
            names,
            walk: Walk::default(),
            codes: BTreeMap::new(),
            adapted: false,
        };
        let bare = model.map(&mut quantise);
        if quantise.adapted {
            return Err(Error::Adapted);
        }
        let Quantise { quantiser, codes, .. } = quantise;
        Ok(Self { bare, format: how.format, codes: Arc::new(codes), bytes: quantiser.bytes })
    }

    /// Bytes of all that was quantised.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The model without its codes: its quantised weights are NaN and take no memory. What is not a quantised weight, a head, can be changed in a
    /// clone and given to [`QuantisedBase::with`].
    pub fn bare(&self) -> &M {
        &self.bare
    }

    /// The same codes for another model, made of [`QuantisedBase::bare`].
    #[must_use]
    pub fn with<N: Module>(&self, bare: N) -> QuantisedBase<N> {
        QuantisedBase { bare, format: self.format, codes: self.codes.clone(), bytes: self.bytes }
    }

    /// The model without an adapter.
    ///
    /// # Errors
    /// None, but what [`crate::attach`] may refuse of a head.
    pub fn plain(&self, names: impl Fn(&str) -> String) -> Result<M, Error> {
        self.attach_kept(&Method::Head, &[], names)
    }

    /// As [`crate::attach_kept`], for an adapter that [`crate::peft::load`] fills next.
    ///
    /// # Errors
    /// As that; [`Error::Setting`] for LoRA that starts from the weights, since it changes them for all.
    pub fn attach_kept(
        &self,
        method: &Method,
        modules_to_save: &[String],
        names: impl Fn(&str) -> String,
    ) -> Result<M, Error> {
        if let Method::Lora(config) = method
            && config.start != LoraStart::Random
        {
            return Err(Error::Setting {
                setting: "init_lora_weights",
                found: config.start.to_string(),
                expected: "none on a base in few bits that adapters share: it takes the factors out of the weights",
            });
        }
        let held = Held::There(self.format, &self.codes);
        attach_with(self.bare.clone(), method, Form::Kept, modules_to_save, 0, names, Some(held))
            .map(|(model, _)| model)
    }
}

/// Puts stand-ins in the place of weights and keeps their codes.
struct Quantise<'a, N> {
    quantiser: Quantiser,
    modules_to_save: &'a [String],
    names: N,
    walk: Walk,
    codes: BTreeMap<String, Quantised>,
    /// Whether something stands on a parameter already.
    adapted: bool,
}

impl<N: Fn(&str) -> String> ModuleMapper for Quantise<'_, N> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.walk.enter(name, container);
        self.adapted |= self.walk.in_adapter();
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.walk.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.walk.path();
        let name = (self.names)(&path);
        let is_weight = D == 2 && self.walk.in_linear() && name.ends_with(".weight");
        if !is_weight || self.adapted || is_saved_whole(&name, self.modules_to_save) {
            return param.set_require_grad(false);
        }
        let (shape, device) = (param.lazy_shape(), param.lazy_device());
        self.codes.insert(path, self.quantiser.quantise(param.val().reshape([shape[0], shape[1]])));
        stand_in(param.id, shape, &device)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::attached::Attached;
    use crate::{Ia3Config, Linear, LoraConfig, attach, keep};

    #[derive(Module, Debug)]
    struct Two {
        query: Linear,
        head: Linear,
    }

    fn two() -> Two {
        let linear = |outputs| Linear::drawn(64, outputs, 0.1, 3, "layer", &Device::flex());
        Two { query: linear(64), head: linear(2) }
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    fn base(format: Format) -> QuantisedBase<Two> {
        QuantisedBase::new(two(), &["head".into()], str::to_string, Quantisation { format, product: keep }).unwrap()
    }

    #[test]
    fn codes_are_there_once_and_what_every_adapter_brings_stays_dense() {
        for (format, bytes) in [(Format::Bf16, 64 * 64 * 2), (Format::Int8, 64 * 64 + 64 * 4)] {
            let base = base(format);
            assert_eq!((base.bytes(), base.codes.len()), (bytes, 1));
            let targets = || vec!["query".to_string()].into();
            let lora = Method::Lora(LoraConfig { targets: targets(), ..LoraConfig::default() });
            let ia3 = Method::Ia3(Ia3Config { targets: targets(), feedforward: targets(), exclude: None });
            let adapted =
                [lora, ia3].map(|method| base.attach_kept(&method, &["head".into()], str::to_string).unwrap());
            for model in &adapted {
                assert!(model.query.weight.reparameterization::<Attached>().unwrap().quantised.is_some());
                assert!(model.head.weight.reparameterization::<Attached>().is_none());
                assert_eq!(values(model.head.weight.val()), values(two().head.weight.val()));
                assert!(values(model.query.weight.base()).iter().all(|value| value.is_nan()));
            }
        }
    }

    #[test]
    fn another_head_on_the_same_codes() {
        let base = base(Format::Bf16);
        let head = Linear::new(64, 5, true, &Device::flex());
        let other = base.with(Two { head, ..base.bare().clone() });
        assert_eq!(other.plain(str::to_string).unwrap().head.weight.dims(), [64, 5]);
        let x = Tensor::<2>::ones([1, 64], &Device::flex());
        let outputs = [&base, &other].map(|base| values(base.plain(str::to_string).unwrap().query.forward(x.clone())));
        assert_eq!(outputs[0], outputs[1]);
        assert!(outputs[0].iter().all(|value| value.is_finite()));
    }

    #[test]
    fn what_is_adapted_and_what_changes_the_weights_are_refused() {
        let how = Quantisation { format: Format::Bf16, product: keep };
        let lora = LoraConfig { targets: vec!["query".to_string()].into(), ..LoraConfig::default() };
        let adapted = attach(two(), &Method::Lora(lora.clone()), &[], 0, str::to_string).unwrap();
        assert!(matches!(QuantisedBase::new(adapted, &[], str::to_string, how), Err(Error::Adapted)));
        let pissa = Method::Lora(LoraConfig { start: LoraStart::Pissa, ..lora });
        let error = base(Format::Bf16).attach_kept(&pissa, &[], str::to_string).unwrap_err().to_string();
        assert!(error.starts_with("init_lora_weights is pissa"), "{error}");
    }
}
