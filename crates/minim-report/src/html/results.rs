//! The tables of results: per task, per label, failed runs, and what the columns mean.

use std::collections::BTreeMap;

use crate::columns::{self, Cell, Column};
use crate::svg::escape;
use crate::table::{Choice, Table, Task};
use crate::{Spread, metric, quantity};

/// One table per task, a row per choice.
pub(super) fn tables(table: &Table) -> String {
    let tasks: String = table.tasks().iter().map(|task| task_table(table, task)).collect();
    if tasks.is_empty() {
        return tasks;
    }
    format!(
        "<p class=\"lead\">The best median score of each task is bold; the bar under a score runs from 0 to 1, the notch is the majority \
         class.<span class=\"js\"> Click a heading to sort.</span> Every digit of every run stands in <code>table.csv</code>.</p>\n{tasks}"
    )
}

fn task_table(table: &Table, task: &Task) -> String {
    let columns = columns::of(task);
    let head: String = columns
        .iter()
        .map(|column| {
            format!(
                "<th scope=\"col\"{} title=\"{}\">{}</th>",
                class(column.numeric),
                escape(&column.meaning),
                escape(&column.head)
            )
        })
        .collect();
    let rows: String = task.choices.iter().map(|choice| row(table, task, choice, &columns)).collect();
    let name = escape(&task.name);
    let notes: String = task
        .choices
        .iter()
        .filter(|choice| !choice.differs.is_empty())
        .map(|choice| format!("<li>{}: {}</li>\n", escape(&choice.label()), escape(&choice.differs.join(", "))))
        .collect();
    let notes = if notes.is_empty() { notes } else { format!("<ul class=\"notes\">\n{notes}</ul>\n") };
    format!(
        "<h3>{name}</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Results of {name}\">\n\
         <table class=\"results\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n{notes}"
    )
}

fn row(table: &Table, task: &Task, choice: &Choice, columns: &[Column]) -> String {
    if choice.finished.is_empty() {
        let errors: Vec<String> =
            table.failures(choice).map(|(seed, error)| format!("seed {seed}: {}", escape(error))).collect();
        return format!(
            "<tr class=\"failed\"><td>{}</td><td>{}</td><td colspan=\"{}\"><b>failed</b> – {}</td></tr>\n",
            escape(&choice.model),
            escape(&choice.method_label()),
            columns.len() - 2,
            errors.join("; ")
        );
    }
    let is_best = task.best().is_some_and(|best| std::ptr::eq(best, choice));
    let cells: String = columns
        .iter()
        .map(|column| {
            let cell = column.cell(task, choice);
            if column.is_main_score() {
                score_cell(task, &cell, is_best)
            } else {
                format!("<td{}{}>{}</td>", class(column.numeric), sort_key(&cell), escape(&cell.text))
            }
        })
        .collect();
    format!("<tr{}>{cells}</tr>\n", if is_best { " class=\"best\"" } else { "" })
}

fn score_cell(task: &Task, cell: &Cell, is_best: bool) -> String {
    let percent = |value: f64| format!("{:.1}%", 100.0 * value.clamp(0.0, 1.0));
    let bar = cell.sort.map_or(String::new(), |score| {
        let notch = task.majority_score().map_or("-10%".to_owned(), percent);
        format!("<i class=\"meter\" style=\"--score:{};--notch:{notch}\"></i>", percent(score))
    });
    let text = escape(&cell.text);
    let text = if is_best { format!("<b>{text}</b>") } else { text };
    format!("<td class=\"num main\"{}>{text}{bar}</td>", sort_key(cell))
}

fn class(numeric: bool) -> &'static str {
    if numeric { " class=\"num\"" } else { "" }
}

fn sort_key(cell: &Cell) -> String {
    cell.sort.map_or(String::new(), |value| format!(" data-sort=\"{value}\""))
}

/// Precision, recall and F1 of each label, for the best choice of each task.
pub(super) fn per_label(table: &Table) -> String {
    let tables: String = table.tasks().iter().filter_map(|task| label_table(table, task)).collect();
    if tables.is_empty() {
        return tables;
    }
    format!(
        "<p class=\"lead\">On the test split, for the best choice of each task; medians where it has several seeds.</p>\n\
         <div class=\"cards wide\">\n{tables}</div>\n"
    )
}

