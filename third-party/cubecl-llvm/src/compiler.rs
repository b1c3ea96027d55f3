//! The compiler that refuses, and the types that its signature needs.

use core::convert::Infallible;
use core::ffi::c_char;

use cubecl_core::Compiler;
use cubecl_core::ir::nvidia::SmArch;
use cubecl_core::prelude::KernelDefinition;
use cubecl_environment::backtrace::BackTrace;
use cubecl_runtime::compiler::CompilationError;
use cubecl_runtime::kernel::BufferIOAttr;

use crate::nvptx::ptx_version::PtxVersion;

const REFUSAL: &str = "this build has no LLVM kernel compiler: its `cubecl-llvm` is a stand-in. Build with \
                       `cubecl-cuda/cpp`, which compiles kernels with NVRTC";

/// What the real compiler can target; here only the one that `cubecl-cuda` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LlvmTarget {
    /// NVIDIA PTX.
    Nvptx,
}

/// The compiler of the real crate; this one returns an error for every kernel.
#[derive(Clone, Debug)]
pub struct PlironCompiler {
    /// The target that was asked for.
    pub target: LlvmTarget,
}

/// What `cubecl-cuda` passes to the compiler, read by nobody here.
#[derive(Clone, Debug, Default)]
pub struct PlironOptions {
    /// The AMD architecture of the real crate: never one here.
    pub arch: Option<Infallible>,
    /// The NVIDIA architecture to compile for.
    pub sm_arch: Option<SmArch>,
    /// The newest PTX version that the driver loads.
    pub ptx_version: Option<PtxVersion>,
    /// Whether scalars and metadata travel in the kernel's parameter block.
    pub grid_constants: bool,
}

/// Compiled PTX; never made here.
#[derive(Clone, Debug)]
pub struct NvptxModule {
    /// PTX assembly that ends in NUL.
    pub ptx: Vec<c_char>,
    /// The symbol of the kernel.
    pub entrypoint: String,
    /// The text that the PTX was made from.
    pub ir: String,
    /// Shared memory of one launch, in bytes.
    pub shared_memory_size: usize,
    /// How each buffer is accessed, in binding order.
    pub io: Vec<BufferIOAttr>,
}

/// What the compiler makes; never made here.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PlironArtifact {
    /// Compiled PTX.
    NvptxCode(NvptxModule),
}

impl core::fmt::Display for PlironArtifact {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self::NvptxCode(module) = self;
        f.write_str(&module.ir)
    }
}

impl Compiler for PlironCompiler {
    type Representation = PlironArtifact;
    type CompilationOptions = PlironOptions;

    fn buffer_io(artifact: &Self::Representation) -> Option<Vec<BufferIOAttr>> {
        let PlironArtifact::NvptxCode(module) = artifact;
        Some(module.io.clone())
    }

    fn compile(
        &mut self,
        _kernel: KernelDefinition,
        _options: &Self::CompilationOptions,
    ) -> Result<Self::Representation, CompilationError> {
        Err(CompilationError::Generic {
            reason: REFUSAL.to_string(),
            backtrace: BackTrace::capture(),
        })
    }

    fn extension(&self) -> &'static str {
        "ll"
    }

    fn lang_tag(&self) -> &'static str {
        "llvm"
    }
}
