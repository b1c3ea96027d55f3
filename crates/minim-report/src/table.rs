//! Records put in order: one choice per task, model and method, its seeds taken together.

use std::collections::BTreeMap;

use minim_experiment::{Record, Status, TaskKind};

use crate::settings::{self, Settings};
use crate::{Measure, Spread};

/// All records of a study, grouped by task and aggregated over seeds.
#[derive(Debug)]
pub struct Table {
    records: Vec<Record>,
    tasks: Vec<Task>,
    models: Vec<String>,
    methods: Vec<String>,
}

/// One task and every choice that was tried on it.
#[derive(Debug)]
pub struct Task {
    /// Name of the task.
    pub name: String,
    /// What is predicted.
    pub kind: TaskKind,
    /// The metric that picks the best evaluation: the task's main score.
    pub metric: String,
    /// What always answering the most frequent training label scores on the test split, by metric.
    pub majority: BTreeMap<String, Spread>,
    /// The choices, by model and then by method.
    pub choices: Vec<Choice>,
}

/// One model adapted by one method to one task.
#[derive(Debug)]
pub struct Choice {
    /// Name of the model.
    pub model: String,
    /// Name of the method.
    pub method: String,
    /// Position of the model in [`Table::models`].
    pub model_index: usize,
    /// Position of the method in [`Table::methods`].
    pub method_index: usize,
    /// 1, 2, .. if the same names stand for runs with different settings; `None` if they do not.
    pub variant: Option<usize>,
    /// Those settings, with their values, in which the variants differ.
    pub differs: Vec<String>,
    /// Scores on the test split, by metric.
    pub scores: BTreeMap<String, Spread>,
    /// What the choice costs.
    pub costs: BTreeMap<Measure, Spread>,
    /// Positions of the finished runs in [`Table::records`].
    pub finished: Vec<usize>,
    /// Positions of the failed runs in [`Table::records`].
    pub failed: Vec<usize>,
}

impl Table {
    /// Groups the records; their order does not matter.
    pub fn from_records(records: &[Record]) -> Self {
        let mut records = records.to_vec();
        records.sort_by(|a, b| (a.seed, &a.run_id).cmp(&(b.seed, &b.run_id)));
        let models = order_models(&records);
        let methods = order_methods(&records);
        let mut names: Vec<(TaskKind, &str)> = Vec::new();
        for record in &records {
            let task = (record.run.task.kind, record.run.task.name.as_str());
            if !names.contains(&task) {
                names.push(task);
            }
        }
        names.sort_by_key(|&(kind, name)| (kind_order(kind), name));
        let tasks = names.iter().map(|&(kind, name)| Task::gather(&records, kind, name, &models, &methods)).collect();
        Self { tasks, models, methods, records }
    }

    /// All records, by seed and run id.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The tasks: classification, then NER, then relations, each by name.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Names of the models, from the smallest to the largest.
    pub fn models(&self) -> &[String] {
        &self.models
    }

    /// Names of the methods: full fine-tuning, LoRA, IA3, VeRA, LayerNorm tuning, BitFit, head only.
    pub fn methods(&self) -> &[String] {
        &self.methods
    }
}

impl Task {
    fn gather(records: &[Record], kind: TaskKind, name: &str, models: &[String], methods: &[String]) -> Self {
        let here: Vec<usize> = (0..records.len())
            .filter(|&i| records[i].run.task.kind == kind && records[i].run.task.name == name)
            .collect();
        let mut choices = Vec::new();
        for (model_index, model) in models.iter().enumerate() {
            for (method_index, method) in methods.iter().enumerate() {
                let same_names = here
                    .iter()
                    .copied()
                    .filter(|&i| records[i].run.model.name == *model && records[i].run.method.name == *method);
                let mut variants: Vec<(Settings, Vec<usize>)> = Vec::new();
                for i in same_names {
                    let settings = settings::of(&records[i].run);
                    match variants.iter_mut().find(|(known, _)| *known == settings) {
                        Some((_, members)) => members.push(i),
                        None => variants.push((settings, vec![i])),
                    }
                }
                variants.sort_by(|a, b| a.0.cmp(&b.0));
                let several = variants.len() > 1;
                let all: Vec<&Settings> = variants.iter().map(|(settings, _)| settings).collect();
                for (at, (settings, members)) in variants.iter().enumerate() {
                    let mut choice = Choice::gather(records, members);
                    choice.model_index = model_index;
                    choice.method_index = method_index;
                    choice.variant = several.then_some(at + 1);
                    choice.differs = settings::differences(settings, &all);
                    choices.push(choice);
                }
            }
        }
        let majorities: Vec<&BTreeMap<String, f64>> =
            here.iter().filter_map(|&i| records[i].data.as_ref()).map(|data| &data.majority.test).collect();
        let metric = here.first().map(|&i| records[i].run.task.select.clone()).unwrap_or_default();
        Self { name: name.to_owned(), kind, metric, majority: spreads(&majorities), choices }
    }

