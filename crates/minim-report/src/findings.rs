//! What the records of a task say, computed: the best choice, and the cheapest ones that are nearly as good.

use minim_experiment::Method;

use crate::table::{Choice, Table, Task, best_of};
use crate::{Measure, metric, quantity};

/// How far below the best median score a choice may be to count as nearly as good: two points of a hundred.
pub const MARGIN: f64 = 0.02;

/// The findings of one task.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The task.
    pub task: &'a Task,
    /// The choice with the best median score.
    pub best: &'a Choice,
    /// Its median score.
    pub best_score: f64,
    /// For a cost, the cheapest choice whose score is at most [`MARGIN`] below the best.
    pub cheapest: Vec<(Measure, &'a Choice)>,
    /// Choices with a score, and how many of them score above the majority class; `None` if that has no score.
    pub above_majority: Option<(usize, usize)>,
    /// Per model, full fine-tuning and the best adapter on the same model, where both have a score.
    pub full_and_adapter: Vec<(&'a Choice, &'a Choice)>,
}

/// The findings of every task that has a finished run with a score.
pub fn findings(table: &Table) -> Vec<Findings<'_>> {
    table.tasks().iter().filter_map(|task| of(table, task)).collect()
}

fn of<'a>(table: &'a Table, task: &'a Task) -> Option<Findings<'a>> {
    let best = task.best()?;
    let best_score = task.score(best)?.median;
    let median = |choice: &Choice| task.score(choice).map(|score| score.median);
    let nearly = |choice: &&Choice| median(choice).is_some_and(|score| score >= best_score - MARGIN);
    let measures = [Measure::KeptBytes, Measure::TrainableParameters, Measure::TrainS, Measure::PeakMemoryBytes];
    let cheapest = measures.into_iter().filter_map(|measure| {
        let priced = task.choices.iter().filter(nearly).filter_map(|c| Some((c, c.cost(measure)?)));
        let (choice, _) = priced.min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((measure, choice))
    });
    let above_majority = task.majority_score().map(|majority| {
        let scores: Vec<f64> = task.choices.iter().filter_map(median).collect();
        (scores.iter().filter(|score| **score > majority).count(), scores.len())
    });
    let kind = |choice: &Choice| {
        let run = choice.finished.first().map(|&i| &table.records()[i].run);
        run.map(|run| &run.method.method)
    };
    let mut full_and_adapter = Vec::new();
    for (index, _) in table.models().iter().enumerate() {
        let best_of_kind = |wanted: fn(&Method) -> bool| {
            let here = task.choices.iter().filter(|c| c.model_index == index);
            let of_kind = here.filter(|c| kind(c).is_some_and(wanted));
            best_of(of_kind.filter_map(|c| Some((c, median(c)?))))
        };
        let full = best_of_kind(|method| matches!(method, Method::Full));
        let adapter = best_of_kind(|m| !matches!(m, Method::Full | Method::Head));
        if let (Some(full), Some(adapter)) = (full, adapter) {
            full_and_adapter.push((full, adapter));
        }
    }
    Some(Findings { task, best, best_score, cheapest: cheapest.collect(), above_majority, full_and_adapter })
}

impl Findings<'_> {
    /// The findings as sentences, without the best score itself.
    pub fn sentences(&self) -> Vec<String> {
        let task = self.task;
        let score = |choice: &Choice| task.score(choice).map_or(f64::NAN, |score| score.median);
        let mut sentences = Vec::new();
        let cheaper = self.cheapest.iter().any(|(_, choice)| !std::ptr::eq(*choice, self.best));
        if !cheaper && task.choices.iter().filter(|c| task.score(c).is_some()).count() > 1 {
            sentences.push(format!("No cheaper choice comes within {MARGIN} of it."));
        }
        // A choice that wins by several costs is named once.
        let mut named: Vec<&Choice> = Vec::new();
        for (_, choice) in self.cheapest.iter().filter(|_| cheaper) {
            if named.iter().any(|known| std::ptr::eq(*known, *choice)) {
                continue;
            }
            named.push(choice);
            let wins = self.cheapest.iter().filter(|(_, other)| std::ptr::eq(*other, *choice));
            let wins: Vec<String> = wins.filter_map(|(measure, _)| superlative(*measure, choice)).collect();
            sentences.push(format!(
                "Within {MARGIN} of it, {} ({}) has the {}.",
                choice.label(),
                quantity::score(score(choice)),
                wins.join(", the ")
            ));
        }
        for (full, adapter) in &self.full_and_adapter {
            let share = adapter.cost(Measure::TrainableShare);
            let share = share
                .map_or(String::new(), |share| format!(" with {} of the parameters trained", quantity::percent(share)));
            sentences.push(format!(
                "{}: {} against {}: {}{share}.",
                full.model,
                adapter.method_label(),
                full.method_label(),
                quantity::difference(score(adapter) - score(full)),
            ));
        }
        if let Some((above, all)) = self.above_majority {
            sentences.push(format!(
                "{above} of {all} choices score above the majority class in {}.",
                metric::title(&task.metric)
            ));
        }
        sentences
    }
}

/// `smallest result to keep (67.0 KiB)`, to follow "the".
fn superlative(measure: Measure, choice: &Choice) -> Option<String> {
    let what = match measure {
        Measure::KeptBytes => "smallest result to keep",
        Measure::TrainableParameters => "fewest trainable parameters",
        Measure::TrainS => "shortest training",
        Measure::PeakMemoryBytes => "lowest peak memory",
        _ => return None,
    };
    Some(format!("{what} ({})", measure.format(choice.cost(measure)?)))
}
