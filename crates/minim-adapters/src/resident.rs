//! Several adapters on one base model in memory.

use std::collections::BTreeMap;

use burn::module::Module;

use crate::Error;

/// One base model and any number of adapted models made from it.
///
/// A clone of a model shares its tensors, and [`crate::attach`] copies none of those that it freezes: what is in memory is the base once, and
/// of each adapter what its method trains. (Full fine-tuning shares nothing once it has trained, and PiSSA and OLoRA no layer
/// that they take their start from: what they save is plain LoRA, which does.)
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use minim_adapters::{attach, Linear, LoraConfig, Method, Resident};
///
/// #[derive(burn::module::Module, Debug)]
/// struct Tiny {
///     query: Linear,
/// }
///
/// let device = Device::flex();
/// let method = Method::Lora(LoraConfig { targets: vec!["query".into()].into(), ..LoraConfig::default() });
/// let mut models = Resident::new(Tiny { query: Linear::new(8, 2, true, &device) });
/// for (seed, name) in ["mortality", "length-of-stay"].into_iter().enumerate() {
///     let adapted = attach(models.base().clone(), &method, &[], seed as u64, str::to_string).unwrap();
///     models.insert(name, adapted);
/// }
///
/// // Three rows of one batch: two of one adapter, one of the other, in any order.
/// let rows = [Some("mortality"), Some("length-of-stay"), Some("mortality")];
/// let x = Tensor::<2>::ones([3, 8], &device);
/// let outputs = models.mixed(&rows, |model, chosen| {
///     let rows: Vec<i64> = chosen.iter().map(|&row| row as i64).collect();
///     let output = model.query.forward(x.clone().select(0, Tensor::from_data(rows.as_slice(), &device)));
///     output.split(1, 0)
/// });
/// assert_eq!(outputs.unwrap().len(), 3);
/// ```
#[derive(Debug, Clone)]
pub struct Resident<M> {
    base: M,
    adapted: BTreeMap<String, M>,
}

impl<M: Module> Resident<M> {
    /// A base model without adapters.
    pub fn new(base: M) -> Self {
        Self { base, adapted: BTreeMap::new() }
    }

    /// The model as it is without any adapter; clone it to attach one.
    pub fn base(&self) -> &M {
        &self.base
    }

    /// Keeps an adapted model, made from a clone of [`Resident::base`], under a name; an earlier one of that name is returned.
    pub fn insert(&mut self, name: impl Into<String>, adapted: M) -> Option<M> {
        self.adapted.insert(name.into(), adapted)
    }

    /// Takes an adapter out.
    pub fn remove(&mut self, name: &str) -> Option<M> {
        self.adapted.remove(name)
    }

    /// Names of the adapters, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.adapted.keys().map(String::as_str)
    }

    /// The model with the adapter of that name; the base model for `None`.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] for a name that is not there.
    pub fn get(&self, name: Option<&str>) -> Result<&M, Error> {
        match name {
            None => Ok(&self.base),
            Some(name) => self.adapted.get(name).ok_or_else(|| Error::NoAdapter {
                name: name.into(),
                known: self.names().collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Runs the rows of one batch, each by the adapter that `rows` names for it (the base model for `None`), and gives their outputs in the
    /// order of the rows. `forward` gets a model and the numbers of the rows that are its own, ascending, and gives one output for each: each
    /// row's is what it gets alone, but for what `forward` makes of rows that stand together (padding).
    ///
    /// # Errors
    /// [`Error::NoAdapter`] for a name that is not there; nothing was run then.
    pub fn mixed<T>(
        &self,
        rows: &[Option<&str>],
        mut forward: impl FnMut(&M, &[usize]) -> Vec<T>,
    ) -> Result<Vec<T>, Error> {
        let mut groups: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for (row, &name) in rows.iter().enumerate() {
            self.get(name)?;
            groups.entry(name).or_default().push(row);
        }
        let mut outputs = Vec::with_capacity(rows.len());
        for (name, chosen) in groups {
            let group = forward(self.get(name)?, &chosen);
            assert_eq!(group.len(), chosen.len(), "one output for each row");
            outputs.extend(chosen.into_iter().zip(group));
        }
        outputs.sort_by_key(|(row, _)| *row);
        Ok(outputs.into_iter().map(|(_, output)| output).collect())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::Linear;

    fn constant(value: f32, device: &Device) -> Linear {
        let mut linear = Linear::new(1, 1, true, device);
        linear.bias = linear.bias.map(|bias| bias.map(|bias| bias + value));
        linear
    }

    #[test]
    fn each_row_is_run_by_its_own_adapter_and_lands_in_its_place() {
        let device = Device::flex();
        let mut models = Resident::new(constant(0.0, &device));
        models.insert("b", constant(2.0, &device));
        models.insert("a", constant(1.0, &device));
        let mut calls = Vec::new();
        let rows = [Some("b"), None, Some("a"), Some("b")];
        let outputs = models.mixed(&rows, |model, chosen| {
            calls.push(chosen.to_vec());
            let output = model.forward(Tensor::<2>::zeros([chosen.len(), 1], &device));
            output.into_data().iter::<f32>().collect::<Vec<_>>()
        });
        assert_eq!(outputs.unwrap(), [2.0, 0.0, 1.0, 2.0]);
        assert_eq!(calls, [vec![1], vec![2], vec![0, 3]]);
    }

    #[test]
    fn an_unknown_adapter_is_named_before_anything_runs() {
        let device = Device::flex();
        let mut models = Resident::new(constant(0.0, &device));
        models.insert("a", constant(1.0, &device));
        let error = models.mixed(&[Some("a"), Some("c")], |_, _| -> Vec<()> { panic!("ran") }).unwrap_err();
        assert_eq!(error.to_string(), "no adapter is named c; there are: a");
        models.remove("a");
        assert!(models.get(Some("a")).is_err() && models.get(None).is_ok());
    }
}
