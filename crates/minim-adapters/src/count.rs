use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::method::{Method, is_saved_whole};
use crate::tuned::{Parameter, Tuned};
use crate::walk::Walk;

/// Numbers of parameters of a model as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// The model with its head, without what an adapter brings in: the same for every method, as in the study's table.
    pub total: usize,
    /// Those that training changes.
    pub trainable: usize,
    /// Those that adapters brought in; not VeRA's random matrices, which a seed stands for, nor where PiSSA started.
    pub adapter: usize,
    /// Those of the modules trained and saved whole: the head, and a fresh pooler.
    pub head: usize,
}

/// Counts the parameters of a model prepared by [`crate::attach`], without allocating any that are not there yet.
///
/// burn keeps a parameter's training state to itself until it is initialised on an autodiff device, so `trainable` follows from the method:
/// everything, or `modules_to_save`, adapters less what they freeze, and the biases or normalisations that the method tunes. The tests
/// compare it with the gradients that exist.
pub fn count<M: Module>(
    model: &M,
    method: &Method,
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
) -> Counts {
    // Settings that `attach` refuses tune nothing.
    let tuned = Tuned::new(method).ok();
    let (counts, walk) = (Counts::default(), Walk::default());
    let mut counter = Counter { counts, tuned, tuned_count: 0, frozen: 0, method, head: modules_to_save, names, walk };
    model.visit(&mut counter);
    let Counter { mut counts, tuned_count, frozen, .. } = counter;
    counts.trainable = match method {
        Method::Full => counts.total,
        _ => counts.adapter - frozen + counts.head + tuned_count,
    };
    counts
}

struct Counter<'a, N> {
    counts: Counts,
    tuned: Option<Tuned>,
    tuned_count: usize,
    /// Those that adapters brought in and that are not trained.
    frozen: usize,
    method: &'a Method,
    head: &'a [String],
    names: N,
    walk: Walk,
}

impl<N: Fn(&str) -> String> ModuleVisitor for Counter<'_, N> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.walk.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.walk.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let n = param.lazy_shape().num_elements();
        let path = self.walk.path();
        if self.walk.in_adapter() {
            match self.method {
                Method::Vera(_) if D == 2 => return,
                // The base model stands for them.
                Method::Lora(_) if path.contains(".initial.") => return,
                Method::Lora(config) if config.freeze_a && path.ends_with(".Lora.a") => self.frozen += n,
                _ => {}
            }
            self.counts.adapter += n;
            return;
        }
        self.counts.total += n;
        let name = (self.names)(&path);
        let parameter = Parameter { name: &name, rank: D, in_linear: self.walk.in_linear() };
        if is_saved_whole(&name, self.head) {
            self.counts.head += n;
        } else if self.tuned.as_ref().is_some_and(|tuned| tuned.includes(parameter)) {
            self.tuned_count += n;
        }
    }
}