    /// The main score of a choice on this task; `None` if no run finished or the score is undefined.
    pub fn score(&self, choice: &Choice) -> Option<Spread> {
        choice.scores.get(&self.metric).copied()
    }

    /// What always answering the most frequent training label scores in the main metric.
    pub fn majority_score(&self) -> Option<f64> {
        self.majority.get(&self.metric).map(|spread| spread.median)
    }

    /// The choice with the best median main score; of equals the first.
    pub fn best(&self) -> Option<&Choice> {
        let scored = self.choices.iter().filter_map(|c| Some((c, self.score(c)?.median)));
        best_of(scored)
    }
}

impl Choice {
    fn gather(records: &[Record], members: &[usize]) -> Self {
        let is_finished = |i: &usize| records[*i].status == Status::Finished;
        let (finished, failed): (Vec<usize>, Vec<usize>) = members.iter().copied().partition(is_finished);
        let run = &records[members[0]].run;
        let scores: Vec<&BTreeMap<String, f64>> = finished.iter().map(|&i| &records[i].scores.test).collect();
        let costs = Measure::ALL.into_iter().filter_map(|measure| {
            let values = finished.iter().filter_map(|&i| measure.of(&records[i]));
            Some((measure, Spread::of(values)?))
        });
        Self {
            model: run.model.name.clone(),
            method: run.method.name.clone(),
            model_index: 0,
            method_index: 0,
            variant: None,
            differs: Vec::new(),
            scores: spreads(&scores),
            costs: costs.collect(),
            finished,
            failed,
        }
    }

    /// The median of a cost.
    pub fn cost(&self, measure: Measure) -> Option<f64> {
        self.costs.get(&measure).map(|spread| spread.median)
    }

    /// The method's name, with the variant's number where there are several.
    pub fn method_label(&self) -> String {
        match self.variant {
            None => self.method.clone(),
            Some(variant) => format!("{} #{variant}", self.method),
        }
    }

    /// Model and method.
    pub fn label(&self) -> String {
        format!("{} · {}", self.model, self.method_label())
    }
}

/// Of equal scores the first.
pub(crate) fn best_of<'a>(scored: impl Iterator<Item = (&'a Choice, f64)>) -> Option<&'a Choice> {
    let mut best: Option<(&Choice, f64)> = None;
    for (choice, score) in scored {
        if best.is_none_or(|(_, known)| score > known) {
            best = Some((choice, score));
        }
    }
    best.map(|(choice, _)| choice)
}

fn spreads(maps: &[&BTreeMap<String, f64>]) -> BTreeMap<String, Spread> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for map in maps {
        for (name, value) in *map {
            values.entry(name).or_default().push(*value);
        }
    }
    values.into_iter().filter_map(|(name, values)| Some((name.to_owned(), Spread::of(values)?))).collect()
}

fn kind_order(kind: TaskKind) -> u8 {
    match kind {
        TaskKind::SequenceClassification => 0,
        TaskKind::Ner => 1,
        TaskKind::RelationExtraction => 2,
    }
}

fn order_models(records: &[Record]) -> Vec<String> {
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for record in records {
        let total = record.parameters.map_or(0, |p| p.total);
        let size = sizes.entry(&record.run.model.name).or_default();
        *size = total.max(*size);
    }
    let mut models: Vec<(&str, u64)> = sizes.into_iter().collect();
    // A model that never got as far as counting its parameters goes last.
    models.sort_by_key(|&(name, size)| (size == 0, size, name));
    models.into_iter().map(|(name, _)| name.to_owned()).collect()
}

fn order_methods(records: &[Record]) -> Vec<String> {
    use minim_experiment::Method;
    let mut orders: BTreeMap<&str, (u8, usize)> = BTreeMap::new();
    for record in records {
        let order = match &record.run.method.method {
            Method::Full => (0, 0),
            Method::Lora { rank, .. } => (1, *rank),
            Method::AdaLora { schedule, .. } => (2, schedule.target_r),
            Method::Ia3 { .. } => (3, 0),
            Method::Vera { rank, .. } => (4, *rank),
            Method::Bottleneck { bottleneck_size, .. } => (5, *bottleneck_size),
            Method::LnTuning { .. } => (6, 0),
            Method::BitFit => (7, 0),
            Method::PromptTuning { num_virtual_tokens, .. } => (8, *num_virtual_tokens),
            Method::PrefixTuning { num_virtual_tokens, .. } => (9, *num_virtual_tokens),
            Method::PTuning { num_virtual_tokens, .. } => (10, *num_virtual_tokens),
            Method::Head => (11, 0),
        };
        orders.entry(&record.run.method.name).or_insert(order);
    }
    let mut methods: Vec<(&str, (u8, usize))> = orders.into_iter().collect();
    methods.sort_by_key(|&(name, order)| (order, name));
    methods.into_iter().map(|(name, _)| name.to_owned()).collect()
}
