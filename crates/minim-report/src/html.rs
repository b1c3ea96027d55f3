//! One self-contained page: no script, font, image or style from anywhere else.

mod data;
mod results;

use minim_experiment::Record;

use crate::figure::{Figure, style};
use crate::findings::{Findings, findings};
use crate::provenance::{cautions, plural};
use crate::svg::escape;
use crate::{Table, bars, curves, metric, quantity, scatter};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a page says beside its numbers.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Heading of the page.
    pub title: String,
    /// Paragraphs of plain text under the heading.
    pub intro: Vec<String>,
    /// The command that made the records.
    pub command: Option<String>,
}

/// The page of a study, complete with table, figures and where the numbers come from.
pub fn html(records: &[Record], options: &Options) -> String {
    let table = Table::from_records(records);
    let sections = [
        ("findings", "Key findings", findings_section(&table)),
        ("results", "Results", results::tables(&table)),
        (
            "quality",
            "Quality against cost",
            figures_section(
                &table,
                "Up and to the left is better. Markers stand at the median, thin lines span all seeds, and the line joins the choices \
                 that no other one beats in both. Point at a marker for its numbers.",
                scatter::figure,
            ),
        ),
        (
            "costs",
            "What each choice costs",
            figures_section(&table, "Median of the seeds; shorter is better.", bars::figure),
        ),
        (
            "curves",
            "Learning curves",
            figures_section(
                &table,
                "One line per run. The dot is the evaluation that was kept: the first with the best score.",
                curves::figure,
            ),
        ),
        ("labels", "Scores per label", results::per_label(&table)),
        ("data", "The data", data::datasets(&table)),
        ("settings", "What was run", data::settings(&table)),
        ("made", "How this page was made", data::made(&table, options.command.as_deref())),
        ("failed", "Failed runs", results::failed(&table)),
        ("glossary", "What the columns mean", results::glossary(&table)),
    ];
    let mut nav = String::new();
    let mut body = String::new();
    for (id, heading, content) in sections {
        if !content.is_empty() {
            nav.push_str(&format!("<a href=\"#{id}\">{heading}</a>\n"));
            body.push_str(&format!("<section id=\"{id}\">\n<h2>{heading}</h2>\n{content}</section>\n"));
        }
    }
    let title = escape(&options.title);
    let intro: String = options.intro.iter().map(|text| format!("<p>{}</p>\n", escape(text))).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"generator\" content=\"minim {version}\">\n<title>{title}</title>\n\
         <style>\n{figure_style}{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{intro}{summary}{note}\
         <nav aria-label=\"Sections\">\n{nav}</nav>\n</header>\n<main>\n{body}</main>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        version = env!("CARGO_PKG_VERSION"),
        figure_style = style(),
        summary = summary(&table),
        note = synthetic_note(&table),
    )
}

fn summary(table: &Table) -> String {
    let mut seeds: Vec<u64> = table.records().iter().map(|record| record.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let counts = [
        plural(table.records().len(), "run"),
        plural(table.tasks().len(), "task"),
        plural(table.models().len(), "model"),
        plural(table.methods().len(), "method"),
        plural(seeds.len(), "seed"),
    ];
    let items: String = counts.iter().map(|count| format!("<li>{count}</li>")).collect();
    format!("<ul class=\"summary\">{items}</ul>\n")
}

fn synthetic_note(table: &Table) -> String {
    let mut synthetic: Vec<&str> = Vec::new();
    let mut others = false;
    for task in table.tasks() {
        match table.data_of(task) {
            Some(data) if data.synthetic => synthetic.push(&task.name),
            _ => others = true,
        }
    }
    if synthetic.is_empty() {
        return String::new();
    }
    let which = if others {
        let names: Vec<String> = synthetic.iter().map(|name| format!("<b>{}</b>", escape(name))).collect();
        format!("The texts of {} were", names.join(", "))
    } else {
        "All texts behind this page were".into()
    };
    format!(
        "<p class=\"synthetic\" role=\"note\"><strong>Synthetic data.</strong> {which} generated by a program. Scores on them show that \
         the machinery works and what it costs; they say nothing about clinical quality.</p>\n"
    )
}

fn findings_section(table: &Table) -> String {
    let cards: String = findings(table).iter().map(card).collect();
    if cards.is_empty() {
        return "<p>No run finished with a score.</p>\n".into();
    }
    let cautions: String = cautions(table).iter().map(|caution| format!("<li>{}</li>\n", escape(caution))).collect();
    let cautions = if cautions.is_empty() {
        cautions
    } else {
        format!("<h3>Read with care</h3>\n<ul class=\"cautions\">\n{cautions}</ul>\n")
    };
    format!("<div class=\"cards\">\n{cards}</div>\n{cautions}")
}

fn card(findings: &Findings<'_>) -> String {
    let task = findings.task;
    let majority = task
        .majority_score()
        .map_or(String::new(), |majority| format!(" The majority class scores {}.", quantity::score(majority)));
    let items: String =
        findings.sentences().iter().map(|sentence| format!("<li>{}</li>\n", escape(sentence))).collect();
    format!(
        "<article class=\"card\">\n<h3>{}</h3>\n<p class=\"big\">{}</p>\n<p>Best test {}: <b>{}</b>.{majority}</p>\n\
         <ul>\n{items}</ul>\n</article>\n",
        escape(&task.name),
        quantity::score(findings.best_score),
        escape(&metric::title(&task.metric)),
        escape(&findings.best.label()),
    )
}

type Draw = fn(&Table, &crate::Task, usize) -> Option<Figure>;

fn figures_section(table: &Table, lead: &str, draw: Draw) -> String {
    let drawn: String = table
        .tasks()
        .iter()
        .enumerate()
        .filter_map(|(index, task)| Some((task, draw(table, task, index)?)))
        .map(|(task, figure)| {
            format!(
                "<figure>\n<figcaption>{}</figcaption>\n<div class=\"scroll\">{}</div>\n</figure>\n",
                escape(&task.name),
                figure.inline()
            )
        })
        .collect();
    if drawn.is_empty() {
        return drawn;
    }
    format!("<p class=\"lead\">{lead}</p>\n{drawn}")
}
