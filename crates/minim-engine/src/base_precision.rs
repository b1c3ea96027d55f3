//! How the frozen base of an adapted model is held.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{FloatDType, Tensor};
use minim_adapters::{
    Format, Method, Quantisation, QuantisedBase, attach, attach_kept, attach_quantised, is_saved_whole,
};
use minim_experiment::BasePrecision;
use minim_models::published_name;

use crate::Error;
use crate::device::remade;

/// Prepares a model for training by `method`, its frozen base held in `precision`, and says how many bytes the model takes without what the
/// adapter brings in.
///
/// So held are the weights of linear layers; other matrices, embeddings, are in bf16 wherever they are not in fp32. Biases and normalisations
/// stay as they are: they are few bytes, and statistics need the bits.
///
/// # Errors
/// [`Error::Adapter`] for settings out of range, for targets that match nothing, and for full fine-tuning in 8 or 4 bits.
pub fn attach_in<M: Module>(
    model: M,
    method: &Method,
    modules_to_save: &[String],
    seed: u64,
    precision: BasePrecision,
) -> Result<(M, u64), Error> {
    hold(model, method, modules_to_save, precision, |model, how| match how {
        None => Ok((attach(model, method, modules_to_save, seed, published_name)?, 0)),
        Some(how) => attach_quantised(model, method, modules_to_save, seed, published_name, how),
    })
}

/// The same for an adapter that is loaded next: without what makes a prompt or a prefix in training.
///
/// # Errors
/// As [`attach_in`].
pub fn attach_kept_in<M: Module>(
    model: M,
    method: &Method,
    modules_to_save: &[String],
    precision: BasePrecision,
) -> Result<(M, u64), Error> {
    hold(model, method, modules_to_save, precision, |model, how| {
        attach_kept(model, method, modules_to_save, published_name, how)
    })
}

/// A base for several adapters, which share it.
#[derive(Debug, Clone)]
pub enum SharedBase<M> {
    /// In fp32: a model's clones share its tensors.
    Dense(M),
    /// In bf16, int8 or NF4.
    Quantised(QuantisedBase<M>),
}

impl<M: Module> SharedBase<M> {
    /// Holds a base in `precision`; what is in `modules_to_save` stays as it is.
    ///
    /// # Errors
    /// [`Error::Adapter`] for a model that something was attached to before.
    pub fn new(model: M, modules_to_save: &[String], precision: BasePrecision) -> Result<Self, Error> {
        let Some(format) = format_of(precision) else { return Ok(Self::Dense(model)) };
        let how = Quantisation { format, product: remade };
        let base = QuantisedBase::new(model, modules_to_save, published_name, how)?;
        let mut walk = Base { modules_to_save, quantised: true, path: Vec::new(), bytes: 0 };
        let bare = base.bare().clone().map(&mut walk);
        Ok(Self::Quantised(base.with(bare)))
    }

    /// The model, of which quantised weights are left out.
    pub fn bare(&self) -> &M {
        match self {
            Self::Dense(model) => model,
            Self::Quantised(base) => base.bare(),
        }
    }

    /// The model without an adapter.
    ///
    /// # Errors
    /// As [`QuantisedBase::plain`].
    pub fn plain(&self) -> Result<M, Error> {
        match self {
            Self::Dense(model) => Ok(model.clone()),
            Self::Quantised(base) => Ok(base.plain(published_name)?),
        }
    }

    /// An adapter that is loaded next, on `bare`: [`SharedBase::bare`], or that with another head.
    ///
    /// # Errors
    /// As [`QuantisedBase::attach_kept`].
    pub fn attach_kept(&self, bare: M, method: &Method, modules_to_save: &[String]) -> Result<M, Error> {
        match self {
            Self::Dense(_) => Ok(attach_kept(bare, method, modules_to_save, published_name, None)?.0),
            Self::Quantised(base) => Ok(base.with(bare).attach_kept(method, modules_to_save, published_name)?),
        }
    }
}

fn format_of(precision: BasePrecision) -> Option<Format> {
    match precision {
        BasePrecision::Fp32 => None,
        BasePrecision::Bf16 => Some(Format::Bf16),
        BasePrecision::Int8 => Some(Format::Int8),
        BasePrecision::Nf4 => Some(Format::Nf4),
    }
}

/// Attaches to a base held in `precision`; `attach` says how many bytes it made smaller.
fn hold<M: Module>(
    model: M,
    method: &Method,
    modules_to_save: &[String],
    precision: BasePrecision,
    attach: impl FnOnce(M, Option<Quantisation>) -> Result<(M, u64), minim_adapters::Error>,
) -> Result<(M, u64), Error> {
    let format = match precision {
        BasePrecision::Bf16 if *method == Method::Full => None,
        _ => format_of(precision),
    };
    let mut walk = Base { modules_to_save, quantised: format.is_some(), path: Vec::new(), bytes: 0 };
    let (model, quantised) = attach(model, format.map(|format| Quantisation { format, product: remade }))?;
    let model = if format.is_some() { model.map(&mut walk) } else { model };
    model.visit(&mut walk);
    Ok((model, walk.bytes + quantised))
}

/// Halves the frozen matrices, and counts bytes.
struct Base<'a> {
    modules_to_save: &'a [String],
    /// Whether the weights of frozen linear layers are held elsewhere.
    quantised: bool,
    path: Vec<(String, String)>,
    bytes: u64,
}

impl Base<'_> {
    fn path(&self) -> String {
        self.path.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(".")
    }

    fn in_adapter(&self) -> bool {
        self.path.iter().any(|(_, container)| container == "Reparameterization")
    }

    fn is_trained_whole(&self) -> bool {
        is_saved_whole(&published_name(&self.path()), self.modules_to_save)
    }

    /// Whether this is the weight of a layer that is held in few bits.
    fn is_elsewhere(&self) -> bool {
        let in_linear =
            self.path.last().is_some_and(|(name, container)| name == "weight" && container == "Struct:Linear");
        self.quantised && in_linear && !self.is_trained_whole()
    }
}

impl ModuleMapper for Base<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.into(), container.into()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let stays = D != 2 || self.in_adapter() || self.is_trained_whole() || self.is_elsewhere();
        if stays { param } else { param.map(|tensor| tensor.cast(FloatDType::BF16)) }
    }
}

impl ModuleVisitor for Base<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.into(), container.into()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.in_adapter() && !self.is_elsewhere() {
            // The base: this would merge an adapter.
            self.bytes += (param.lazy_shape().num_elements() * param.base().dtype().size()) as u64;
        }
    }
}
