//! The choice of a device: the only file that knows which backends are compiled in.

use std::str::FromStr;

use burn::backend::Autodiff;
#[cfg(feature = "cuda")]
use burn::backend::Cuda;
#[cfg(feature = "cpu")]
use burn::backend::Flex;
use burn::tensor::{Device, Tensor};
use minim_adapters::{Quantised, keep};

use crate::{Error, remade};

/// Where to compute, as the user says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The first CUDA device if there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by its index.
    Cuda(usize),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').map_or((text, None), |(kind, index)| (kind, Some(index))) {
            ("auto", None) => Ok(Choice::Auto),
            ("cpu", None) => Ok(Choice::Cpu),
            ("cuda", None) => Ok(Choice::Cuda(0)),
            ("cuda", Some(index)) => {
                index.parse().map(Choice::Cuda).map_err(|_| format!("cuda:{index}: expected a number"))
            }
            _ => Err(format!("{text}: expected auto, cpu or cuda:N")),
        }
    }
}

/// An opened device and how records name it.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The device, without autodiff.
    pub device: Device,
    /// `cpu` or `cuda:0`
    pub name: String,
    /// The device's own name.
    pub model: String,
}

impl Choice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::Input`] says what is missing.
    pub fn open(self) -> Result<Opened, Error> {
        match self {
            Choice::Auto => match cuda_devices() {
                Ok(_) => cuda(0),
                Err(_) => cpu(),
            },
            Choice::Cpu => cpu(),
            Choice::Cuda(index) => {
                let reason = match cuda_devices() {
                    Ok(count) if index < count => return cuda(index),
                    Ok(count) => format!("this machine has {count} CUDA device(s)"),
                    Err(reason) => reason,
                };
                Err(Error::Input(format!("no device cuda:{index}: {reason}; --device cpu always works")))
            }
        }
    }
}

/// The highest memory that the device's pools have reserved so far, in bytes: the sum of what each held at its fullest, since burn gives pages
/// back between steps. `None` on the CPU.
pub fn reserved_bytes(device: &Device) -> Option<u64> {
    let now = device.memory_pool_usage()?.bytes_reserved;
    let pools = device.memory_pool_report().unwrap_or_default();
    Some(now.max(pools.iter().map(|pool| pool.pages_peak * pool.page_size).sum()))
}

/// [`minim_adapters::Product`] for the backends compiled in: keeps the codes of a weight for the backward pass, and not the weight.
pub fn remade(x: Tensor<2>, weight: Quantised) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if let Ok(x) = x.clone().try_into_primitive::<Autodiff<Flex>>() {
        return Tensor::from_primitive::<Autodiff<Flex>>(remade::product::<Flex>(x, weight));
    }
    #[cfg(feature = "cuda")]
    if let Ok(x) = x.clone().try_into_primitive::<Autodiff<Cuda>>() {
        return Tensor::from_primitive::<Autodiff<Cuda>>(remade::product::<Cuda>(x, weight));
    }
    keep(x, weight)
}

#[cfg(feature = "cpu")]
fn cpu() -> Result<Opened, Error> {
    let device = Device::flex();
    Ok(Opened { device, name: "cpu".into(), model: minim_efficiency::machine().cpu })
}

#[cfg(not(feature = "cpu"))]
fn cpu() -> Result<Opened, Error> {
    Err(Error::Input("this minim was built without the feature `cpu`".into()))
}

#[cfg(not(feature = "cuda"))]
fn cuda_devices() -> Result<usize, String> {
    Err("this minim was built without CUDA (cargo build --release -F cuda)".into())
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> Result<Opened, Error> {
    Err(Error::Input("this minim was built without CUDA (cargo build --release -F cuda)".into()))
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Opened, Error> {
    let device = Device::cuda(index);
    let model = device.identity().map_or_else(|| "unknown".into(), |identity| identity.name.to_string());
    Ok(Opened { device, name: format!("cuda:{index}"), model })
}

/// Counts the CUDA devices that burn can use here.
///
/// burn itself panics in a worker thread where the driver, NVRTC or the CUDA headers are missing, so all of it is asked for first.
#[cfg(feature = "cuda")]
fn cuda_devices() -> Result<usize, String> {
    // SAFETY: both calls only try to load a shared library under its usual names.
    let (driver, nvrtc) = unsafe { (cudarc::driver::sys::is_culib_present(), cudarc::nvrtc::sys::is_culib_present()) };
    if !driver {
        return Err("no CUDA driver on this machine (libcuda.so cannot be loaded)".into());
    }
    let devices = cudarc::driver::CudaContext::device_count()
        .map_err(|error| format!("the CUDA driver does not start: {error}"))?;
    if devices <= 0 {
        return Err("the CUDA driver is installed but shows no device".into());
    }
    if !nvrtc {
        return Err("NVRTC (libnvrtc.so), which compiles the kernels, cannot be loaded: install the CUDA toolkit, or put the folder \
                    that holds it on LD_LIBRARY_PATH"
            .into());
    }
    if cubecl_cuda::install::cuda_path().is_none() {
        return Err("no CUDA headers at CUDA_PATH, /usr/local/cuda or /opt/cuda: set CUDA_PATH to a toolkit".into());
    }
    let include = cubecl_cuda::install::include_path();
    let options = cudarc::nvrtc::CompileOptions {
        include_paths: vec![
            include.to_string_lossy().into_owned(),
            cubecl_cuda::install::cccl_include_path().to_string_lossy().into_owned(),
        ],
        ..Default::default()
    };
    let probe = "#include <cuda_fp16.h>\n#include <cuda_bf16.h>\nextern \"C\" __global__ void probe() {}";
    cudarc::nvrtc::compile_ptx_with_opts(probe, options)
        .map_err(|error| format!("NVRTC cannot compile with the headers in {}: {error:?}", include.display()))?;
    Ok(devices as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_users_say_them() {
        assert_eq!("cuda:1".parse(), Ok(Choice::Cuda(1)));
        assert_eq!("cuda".parse(), Ok(Choice::Cuda(0)));
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        for wrong in ["gpu", "cuda:x", "cpu:0", ""] {
            assert!(wrong.parse::<Choice>().is_err(), "{wrong}");
        }
    }
}
