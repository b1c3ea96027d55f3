//! What `cubecl-cuda` names of the part that all targets share.

pub mod lowered_features;
