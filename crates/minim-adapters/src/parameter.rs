//! Parameters as minim's modules make and use them.

use burn::module::{Param, ParamId};
use burn::tensor::{DType, Device, Shape, Tensor, TensorData};

/// A trainable parameter whose values are made when they are first asked for.
pub fn lazy<const D: usize>(
    shape: [usize; D],
    device: &Device,
    values: impl FnOnce() -> Vec<f32> + Send + Sync + 'static,
) -> Param<Tensor<D>> {
    let init = move |device: &Device, require_grad: bool| {
        let tensor = Tensor::from_data(TensorData::new(values(), shape), device);
        if require_grad { tensor.require_grad() } else { tensor }
    };
    Param::uninitialized(ParamId::new(), init, device.clone(), true, Shape::new(shape))
}

/// A parameter of zeros that allocates nothing until it is used.
pub fn zeros<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    lazy(shape, device, move || vec![0.0; shape.iter().product()])
}

/// `tensor` in the precision of `other`; what is not floating point, a quantised weight, stays as it is.
pub(crate) fn like<const P: usize, const D: usize>(tensor: Tensor<P>, other: &Tensor<D>) -> Tensor<P> {
    in_precision(tensor, other.dtype())
}

/// `tensor` in a precision; what is not floating point, a quantised weight, stays as it is.
pub(crate) fn in_precision<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    if tensor.dtype() == dtype || !tensor.dtype().is_float() { tensor } else { tensor.cast(dtype) }
}
