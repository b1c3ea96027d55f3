//! The aggregated table for the terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, TableComponent, presets};

use crate::columns::{self, Column};
use crate::quantity;
use crate::table::{Choice, Table, Task};

impl Table {
    /// The table as text, one block per task, with columns left out where a block would be wider than `width` characters.
    pub fn to_text(&self, width: usize) -> String {
        if self.tasks().is_empty() {
            return "no runs\n".into();
        }
        // The same columns go from every block, so that blocks can be compared.
        let blocks = |limit: u8| -> Vec<String> {
            let kept = |task| -> Vec<Column> {
                columns::of(task).into_iter().filter(|column| column.expendable <= limit).collect()
            };
            self.tasks().iter().map(|task| self.block(task, &kept(task))).collect()
        };
        let fits = |blocks: &[String]| blocks.iter().all(|block| block_width(block) <= width);
        let limit = (0..=columns::MOST_EXPENDABLE).rev().find(|&limit| fits(&blocks(limit))).unwrap_or(0);

        let mut out = String::new();
        for (task, block) in self.tasks().iter().zip(blocks(limit)) {
            wrap(&self.heading(task), "", width, &mut out);
            out.push_str(&block);
            out.push('\n');
            for choice in &task.choices {
                if !choice.differs.is_empty() {
                    wrap(&format!("{}: {}", choice.label(), choice.differs.join(", ")), "  ", width, &mut out);
                }
            }
            for choice in &task.choices {
                for (seed, error) in self.failures(choice) {
                    wrap(&format!("failed: {} (seed {seed}): {error}", choice.label()), "  ", width, &mut out);
                }
            }
            out.push('\n');
        }
        wrap(&self.legend(limit), "", width, &mut out);
        out
    }

    /// What the marks mean and which columns are not shown.
    fn legend(&self, limit: u8) -> String {
        let mut legend = "* best score of the task.".to_owned();
        if self.tasks().iter().flat_map(|task| &task.choices).any(|choice| choice.finished.len() > 1) {
            legend.push_str(" Medians over n seeds; behind the main score the lowest and the highest run.");
        }
        let mut left_out: Vec<String> = Vec::new();
        for column in self.tasks().iter().flat_map(columns::of) {
            if column.expendable > limit && !left_out.contains(&column.head) {
                left_out.push(column.head);
            }
        }
        if !left_out.is_empty() {
            let _ = write!(legend, " Left out for width: {}; table.csv has every column.", left_out.join(", "));
        }
        legend
    }

    fn heading(&self, task: &Task) -> String {
        let mut heading = format!("{} · {}", task.name, crate::metric::title(&task.metric));
        if let Some(data) = self.data_of(task) {
            let _ = write!(heading, " on {} test examples", quantity::grouped(data.test as u64));
            if let Some(majority) = task.majority_score() {
                let _ = write!(heading, " · majority class {}", quantity::score(majority));
            }
            if data.synthetic {
                heading.push_str(" · synthetic data");
            }
        }
        heading
    }

    fn block(&self, task: &Task, columns: &[Column]) -> String {
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::NOTHING);
        table.set_style(TableComponent::HeaderLines, '─');
        table.set_style(TableComponent::MiddleHeaderIntersections, '─');
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns.iter().map(|column| column.head.as_str()));
        let best = task.best();
        for choice in &task.choices {
            let is_best = best.is_some_and(|best| std::ptr::eq(best, choice));
            let cells = columns.iter().map(|column| {
                let mut text = column.cell(task, choice).text;
                if column.is_main_score() {
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

/// Appends `text` in lines of at most `width` characters, each behind `indent`; a word longer than a line is broken.
fn wrap(text: &str, indent: &str, width: usize, out: &mut String) {
    let room = width.saturating_sub(indent.chars().count()).max(1);
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + letters.len() > room {
            let _ = writeln!(out, "{indent}{line}");
            line.clear();
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for letter in letters {
            if used == room {
                let _ = writeln!(out, "{indent}{line}");
                line.clear();
                used = 0;
            }
            line.push(letter);
            used += 1;
        }
    }
    if used > 0 {
        let _ = writeln!(out, "{indent}{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn wraps_at_words_and_breaks_long_ones() {
        let mut out = String::new();
        wrap("one two three abcdefghijklmnop q", "  ", 12, &mut out);
        assert_eq!(out, "  one two\n  three\n  abcdefghij\n  klmnop q\n");
    }
}
