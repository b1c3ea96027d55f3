use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// Token ids of several texts, padded at the right to one length.
#[derive(Debug, Clone)]
pub struct TokenBatch {
    /// `[batch, seq]`
    pub ids: Tensor<2, Int>,
    /// `[batch, seq]`, 0 for the first text of a pair, 1 for the second.
    pub types: Tensor<2, Int>,
    /// `[batch, seq]`, true where there is a token, false where there is padding.
    pub mask: Tensor<2, Bool>,
    /// Whether there is any padding: a batch without needs no mask.
    pub padded: bool,
}

impl TokenBatch {
    /// Pads rows of token ids and types with `pad_id` and 0 to the longest.
    pub fn new(ids: &[&[u32]], types: &[&[u32]], pad_id: u32, device: &Device) -> Self {
        let seq = ids.iter().map(|row| row.len()).max().unwrap_or(0);
        let shape = [ids.len(), seq];
        let pad = |rows: &[&[u32]], fill: u32| -> TensorData {
            let values: Vec<i32> = rows
                .iter()
                .flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(fill, seq - row.len())))
                .map(|id| id as i32)
                .collect();
            TensorData::new(values, shape)
        };
        let mask: Vec<bool> = ids.iter().flat_map(|row| (0..seq).map(|i| i < row.len())).collect();
        Self {
            ids: Tensor::from_data(pad(ids, pad_id), device),
            types: Tensor::from_data(pad(types, 0), device),
            mask: Tensor::from_data(TensorData::new(mask, shape), device),
            padded: ids.iter().any(|row| row.len() < seq),
        }
    }

    /// The same batch on another device.
    pub fn to_device(self, device: &Device) -> Self {
        Self {
            ids: self.ids.to_device(device),
            types: self.types.to_device(device),
            // Backends hold truth values in formats of their own, and burn moves the bits as they are: a CPU's do not arrive on CUDA.
            mask: self.mask.int().to_device(device).bool(),
            padded: self.padded,
        }
    }

    /// The batch as the layers see it behind `count` virtual tokens before each text: of type 0, never padding, and of an id that says
    /// nothing.
    pub(crate) fn behind(&self, count: usize) -> Self {
        if count == 0 {
            return self.clone();
        }
        let (rows, device) = (self.ids.dims()[0], self.ids.device());
        let zeros = || Tensor::<2, Int>::zeros([rows, count], (&device, self.ids.dtype()));
        let types = Tensor::<2, Int>::zeros([rows, count], (&device, self.types.dtype()));
        let seen = zeros().equal_elem(0);
        Self {
            ids: Tensor::cat(vec![zeros(), self.ids.clone()], 1),
            types: Tensor::cat(vec![types, self.types.clone()], 1),
            mask: Tensor::cat(vec![seen, self.mask.clone()], 1),
            padded: self.padded,
        }
    }

    /// Batch size and padded length.
    pub fn dims(&self) -> [usize; 2] {
        self.ids.dims()
    }
}
