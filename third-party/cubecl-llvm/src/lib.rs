//! A stand-in for the crate `cubecl-llvm` 0.11.3 that needs no LLVM, and refuses to compile kernels.
//!
//! `cubecl-cuda` 0.11.3 always builds two kernel compilers and runs one of them: with its feature `cpp`, CUDA C++ through
//! NVRTC. The other one is the real `cubecl-llvm`, whose build script downloads a prebuilt LLVM from outside the package
//! registry. This crate has the types that `cubecl-cuda` names of it, under the same paths, and nothing behind them:
//! [`PlironCompiler`] answers every kernel with an error. The README says when it can go.
//!
//! Source of the names: the imports of `cubecl-cuda` 0.11.3 (`src/compiler.rs`, `src/runtime.rs`, `src/compute/context.rs`).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod compiler;
pub mod nvptx;
pub mod shared;

pub use compiler::{LlvmTarget, NvptxModule, PlironArtifact, PlironCompiler, PlironOptions};
