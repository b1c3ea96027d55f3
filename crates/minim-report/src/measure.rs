//! The costs that a record holds, each under one name with one unit.

use minim_experiment::Record;

use crate::quantity;

/// One kind of cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// The model with its head, without the adapter.
    TotalParameters,
    /// Parameters that training changes.
    TrainableParameters,
    /// Trainable parameters as a share of all, in 0 to 1.
    TrainableShare,
    /// Parameters of the adapter.
    AdapterParameters,
    /// Seconds to read data and checkpoint and to build the model.
    LoadS,
    /// Seconds of training, without evaluations.
    TrainS,
    /// Seconds of all evaluations.
    EvaluateS,
    /// Training seconds up to the best validation score.
    BestS,
    /// Pieces trained on per training second.
    TrainTokensPerS,
    /// Peak resident memory of the process, in bytes.
    PeakMemoryBytes,
    /// Peak memory reserved on the device, in bytes.
    PeakDeviceMemoryBytes,
    /// Bytes on disk that must be kept beside the base model.
    KeptBytes,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::TotalParameters,
        Self::TrainableParameters,
        Self::TrainableShare,
        Self::AdapterParameters,
        Self::LoadS,
        Self::TrainS,
        Self::EvaluateS,
        Self::BestS,
        Self::TrainTokensPerS,
        Self::PeakMemoryBytes,
        Self::PeakDeviceMemoryBytes,
        Self::KeptBytes,
    ];

    /// The value in a record; `None` where it was not measured.
    pub fn of(self, record: &Record) -> Option<f64> {
        let parameters = record.parameters.as_ref();
        let cost = record.cost.as_ref();
        match self {
            Self::TotalParameters => parameters.map(|p| p.total as f64),
            Self::TrainableParameters => parameters.map(|p| p.trainable as f64),
            Self::TrainableShare => parameters.filter(|p| p.total > 0).map(|p| p.trainable as f64 / p.total as f64),
            Self::AdapterParameters => parameters.map(|p| p.adapter as f64),
            Self::LoadS => cost.map(|c| c.load_s),
            Self::TrainS => cost.map(|c| c.train_s),
            Self::EvaluateS => cost.map(|c| c.evaluate_s),
            Self::BestS => cost.and_then(|c| c.best_s),
            Self::TrainTokensPerS => cost.and_then(|c| c.train_tokens_per_s),
            Self::PeakMemoryBytes => cost.and_then(|c| c.peak_memory_bytes).map(|b| b as f64),
            Self::PeakDeviceMemoryBytes => cost.and_then(|c| c.peak_device_memory_bytes).map(|b| b as f64),
            Self::KeptBytes => cost.map(|c| c.kept_bytes as f64),
        }
    }

    /// The name for people, in lower case.
    pub fn title(self) -> &'static str {
        match self {
            Self::TotalParameters => "parameters",
            Self::TrainableParameters => "trainable parameters",
            Self::TrainableShare => "trainable share",
            Self::AdapterParameters => "adapter parameters",
            Self::LoadS => "loading time",
            Self::TrainS => "training time",
            Self::EvaluateS => "evaluation time",
            Self::BestS => "training time to the best validation score",
            Self::TrainTokensPerS => "training tokens per second",
            Self::PeakMemoryBytes => "peak memory",
            Self::PeakDeviceMemoryBytes => "peak device memory",
            Self::KeptBytes => "kept on disk",
        }
    }

    /// A value with its unit, for people.
    pub fn format(self, value: f64) -> String {
        match self {
            Self::TotalParameters | Self::TrainableParameters | Self::AdapterParameters => quantity::count(value),
            Self::TrainableShare => quantity::percent(value),
            Self::LoadS | Self::TrainS | Self::EvaluateS | Self::BestS => quantity::seconds(value),
            Self::TrainTokensPerS => format!("{} tokens/s", quantity::count(value)),
            Self::PeakMemoryBytes | Self::PeakDeviceMemoryBytes | Self::KeptBytes => quantity::bytes(value),
        }
    }
}
