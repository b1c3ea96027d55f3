//! The columns of the aggregated table, shared by the terminal and the page.

use crate::quantity::{self, MISSING};
use crate::table::{Choice, Task};
use crate::{Measure, metric};

/// The highest value of [`Column::expendable`].
pub(crate) const MOST_EXPENDABLE: u8 = 9;

/// One column of a task's table.
pub(crate) struct Column {
    /// What stands above it.
    pub(crate) head: String,
    /// What it means, for the glossary.
    pub(crate) meaning: String,
    /// Whether its cells are numbers.
    pub(crate) numeric: bool,
    /// Columns with the highest number go first where the terminal is too narrow; 0 always stays.
    pub(crate) expendable: u8,
    content: Content,
}

enum Content {
    Model,
    Method,
    Seeds,
    /// The main score, with the range of the seeds behind the median.
    Main(String),
    /// Another score.
    Beside(String),
    Majority,
    Cost(Measure, fn(f64) -> String),
}

/// A cell: its text, and the number it sorts by if it has one.
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) sort: Option<f64>,
}

impl Column {
    /// The cell of a choice.
    pub(crate) fn cell(&self, task: &Task, choice: &Choice) -> Cell {
        let number = |value: Option<f64>, text: Option<String>| Cell {
            text: text.unwrap_or_else(|| MISSING.into()),
            sort: value,
        };
        match &self.content {
            Content::Model => number(None, Some(choice.model.clone())),
            Content::Method => number(None, Some(choice.method_label())),
            Content::Seeds => {
                let (finished, failed) = (choice.finished.len(), choice.failed.len());
                let text = match (finished, failed) {
                    (_, 0) => finished.to_string(),
                    (0, _) => "0".into(),
                    _ => format!("{finished} ({failed} failed)"),
                };
                number(Some(finished as f64), Some(text))
            }
            Content::Main(metric) => {
                let spread = choice.scores.get(metric);
                number(spread.map(|s| s.median), spread.map(|s| s.show(quantity::score)))
            }
            Content::Beside(metric) => {
                let median = choice.scores.get(metric).map(|s| s.median);
                number(median, median.map(quantity::score))
            }
            Content::Majority => {
                let score = task.majority_score();
                number(score, score.map(quantity::score))
            }
            Content::Cost(measure, format) => {
                let cost = choice.cost(*measure);
                number(cost, cost.map(format))
            }
        }
    }

    /// Whether the column holds the task's main score.
    pub(crate) fn is_main_score(&self) -> bool {
        matches!(self.content, Content::Main(_))
    }
}

/// The columns of a task's table, from left to right.
pub(crate) fn of(task: &Task) -> Vec<Column> {
    let text = |head: &str, meaning: &str, content| Column {
        head: head.into(),
        meaning: meaning.into(),
        numeric: false,
        expendable: 0,
        content,
    };
    let score = |name: &str, expendable| Column {
        head: metric::heading(name),
        meaning: metric::description(name).into(),
        numeric: true,
        expendable,
        content: if name == task.metric { Content::Main(name.into()) } else { Content::Beside(name.into()) },
    };
    let cost = |head: &str, expendable, measure, format, meaning: &str| Column {
        head: head.into(),
        meaning: meaning.into(),
        numeric: true,
        expendable,
        content: Content::Cost(measure, format),
    };
    let mut columns = vec![
        text("model", "The checkpoint, as the experiment names it.", Content::Model),
        text("method", "How the checkpoint is adapted; the head is trained by every method.", Content::Method),
        Column {
            head: "n".into(),
            meaning: "Finished runs, one per seed. With more than one, every number is the median, and the main score \
                      has the lowest and highest run behind it."
                .into(),
            numeric: true,
            expendable: 3,
            content: Content::Seeds,
        },
        score(&task.metric, 0),
        Column {
            head: "majority".into(),
            meaning: "What always answering the most frequent training label scores in the main metric.".into(),
            numeric: true,
            expendable: 4,
            content: Content::Majority,
        },
    ];
    columns.extend(metric::beside(task).iter().map(|name| score(name, 7)));
    columns.extend([
        cost(
            "trainable",
            0,
            Measure::TrainableParameters,
            quantity::count,
            "Parameters that training changes, the head included.",
        ),
        cost(
            "% of all",
            5,
            Measure::TrainableShare,
            |share| quantity::significant(100.0 * share),
            "Trainable parameters as a percentage of all.",
        ),
        cost("adapter", 8, Measure::AdapterParameters, quantity::count, "Parameters of the adapter, without the head."),
        cost(
            "train s",
            0,
            Measure::TrainS,
            quantity::significant,
            "Seconds of training, without loading and evaluation.",
        ),
        cost(
            "to best s",
            9,
            Measure::BestS,
            quantity::significant,
            "Seconds of training up to the best validation score.",
        ),
        cost(
            "tokens/s",
            6,
            Measure::TrainTokensPerS,
            quantity::count,
            "Pieces trained on per second of training, padding not counted.",
        ),
        cost(
            "peak MiB",
            1,
            Measure::PeakMemoryBytes,
            mebibytes,
            "Highest resident main memory of the whole process, in MiB.",
        ),
    ]);
    let on_device = |c: &Choice| c.costs.contains_key(&Measure::PeakDeviceMemoryBytes);
    if task.choices.iter().any(on_device) {
        columns.push(cost(
            "device MiB",
            1,
            Measure::PeakDeviceMemoryBytes,
            mebibytes,
            "Highest memory reserved on the device, in MiB.",
        ));
    }
    columns.push(cost(
        "keep",
        2,
        Measure::KeptBytes,
        quantity::bytes,
        "Bytes on disk that must be kept beside the base model to use the result: the adapter and the head, or all weights after \
         full fine-tuning.",
    ));
    columns
}

fn mebibytes(bytes: f64) -> String {
    quantity::significant(bytes / (1024.0 * 1024.0))
}
