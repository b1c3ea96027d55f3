//! The training loop.

use burn::module::{Flag, Module, ModuleMapper, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::GradientsParams;
use burn::optim::lr_scheduler::LrScheduler;
use burn::tensor::{Device, Tensor};
use minim_efficiency::Stopwatch;
use minim_experiment::{Purpose, Schedule, stream};
use minim_models::MaskedLm;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::adamw::AdamW;
use super::folder::State;
use super::masking::{MaskedBatch, Masker};
use super::packing::Pieces;
use super::settings::Settings;
use super::{Options, Point, Progress};
use crate::{Error, WarmUp};

/// As in BERT's release and every recipe since.
const MAX_GRAD_NORM: f64 = 1.0;

/// Validation sequences that are looked at: the loss of more would cost more than it says.
const VALIDATION_SEQUENCES: usize = 256;

/// The round of masks that is kept for validation.
const VALIDATION_ROUND: usize = 0;

/// What stays the same from the first step to the last.
pub(super) struct Fit<'a> {
    pub(super) options: &'a Options,
    pub(super) pieces: &'a Pieces,
    pub(super) training: &'a [Vec<u32>],
    pub(super) validation: &'a [Vec<u32>],
    pub(super) steps: usize,
}

type Save<'a> = &'a dyn Fn(&MaskedLm, &AdamW, &State) -> Result<(), Error>;

impl Fit<'_> {
    /// Trains from where `state` stands to the end; the model comes and goes without autodiff.
    pub(super) fn run(
        &self,
        model: MaskedLm,
        mut optimizer: AdamW,
        mut state: State,
        clock: &Stopwatch,
        save: Save<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(MaskedLm, State), Error> {
        let options = self.options;
        let device = &options.device.device;
        let autodiff = device.clone().autodiff();
        let mut model = model.fork(&autodiff).train();
        if !options.dropout {
            model = model.map(&mut WithoutDropout);
        }
        let masker = Masker { pieces: self.pieces, probability: options.mask_probability, seed: options.seed };
        let held_out = self.validation_batches(&masker, device);
        let per_epoch = self.training.len().div_ceil(options.batch_size);
        let mut schedule = WarmUp::new(options.learning_rate, options.warmup_ratio, self.steps, Schedule::Linear);
        for _ in 0..state.step {
            schedule.step();
        }
        let wall_before_s = state.wall_s;
        let (mut epoch, mut order) = (usize::MAX, Vec::new());
        let (mut tokens_before, mut train_before_s) = (state.tokens, state.train_s);

        while state.step < self.steps {
            let step_clock = Stopwatch::start();
            if epoch != state.step / per_epoch {
                epoch = state.step / per_epoch;
                order = self.order(epoch);
            }
            let first = state.step % per_epoch * options.batch_size;
            let places = &order[first..(first + options.batch_size).min(order.len())];
            let batch = masker.batch(self.training, places, epoch + 1, &autodiff);

            if options.dropout {
                seed_dropout(device, &autodiff, options.seed, state.step);
            }
            let loss = loss(&model, &batch);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let learning_rate = schedule.step();
            model = optimizer.step(model, gradients, learning_rate, MAX_GRAD_NORM);
            let value = loss.into_scalar::<f64>();

            state.step += 1;
            if !value.is_finite() {
                return Err(Error::NotFinite { step: state.step });
            }
            state.loss_sum += value;
            state.losses += 1;
            state.tokens += batch.token_count;
            state.train_s += step_clock.seconds();

            let end = state.step == self.steps;
            if end || state.step.is_multiple_of(options.report_every) {
                let point = Point {
                    step: state.step,
                    epoch: state.step as f64 / per_epoch as f64,
                    train_loss: state.loss_sum / state.losses as f64,
                    validation_loss: validation_loss(&model.valid(), &held_out),
                    learning_rate,
                };
                state.curve.push(point);
                (state.loss_sum, state.losses) = (0.0, 0);
                let tokens_per_s = (state.tokens - tokens_before) as f64 / (state.train_s - train_before_s);
                (tokens_before, train_before_s) = (state.tokens, state.train_s);
                progress(Progress::Step { point, of: self.steps, tokens_per_s });
            }
            state.wall_s = wall_before_s + clock.seconds();
            if !end && state.step.is_multiple_of(options.save_every) {
                save(&model.valid(), &optimizer, &state)?;
            }
        }
        Ok((model.valid(), state))
    }

    /// The order of the training sequences in an epoch.
    fn order(&self, epoch: usize) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(stream(self.options.seed, Purpose::DataOrder));
        rng.set_stream(epoch as u64);
        let mut order: Vec<usize> = (0..self.training.len()).collect();
        order.shuffle(&mut rng);
        order
    }

    fn validation_batches(&self, masker: &Masker<'_>, device: &Device) -> Vec<MaskedBatch> {
        let places: Vec<usize> = (0..self.validation.len().min(VALIDATION_SEQUENCES)).collect();
        let batch = |places| masker.batch(self.validation, places, VALIDATION_ROUND, device);
        places.chunks(self.options.batch_size).map(batch).collect()
    }
}

impl State {
    /// The state before the first step.
    pub(super) fn new(settings: Settings, notes: Vec<String>) -> Self {
        Self {
            settings,
            step: 0,
            loss_sum: 0.0,
            losses: 0,
            curve: Vec::new(),
            tokens: 0,
            train_s: 0.0,
            wall_s: 0.0,
            notes,
        }
    }
}

/// Dropout masks come from the device's own generator, which cannot be saved: each step starts it anew.
fn seed_dropout(device: &Device, autodiff: &Device, seed: u64, step: usize) {
    let seed = stream(seed, Purpose::Dropout).wrapping_add(step as u64);
    device.seed(seed);
    autodiff.seed(seed);
}

/// Mean cross-entropy over the pieces to guess, `[1]`.
fn loss(model: &MaskedLm, batch: &MaskedBatch) -> Tensor<1> {
    let logits = model.logits(&batch.tokens, batch.positions.clone());
    CrossEntropyLossConfig::new().init(&logits.device()).forward(logits, batch.targets.clone())
}

/// Mean over all pieces to guess; `None` where nothing was held out.
fn validation_loss(model: &MaskedLm, batches: &[MaskedBatch]) -> Option<f64> {
    let guesses: usize = batches.iter().map(|batch| batch.guesses).sum();
    let sum: f64 = batches.iter().map(|batch| loss(model, batch).into_scalar::<f64>() * batch.guesses as f64).sum();
    (guesses > 0).then(|| sum / guesses as f64)
}

/// Switches dropout off in a model that is trained.
struct WithoutDropout;

impl ModuleMapper for WithoutDropout {
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        flag.with_value(false)
    }
}
