use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::method::{Method, is_saved_whole};

/// Numbers of parameters of a model as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// The model with its head, without what an adapter brings in: the same for every method, as in the study's table.
    pub total: usize,
    /// Those that training changes.
    pub trainable: usize,
    /// Those that adapters brought in.
    pub adapter: usize,
    /// Those of the modules trained and saved whole: the head, and a fresh pooler.
    pub head: usize,
}

/// Counts the parameters of a model prepared by [`crate::attach`], without allocating any that are not there yet.
///
/// burn keeps a parameter's training state to itself until it is initialised on an autodiff device, so `trainable` follows from the method:
/// everything, or adapters and `modules_to_save`. The tests compare it with the gradients that exist.
pub fn count<M: Module>(
    model: &M,
    method: &Method,
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
) -> Counts {
    let head = modules_to_save;
    let mut counter = Counter { counts: Counts::default(), head, names, path: Vec::new(), in_adapter: 0 };
    model.visit(&mut counter);
    let mut counts = counter.counts;
    counts.trainable = match method {
        Method::Full => counts.total,
        Method::Head | Method::Lora(_) | Method::Ia3(_) => counts.adapter + counts.head,
    };
    counts
}

struct Counter<'a, N> {
    counts: Counts,
    head: &'a [String],
    names: N,
    path: Vec<String>,
    in_adapter: usize,
}

impl<N: Fn(&str) -> String> ModuleVisitor for Counter<'_, N> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(name.into());
        self.in_adapter += usize::from(container == "Reparameterization");
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.pop();
        self.in_adapter -= usize::from(container == "Reparameterization");
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let n = param.lazy_shape().num_elements();
        if self.in_adapter > 0 {
            self.counts.adapter += n;
            return;
        }
        self.counts.total += n;
        if is_saved_whole(&(self.names)(&self.path.join(".")), self.head) {
            self.counts.head += n;
        }
    }
}
