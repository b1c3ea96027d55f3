use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::Device;
use minim_experiment::{Purpose, stream};
use minim_tasks::{Batch, EncodedExample, Place, Task, training_batches};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// burn's data loader over encoded examples: each `iter` is the next epoch, in its own order.
#[derive(Clone)]
pub(crate) struct Loader {
    pub(crate) task: Task,
    pub(crate) examples: Arc<Vec<EncodedExample>>,
    /// The windows to go through: all of them, or a part.
    pub(crate) places: Arc<Vec<Place>>,
    pub(crate) batch_size: usize,
    pub(crate) pad_id: u32,
    pub(crate) seed: u64,
    pub(crate) device: Device,
    /// Epochs begun, shared by the copies that burn-train makes.
    pub(crate) epoch: Arc<AtomicUsize>,
}

impl Loader {
    pub(crate) fn batches(&self) -> usize {
        self.places.len().div_ceil(self.batch_size)
    }
}

impl DataLoader<Batch> for Loader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed);
        let lengths = Place::lengths(&self.places, &self.examples);
        let mut rng = ChaCha8Rng::seed_from_u64(stream(self.seed, Purpose::DataOrder));
        // One stream an epoch: a run that stops early or resumes does not shift the orders behind it.
        rng.set_stream(epoch as u64);
        let batches = training_batches(&lengths, self.batch_size, true, &mut rng);
        Box::new(Epoch { loader: self, batches, next: 0, processed: 0 })
    }

    fn num_items(&self) -> usize {
        self.places.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { places: Arc::new(self.places[start..end].to_vec()), ..self.clone() })
    }
}

struct Epoch<'a> {
    loader: &'a Loader,
    batches: Vec<Vec<usize>>,
    next: usize,
    processed: usize,
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let indices = self.batches.get(self.next)?;
        self.next += 1;
        self.processed += indices.len();
        let loader = self.loader;
        let places: Vec<Place> = indices.iter().map(|&index| loader.places[index]).collect();
        Some(Ok(loader.task.collate(&loader.examples, &places, loader.pad_id, &loader.device)))
    }
}

impl DataLoaderIterator<Batch> for Epoch<'_> {
    fn progress(&self) -> Progress {
        Progress::new(self.processed, self.loader.places.len(), Some("examples".into()))
    }
}
