//! Work compiled for several instruction sets, of which the best one here is chosen at run time.

use pulp::{Arch, NullaryFnOnce};

/// Does `work`, a closure marked `#[inline(always)]`: what is not inlined is compiled for the oldest processors.
#[inline(always)]
pub(super) fn wide<T>(work: impl FnMut() -> T) -> T {
    Arch::new().dispatch(Wide(work))
}

/// A closure called through a method of its own. A closure that is handed over as it is would be called through a function that the compiler
/// makes for `FnOnce`, and that one it does not inline.
struct Wide<F>(F);

impl<T, F: FnMut() -> T> NullaryFnOnce for Wide<F> {
    type Output = T;

    #[inline(always)]
    fn call(mut self) -> T {
        (self.0)()
    }
}
