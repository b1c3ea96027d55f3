//! The PTX version that the real compiler would emit.

/// A PTX version; there is none to choose here, so the type has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PtxVersion {}

impl PtxVersion {
    /// The version for a CUDA driver's version number: always `None`, because nothing here emits PTX.
    pub fn for_driver(_driver: i32) -> Option<Self> {
        None
    }
}

impl core::fmt::Display for PtxVersion {
    fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {}
    }
}
