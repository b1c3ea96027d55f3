use burn::module::{Devices, Module, ModuleMapper, ModuleVisitor, Reparameterization};
use burn::tensor::{DType, Device, Tensor};
use minim_kernels::{Activation, activation};

use crate::walk::QUANTISED;
use crate::{Adapter, Quantised, Weight};

/// What stands on the weight of a [`crate::Linear`]: an adapter, the weight itself in few bits, or both.
///
/// burn's traversals see the adapter and nothing else, at the path that it would have alone. Where the weight is quantised, the parameter
/// below holds one NaN, seen as a matrix of the weight's shape: it takes no memory, and what reads it by mistake shows.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    pub(crate) adapter: Option<Adapter>,
    pub(crate) quantised: Option<Quantised>,
}

impl Attached {
    /// The layer. `base` is the parameter below, asked for where the weight is dense.
    pub(crate) fn forward<const D: usize>(
        &self,
        x: Tensor<D>,
        base: impl FnOnce() -> Tensor<2>,
        bias: Option<Tensor<1>>,
    ) -> Tensor<D> {
        let weight = self.weight(base);
        match &self.adapter {
            Some(adapter) => adapter.forward(x, &weight, bias),
            None => weight.product(x, bias),
        }
    }

    fn weight(&self, base: impl FnOnce() -> Tensor<2>) -> Weight<'_> {
        match &self.quantised {
            Some(quantised) => Weight::Quantised(quantised),
            None => Weight::Dense(base()),
        }
    }

    /// The same behind a non-linearity of its input.
    pub(crate) fn forward_activated<const D: usize>(
        &self,
        x: Tensor<D>,
        kind: Activation,
        base: impl FnOnce() -> Tensor<2>,
        bias: Option<Tensor<1>>,
    ) -> Tensor<D> {
        match &self.adapter {
            Some(Adapter::Ia3(ia3)) => ia3.forward_scaled(ia3.activated(x, kind), &self.weight(base), bias),
            _ => self.forward(activation(x, kind), base, bias),
        }
    }

    fn each(self, adapter: impl FnOnce(Adapter) -> Adapter, quantised: impl FnOnce(Quantised) -> Quantised) -> Self {
        Self { adapter: self.adapter.map(adapter), quantised: self.quantised.map(quantised) }
    }
}

impl Reparameterization for Attached {
    const NAME: &'static str = "adapter";

    /// The merged weight; of a quantised one, the update on what its codes stand for. An IA3 output vector scales the bias as well, which a
    /// weight can't express: [`crate::merge`] does.
    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        let shape = base.shape();
        let weight = match &self.quantised {
            Some(quantised) => quantised.dense(DType::F32).to_device(&base.device()),
            None => {
                let [inputs, outputs] = [shape[0], shape[D - 1]];
                base.reshape([inputs, outputs])
            }
        };
        let merged = match &self.adapter {
            Some(adapter) => adapter.merged(weight),
            None => weight,
        };
        merged.reshape(shape)
    }
}

impl Module for Attached {
    fn collect_devices(&self, devices: Devices) -> Devices {
        match &self.adapter {
            Some(adapter) => adapter.collect_devices(devices),
            None => devices,
        }
    }

    fn fork(self, device: &Device) -> Self {
        self.each(|adapter| adapter.fork(device), |quantised| quantised.on(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.each(|adapter| adapter.to_device(device), |quantised| quantised.on(device))
    }

    fn train(self) -> Self {
        self.each(Module::train, |quantised| quantised)
    }

    fn valid(&self) -> Self {
        self.clone().each(|adapter| adapter.valid(), |quantised| quantised)
    }

    fn materialize(self) -> Self {
        self.each(Module::materialize, |quantised| quantised)
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        if self.quantised.is_some() {
            visitor.enter_module("quantised", QUANTISED);
            visitor.exit_module("quantised", QUANTISED);
        }
        if let Some(adapter) = &self.adapter {
            adapter.visit(visitor);
        }
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        self.each(|adapter| adapter.map(mapper), |quantised| quantised)
    }
}
