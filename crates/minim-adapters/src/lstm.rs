//! Long short-term memory. Hochreiter and Schmidhuber 1997, in PyTorch's form (`torch.nn.LSTM`), which P-tuning's files are trained with.

use burn::module::Module;
use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::{Device, Tensor};

use crate::Linear;
use crate::prefix_tuning::hidden_bound;

/// One LSTM from left to right and one from right to left over the same sequence.
#[derive(Module, Debug)]
pub struct BiLstm {
    /// From the first vector to the last.
    pub rightward: Lstm,
    /// From the last to the first.
    pub leftward: Lstm,
}

/// `i, f, g, o = x·W + w + h·U + u`, `c ← σ(f)·c + σ(i)·tanh(g)`, `h ← σ(o)·tanh(c)`, from zeros.
#[derive(Module, Debug)]
pub struct Lstm {
    /// W and w, `[in, 4 · hidden]`: i, f, g, o.
    pub input: Linear,
    /// U and u, `[hidden, 4 · hidden]`.
    pub hidden: Linear,
}

impl BiLstm {
    pub(crate) fn drawn(inputs: usize, hidden: usize, seed: u64, name: &str, device: &Device) -> Self {
        let lstm = |direction: &str| {
            let linear = |part: &str, inputs| {
                let name = format!("{name}.{direction}.{part}");
                Linear::drawn(inputs, 4 * hidden, hidden_bound(hidden), seed, &name, device)
            };
            Lstm { input: linear("input", inputs), hidden: linear("hidden", hidden) }
        };
        Self { rightward: lstm("rightward"), leftward: lstm("leftward") }
    }

    /// # Shapes
    /// - `x`: `[seq, in]`
    /// - output: `[seq, 2 * hidden]`
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [seq, _] = x.dims();
        let rightward = self.rightward.run(x.clone(), 0..seq);
        let mut leftward = self.leftward.run(x, (0..seq).rev());
        leftward.reverse();
        Tensor::cat(vec![Tensor::cat(rightward, 0), Tensor::cat(leftward, 0)], 1)
    }
}

impl Lstm {
    /// h behind each place, `[1, hidden]`, in the order of `places`.
    fn run(&self, x: Tensor<2>, places: impl Iterator<Item = usize>) -> Vec<Tensor<2>> {
        let gates = self.input.forward(x); // [seq, 4 * hidden]
        let width = gates.dims()[1] / 4;
        let zeros = Tensor::<2>::zeros([1, width], (&gates.device(), gates.dtype()));
        let (mut h, mut c) = (zeros.clone(), zeros);
        let step = |place: usize| {
            let gates = gates.clone().narrow(0, place, 1) + self.hidden.forward(h.clone());
            let gate = |number: usize| gates.clone().narrow(1, number * width, width);
            c = sigmoid(gate(1)) * c.clone() + sigmoid(gate(0)) * tanh(gate(2));
            h = sigmoid(gate(3)) * tanh(c.clone());
            h.clone()
        };
        places.map(step).collect()
    }
}