fn label_table(table: &Table, task: &Task) -> Option<String> {
    let best = task.best()?;
    let mut order: Vec<&str> = Vec::new();
    let mut values: BTreeMap<&str, [Vec<f64>; 4]> = BTreeMap::new();
    for &i in &best.finished {
        for score in &table.records()[i].per_label {
            if !order.contains(&score.label.as_str()) {
                order.push(&score.label);
            }
            let of_label = values.entry(&score.label).or_default();
            let numbers = [score.precision, score.recall, score.f1, score.support as f64];
            for (list, number) in of_label.iter_mut().zip(numbers) {
                list.push(number);
            }
        }
    }
    if order.is_empty() {
        return None;
    }
    let rows: String = order
        .iter()
        .map(|label| {
            let medians = values[label].each_ref().map(|v| Spread::of(v.iter().copied()).map(|s| s.median));
            let [precision, recall, f1, support] = medians;
            let score = |v: Option<f64>| v.map_or(quantity::MISSING.into(), quantity::score);
            let support = support.map_or(quantity::MISSING.into(), |n| quantity::grouped(n as u64));
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num main\">{}\
                 <i class=\"meter\" style=\"--score:{:.1}%;--notch:-10%\"></i></td><td class=\"num\">{support}</td></tr>\n",
                escape(label),
                score(precision),
                score(recall),
                score(f1),
                100.0 * f1.unwrap_or(0.0)
            )
        })
        .collect();
    Some(format!(
        "<article class=\"card\">\n<h3>{}</h3>\n<p>{}</p>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">label</th>\
         <th scope=\"col\" class=\"num\">precision</th><th scope=\"col\" class=\"num\">recall</th><th scope=\"col\" class=\"num\">F1</th>\
         <th scope=\"col\" class=\"num\">support</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n</article>\n",
        escape(&task.name),
        escape(&best.label())
    ))
}

/// Every failed run with its error.
pub(super) fn failed(table: &Table) -> String {
    let choices = table.tasks().iter().flat_map(|task| task.choices.iter().map(move |c| (task, c)));
    let rows: String = choices
        .flat_map(|(task, choice)| choice.failed.iter().map(move |&i| (task, choice, i)))
        .map(|(task, choice, i)| {
            let record = &table.records()[i];
            format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"num\">{}</td><td>{}</td></tr>\n",
                escape(&task.name),
                escape(&choice.model),
                escape(&choice.method_label()),
                record.seed,
                escape(record.error.as_deref().unwrap_or("no error was recorded"))
            )
        })
        .collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">task</th><th scope=\"col\">model</th><th scope=\"col\">method</th>\
         <th scope=\"col\" class=\"num\">seed</th><th scope=\"col\">error</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

/// Each column once, as the tables have them.
pub(super) fn glossary(table: &Table) -> String {
    let mut known: Vec<(String, String)> = Vec::new();
    let mut entries = String::new();
    for column in table.tasks().iter().flat_map(columns::of) {
        let entry = (column.head, column.meaning);
        if !known.contains(&entry) && !entry.1.is_empty() {
            entries.push_str(&format!("<dt>{}</dt><dd>{}</dd>\n", escape(&entry.0), escape(&entry.1)));
            known.push(entry);
        }
    }
    if entries.is_empty() {
        return entries;
    }
    for (name, meaning) in [
        (
            "Pareto front",
            "The choices that no other choice beats: none costs no more and scores no less, and is better in one of the two.",
        ),
        ("support", "How often a label really occurs in the test split."),
    ] {
        entries.push_str(&format!("<dt>{name}</dt><dd>{meaning}</dd>\n"));
    }
    format!("<dl>\n{entries}</dl>\n")
}

/// The title of a task's main metric, for captions.
pub(super) fn metric_title(task: &Task) -> String {
    escape(&metric::title(&task.metric))
}
