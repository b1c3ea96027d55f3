//! One small synthetic data set and experiment for each kind of task.

use crate::scratch::{CANARY, Scratch};

/// A task: its data, its model and how an experiment says it.
#[derive(Clone, Copy)]
pub(crate) struct TinyTask {
    /// Name of the task and of its data folder.
    pub(crate) name: &'static str,
    kind: &'static str,
    dataset: &'static str,
    /// Folder of `tests/fixtures/bert`.
    pub(crate) model: &'static str,
    pub(crate) max_length: usize,
    /// Further settings, each with a comma before it.
    settings: &'static str,
    /// `--task` of `minim logits`, and its `--labels`.
    pub(crate) head: &'static str,
    pub(crate) labels: &'static [&'static str],
    /// The score that picks the best evaluation.
    pub(crate) select: &'static str,
    pub(crate) train_file: &'static str,
    pub(crate) test_file: &'static str,
    /// Ids of the test examples, in the file's order.
    pub(crate) test_ids: fn(usize) -> String,
    /// Parameters of the model with its head, and of the head.
    pub(crate) total: u64,
    pub(crate) head_parameters: u64,
}

pub(crate) const TRAIN: usize = 24;
pub(crate) const TEST: usize = 9;

pub(crate) const TEXTS: TinyTask = TinyTask {
    name: "texts",
    kind: "sequence-classification",
    dataset: "prepared-csv",
    model: "seq",
    max_length: 32,
    settings: "",
    head: "--task seq-cls --labels 3",
    labels: &["absent", "possible", "present"],
    select: "macro_f1",
    train_file: "texts/train.csv",
    test_file: "texts/test.csv",
    test_ids: |index| format!("test-{index}"),
    total: 32_363,
    head_parameters: 3 * 36 + 3,
};

pub(crate) const WORDS: TinyTask = TinyTask {
    name: "words",
    kind: "ner",
    dataset: "prepared-conll",
    model: "tok",
    max_length: 32,
    settings: "",
    head: "--task token-cls --labels 5",
    labels: &["B-Disease", "B-Drug", "I-Disease", "I-Drug", "O"],
    select: "entity_f1",
    train_file: "words/train.txt.conll",
    test_file: "words/test.txt.conll",
    test_ids: |index| format!("test-{}", index + 1),
    total: 31_105,
    head_parameters: 5 * 36 + 5,
};

pub(crate) const RELATIONS: TinyTask = TinyTask {
    name: "relations",
    kind: "relation-extraction",
    dataset: "prepared-relations-tsv",
    model: "seq",
    // Nothing is cut: minim logits cuts at the end, the task around the two marks.
    max_length: 44,
    settings: r#", negative_label = "none""#,
    head: "--task seq-cls --labels 3",
    labels: &["causes", "none", "treats"],
    select: "micro_f1",
    train_file: "relations/train.tsv",
    test_file: "relations/test.tsv",
    test_ids: |index| format!("test-{index}"),
    total: 32_363,
    head_parameters: 3 * 36 + 3,
};

impl TinyTask {
    /// Writes the task's model and data, and `<name>.toml`: a run of `method`, the inside of a table of TOML.
    pub(crate) fn write(self, scratch: &Scratch, method: &str) {
        scratch.fixture(self.model);
        let splits = match self.name {
            "texts" => [("train.csv", TRAIN), ("valid.csv", TEST), ("test.csv", TEST)],
            "words" => [("train.txt.conll", TRAIN), ("dev.txt.conll", TEST), ("test.txt.conll", TEST)],
            _ => [("train.tsv", TRAIN), ("dev.tsv", TEST), ("test.tsv", TEST)],
        };
        for (file, count) in splits {
            scratch.write(&format!("{}/{file}", self.name), self.content(file, count));
        }
        scratch.write(&format!("{}.toml", self.name), self.experiment(method));
    }

    /// An experiment whose line n sets the nth of: name, seeds, model, task, method, `[training]` and its keys.
    fn experiment(self, method: &str) -> String {
        let Self { name, kind, dataset, model, max_length, settings, .. } = self;
        format!(
            r#"name = "tiny"
seeds = [1]
model = [{{ name = "tiny", path = "{model}" }}]
task = [{{ name = "{name}", kind = "{kind}", dataset = "{dataset}", data = "{name}", max_length = {max_length}{settings} }}]
method = [{{ {method} }}]
[training]
epochs = 3
batch_size = 8
eval_batch_size = 4
learning_rate = 1e-2
"#
        )
    }

    fn content(self, file: &str, count: usize) -> String {
        let split = file.split('.').next().unwrap_or_default();
        match self.name {
            "texts" => (0..count).fold("id,text,label\n".to_owned(), |text, index| {
                let label = self.labels[index % 3];
                text + &format!("{split}-{index},\"{}\",{label}\n", sentence(index))
            }),
            "words" => (0..count).map(tagged).collect(),
            _ => (0..count).fold("index\tsentence\tlabel\n".to_owned(), |text, index| {
                let label = self.labels[index % 3];
                text + &format!("{index}\t{}\t{label}\n", related(index))
            }),
        }
    }

    /// The texts of the test file as `minim logits` reads them.
    pub(crate) fn test_inputs(self) -> String {
        let line = |index| match self.name {
            "texts" => serde_json::json!({ "text": sentence(index) }),
            "words" => {
                let tagged = tagged(index);
                let words: Vec<&str> = tagged.lines().filter_map(|line| Some(line.split_once('\t')?.0)).collect();
                serde_json::json!({ "words": words })
            }
            _ => serde_json::json!({ "text": related(index) }),
        };
        (0..TEST).map(|index| format!("{}\n", line(index))).collect()
    }
}

/// Long and short ones, so that batches have padding and some are cut.
fn sentence(index: usize) -> String {
    let verb = ["denies", "at times had", "was admitted with"][index % 3];
    format!("The patient {verb} {CANARY}, day {index}.{}", " Left lung normal.".repeat(index % 5))
}

fn tagged(index: usize) -> String {
    let filler = "daily\tO\n".repeat(index % 4);
    format!(
        "The\tO\n{CANARY}\tO\naspirin\tB-Drug\ndose\tI-Drug\n{filler}for\tO\nchronic\tB-Disease\nrenal\tI-Disease\n{index}\tO\n\n"
    )
}

fn related(index: usize) -> String {
    let verb = ["causes pain like", "was given with", "treats the"][index % 3];
    format!("On day {index} the {CANARY} @DRUG$ {verb} @DISEASE$.")
}
