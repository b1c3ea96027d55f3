//! What can be wrong with the input of a metric. Messages carry positions, counts and class indices, never tags or text.

/// Why a score could not be computed; every position counts from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to score.
    #[error("no {what}: a score needs at least one")]
    Empty {
        /// What there should be at least one of.
        what: &'static str,
    },
    /// Truth and prediction speak of different numbers of things.
    #[error("{truth} {what} in the truth, but {predicted} in the prediction: expected as many")]
    LengthsDiffer {
        /// What was counted.
        what: &'static str,
        /// How many the truth has.
        truth: usize,
        /// How many the prediction has.
        predicted: usize,
    },
    /// One sentence has another number of tags in the prediction.
    #[error("sentence {sentence} (from 0): {truth} tags in the truth, but {predicted} in the prediction")]
    SentenceLengthsDiffer {
        /// Index of the sentence.
        sentence: usize,
        /// Tags in the truth.
        truth: usize,
        /// Tags in the prediction.
        predicted: usize,
    },
    /// A class index is not below the number of classes.
    #[error("label {label} at position {position} (from 0) of the {what}: expected a label below {classes}")]
    LabelOutOfRange {
        /// Where the label stands: truth, prediction or chosen labels.
        what: &'static str,
        /// Index in there.
        position: usize,
        /// The label.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A label was chosen twice, so that an average would count it twice.
    #[error("label {label} is chosen twice: expected each label once")]
    RepeatedLabel {
        /// The label.
        label: usize,
    },
    /// A row of probabilities has another length than there are classes.
    #[error("row {row} (from 0) has {found} scores: expected {classes}, one per class")]
    RowLength {
        /// Index of the row.
        row: usize,
        /// Its length.
        found: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A score is NaN or infinite, so that examples cannot be ranked by it.
    #[error("the score of example {example} (from 0) for class {class} is not a finite number")]
    NotFinite {
        /// Index of the example.
        example: usize,
        /// The class the score belongs to; 1, the positive class, in the binary metrics.
        class: usize,
    },
    /// A tag is neither outside, nor begin, nor inside.
    #[error("sentence {sentence}, tag {position} (both from 0): expected O, B-<type> or I-<type>")]
    NotBio {
        /// Index of the sentence.
        sentence: usize,
        /// Index of the tag in it.
        position: usize,
    },
    /// The score has no value on this input, for example the area under the ROC curve with one class only.
    #[error("{metric} of class {class} is undefined: no {missing} example")]
    Undefined {
        /// The metric.
        metric: &'static str,
        /// The class; 1, the positive class, in the binary metrics.
        class: usize,
        /// The kind of example that is missing: positive or negative.
        missing: &'static str,
    },
    /// A setting lies outside of what it may be.
    #[error("the {what} is out of range: expected {expected}")]
    OutOfRange {
        /// The setting.
        what: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// A probability is NaN, below 0 or above 1.
    #[error("the probability of example {example} (from 0) for class {class}: expected a number from 0 to 1")]
    NotProbability {
        /// Index of the example.
        example: usize,
        /// The class; 1, the positive class, in the binary metrics.
        class: usize,
    },
    /// A row of probabilities does not sum to 1.
    #[error("the probabilities of row {row} (from 0) do not sum to 1")]
    RowSum {
        /// Index of the row.
        row: usize,
    },
    /// A threshold on the probability separates the classes without error: the likelihood has no maximum.
    #[error("one threshold separates the classes: the calibration slope has no finite value")]
    Separable,
    /// An iteration did not settle, which only numbers far out of scale can cause.
    #[error("the fit of the {what} did not settle in {iterations} steps")]
    NotConverged {
        /// What was fitted.
        what: &'static str,
        /// How many steps were made.
        iterations: usize,
    },
    /// No threshold gives what was wished for.
    #[error("no threshold reaches the wished {measure}: the best has {hits} of {of}")]
    Unreachable {
        /// Sensitivity or PPV.
        measure: &'static str,
        /// True positives at the threshold where the measure is best.
        hits: usize,
        /// What they are a share of.
        of: usize,
    },
    /// Two runs were scored on other clusters, so that no resample can be shared.
    #[error("the two runs have other clusters ({first} and {second}): expected the same documents in both")]
    OtherClusters {
        /// Clusters of the first run.
        first: usize,
        /// Clusters of the second run.
        second: usize,
    },
    /// More examples or clusters than a resample can count.
    #[error("{found} examples in clusters: expected fewer than 2^32")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// Truth and prediction have another number of examples than the clusters they are resampled by.
    #[error("{found} examples, but the clusters are of {clustered}: expected as many")]
    ClusterLengths {
        /// Examples in clusters.
        clustered: usize,
        /// Examples of the truth.
        found: usize,
    },
    /// A statistic has no value on the data itself, so that an interval would be around nothing.
    #[error("statistic {index} (from 0) has no value on the data")]
    NoValue {
        /// Its place in the list of statistics.
        index: usize,
    },
    /// There is not one group per example.
    #[error("{examples} examples, but {groups} groups: expected one group per example")]
    GroupLengths {
        /// Number of examples.
        examples: usize,
        /// Number of group names.
        groups: usize,
    },
}
