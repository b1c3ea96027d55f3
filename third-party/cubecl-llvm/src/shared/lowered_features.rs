//! Which features of a device the compiler supports.

use cubecl_core::ir::DeviceProperties;

/// The GPU target to restrict a device's features for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuTarget {
    /// NVIDIA PTX.
    Nvptx,
}

/// Leaves `properties` as they are: `cubecl-cuda` calls this only when LLVM is its compiler, and then every launch
/// fails with the refusal of [`PlironCompiler`](crate::PlironCompiler), whatever the device advertises.
pub fn restrict_features(_properties: &mut DeviceProperties, _target: GpuTarget) {}
