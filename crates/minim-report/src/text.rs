//! The aggregated table for the terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, presets};

use crate::columns::{self, Column};
use crate::quantity;
use crate::table::{Choice, Table, Task};

impl Table {
    /// The table as text, one block per task, with columns left out where a block would be wider than `width` characters.
    pub fn to_text(&self, width: usize) -> String {
        let mut out = String::new();
        let mut left_out: Vec<String> = Vec::new();
        for task in self.tasks() {
            self.write_task(task, width, &mut out, &mut left_out);
        }
        if self.tasks().is_empty() {
            out.push_str("no runs\n");
        }
        let all = self.tasks().iter().flat_map(|task| &task.choices);
        if all.clone().any(|choice| choice.finished.len() > 1) {
            out.push_str("Median over n seeds; lowest and highest run in brackets.\n");
        }
        if !left_out.is_empty() {
            let _ = writeln!(out, "Left out for width: {}. table.csv has every column.", left_out.join(", "));
        }
        out
    }

    fn write_task(&self, task: &Task, width: usize, out: &mut String, left_out: &mut Vec<String>) {
        let _ = writeln!(out, "{}", self.heading(task));
        let mut columns = columns::of(task);
        let mut block = self.block(task, &columns);
        while block_width(&block) > width {
            let Some(at) = most_expendable(&columns) else {
                break;
            };
            let dropped = columns.remove(at);
            if !left_out.contains(&dropped.head) {
                left_out.push(dropped.head);
            }
            block = self.block(task, &columns);
        }
        out.push_str(&block);
        out.push('\n');
        for choice in &task.choices {
            if !choice.differs.is_empty() {
                let _ = writeln!(out, "  {}: {}", choice.label(), choice.differs.join(", "));
            }
        }
        for choice in &task.choices {
            for (seed, error) in self.failures(choice) {
                let line = format!("  failed: {} (seed {seed}): {error}", choice.label());
                let _ = writeln!(out, "{}", cut(&line, width));
            }
        }
        out.push('\n');
    }

    fn heading(&self, task: &Task) -> String {
        let mut heading = format!("{} · {}", task.name, crate::metric::title(&task.metric));
        if let Some(data) = self.data_of(task) {
            let _ = write!(heading, " on {} test examples", quantity::grouped(data.test as u64));
            if data.synthetic {
                heading.push_str(" · synthetic data");
            }
        }
        heading
    }

    fn block(&self, task: &Task, columns: &[Column]) -> String {
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns.iter().map(|column| column.head.as_str()));
        let best = task.best();
        for choice in &task.choices {
            let is_best = best.is_some_and(|best| std::ptr::eq(best, choice));
            let cells = columns.iter().map(|column| {
                let mut text = column.cell(task, choice).text;
                if column.is_main_score(task) {
                    if choice.finished.is_empty() {
                        text = "failed".into();
                    }
                    text.push_str(if is_best { " *" } else { "  " });
                }
                text
            });
            table.add_row(cells);
        }
        for (index, column) in columns.iter().enumerate() {
            if column.numeric
                && let Some(column) = table.column_mut(index)
            {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }

    /// Seed and first line of the error of each failed run.
    pub(crate) fn failures<'a>(&'a self, choice: &'a Choice) -> impl Iterator<Item = (u64, &'a str)> {
        choice.failed.iter().map(|&i| {
            let record = &self.records()[i];
            let error = record.error.as_deref().unwrap_or_default();
            let line = error.lines().next().unwrap_or("no error was recorded");
            (record.seed, line)
        })
    }

    /// The data of a task, as its first run with data saw it.
    pub(crate) fn data_of(&self, task: &Task) -> Option<&minim_experiment::DataSummary> {
        let runs = task.choices.iter().flat_map(|c| c.finished.iter().chain(&c.failed));
        runs.filter_map(|&i| self.records()[i].data.as_ref()).next()
    }
}

fn block_width(block: &str) -> usize {
    block.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn most_expendable(columns: &[Column]) -> Option<usize> {
    let (at, column) = columns.iter().enumerate().max_by_key(|(_, c)| c.expendable)?;
    (column.expendable > 0).then_some(at)
}
