//! Learning curves: the validation score by optimiser step, one panel per model.

use minim_experiment::Record;

use crate::axis::{Axis, Scale};
use crate::figure::{Figure, WIDTH};
use crate::legend::{self, Key};
use crate::plot::{self, Titles};
use crate::scatter::method_keys;
use crate::svg::{Area, Canvas};
use crate::table::{Choice, Table, Task};
use crate::{metric, palette, quantity};

const PANEL_HEIGHT: f64 = 270.0;

/// The figure of one task; `None` if no run was evaluated during training.
pub(crate) fn figure(table: &Table, task: &Task, index: usize) -> Option<Figure> {
    let mut panels: Vec<(usize, Vec<&Choice>)> = Vec::new();
    for choice in &task.choices {
        if choice.finished.iter().all(|&i| curve(&table.records()[i], &task.metric).is_empty()) {
            continue;
        }
        match panels.last_mut() {
            Some((model, choices)) if *model == choice.model_index => choices.push(choice),
            _ => panels.push((choice.model_index, vec![choice])),
        }
    }
    if panels.is_empty() {
        return None;
    }
    let all: Vec<(f64, f64)> = panels
        .iter()
        .flat_map(|(_, choices)| choices)
        .flat_map(|choice| &choice.finished)
        .flat_map(|&i| curve(&table.records()[i], &task.metric))
        .collect();
    let majority = table.data_of(task).and_then(|data| data.majority.validation.get(&task.metric)).copied();

    let mut canvas = Canvas::default();
    let mut keys = method_keys(table, task);
    keys.push(Key::Model(0, "best evaluation (kept)".into()));
    if let Some(majority) = majority {
        let name = format!("majority class ({})", quantity::score(majority));
        keys.push(Key::Line("majority", name));
    }
    let top = legend::draw(&mut canvas, &keys) + 8.0;
    let columns = panels.len().min(2);
    for (at, (model, choices)) in panels.iter().enumerate() {
        let panel = Area {
            x: (at % columns) as f64 * WIDTH / columns as f64,
            y: top + (at / columns) as f64 * PANEL_HEIGHT,
            width: WIDTH / columns as f64,
            height: PANEL_HEIGHT,
        };
        let inner = plot::inner(panel);
        // From step 0, and on the same axes in every panel, so that panels can be compared.
        let steps = all.iter().map(|(step, _)| *step).chain([0.0]);
        let x = Axis::fit(Scale::Linear, steps, (inner.x, inner.right()), 6)?;
        let scores = all.iter().map(|(_, score)| *score).chain(majority);
        let y = Axis::fit(Scale::Linear, scores, (inner.bottom(), inner.y), 5)?;
        let titles = Titles {
            above: &format!("{}: validation {}", table.models()[*model], metric::title(&task.metric)),
            below: "optimiser steps",
        };
        plot::frame(&mut canvas, panel, (&x, &y), plot::short, &titles);
        if let Some(majority) = majority {
            let at = y.pixel(majority);
            canvas.line((inner.x, at), (inner.right(), at), "majority");
        }
        for choice in choices {
            for &i in &choice.finished {
                let record = &table.records()[i];
                draw(&mut canvas, choice, record, &curve(record, &task.metric), (&x, &y));
            }
        }
    }
    Some(Figure::new(
        format!("curves-{}-{index}", task.name),
        format!("Learning curves: {}", task.name),
        format!(
            "Validation {} by optimiser step, one panel per model and one line per run; the dot is the evaluation whose weights were \
             kept.",
            metric::title(&task.metric)
        ),
        top + panels.len().div_ceil(columns) as f64 * PANEL_HEIGHT,
        canvas,
    ))
}

/// Step and score of every evaluation that has the metric.
fn curve(record: &Record, metric: &str) -> Vec<(f64, f64)> {
    let points = record.curve.iter();
    points
        .filter_map(|point| Some((point.step as f64, *point.validation.get(metric)?)))
        .filter(|(_, score)| score.is_finite())
        .collect()
}

fn draw(canvas: &mut Canvas, choice: &Choice, record: &Record, curve: &[(f64, f64)], (x, y): (&Axis, &Axis)) {
    let colour = palette::class(choice.method_index);
    let hollow = if palette::is_hollow(choice.method_index) { " hollow" } else { "" };
    let name = format!("{}, seed {}", choice.label(), record.seed);
    let at: Vec<(f64, f64)> = curve.iter().map(|&(step, score)| (x.pixel(step), y.pixel(score))).collect();
    if at.len() > 1 {
        canvas.polyline(&at, &format!("curve {colour}{hollow}"), &name);
    }
    // Of equal scores the earliest was kept.
    let mut best: Option<usize> = None;
    for i in 0..curve.len() {
        if best.is_none_or(|known| curve[i].1 > curve[known].1) {
            best = Some(i);
        }
    }
    if let Some(i) = best {
        let (step, score) = curve[i];
        let tooltip = format!("{name}: best at step {step}: {}", quantity::score(score));
        canvas.circle(at[i], 3.6, &format!("marker {colour}{hollow}"), &tooltip);
    }
}
