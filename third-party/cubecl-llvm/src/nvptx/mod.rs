//! What `cubecl-cuda` names of the NVPTX target.

pub mod ptx_version;
