//! Figures are well-formed, stay inside their frame, and no text covers another.

use minim_experiment::Record;
use minim_report::{Table, figures};
use roxmltree::{Document, Node};

use crate::sample;

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    let text = node.attribute(name).unwrap_or_else(|| panic!("<{}> has no {name}", node.tag_name().name()));
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number"))
}

/// Left, top, right and bottom of every shape and text.
fn boxes(svg: &Document<'_>) -> Vec<(String, [f64; 4])> {
    let mut boxes = Vec::new();
    for node in svg.descendants().filter(Node::is_element) {
        let n = |name| number(node, name);
        let area = match node.tag_name().name() {
            "circle" => [n("cx") - n("r"), n("cy") - n("r"), n("cx") + n("r"), n("cy") + n("r")],
            // The background of a file of its own.
            "rect" if node.attribute("width") == Some("100%") => continue,
            "rect" => [n("x"), n("y"), n("x") + n("width"), n("y") + n("height")],
            "line" => [n("x1").min(n("x2")), n("y1").min(n("y2")), n("x1").max(n("x2")), n("y1").max(n("y2"))],
            "polyline" | "polygon" => {
                let points = node.attribute("points").expect("a shape has points");
                let points: Vec<(f64, f64)> = points
                    .split(' ')
                    .map(|pair| {
                        let (x, y) = pair.split_once(',').expect("x,y");
                        (x.parse().expect("x"), y.parse().expect("y"))
                    })
                    .collect();
                let fold = |of: fn(&(f64, f64)) -> f64, pick: fn(f64, f64) -> f64| {
                    points.iter().map(of).reduce(pick).expect("a point")
                };
                [fold(|p| p.0, f64::min), fold(|p| p.1, f64::min), fold(|p| p.0, f64::max), fold(|p| p.1, f64::max)]
            }
            "text" => {
                let text = node.text().expect("a text has letters");
                // A rougher and independent estimate than the crate's own: half the letter height for every letter.
                let width = 6.0 * text.chars().count() as f64;
                let left = match node.attribute("text-anchor") {
                    Some("middle") => n("x") - width / 2.0,
                    Some("end") => n("x") - width,
                    _ => n("x"),
                };
                [left, n("y") - 9.0, left + width, n("y") + 2.0]
            }
            _ => continue,
        };
        let name = format!("{} {}", node.tag_name().name(), node.text().unwrap_or_default());
        boxes.push((name, area));
    }
    boxes
}

fn check(records: &[Record], wanted: usize) {
    let table = Table::from_records(records);
    let figures = figures(&table);
    assert_eq!(figures.len(), wanted);
    for figure in &figures {
        for svg in [figure.inline(), figure.to_svg()] {
            let parsed = Document::parse(&svg).unwrap_or_else(|e| panic!("{}: {e}", figure.name));
            let root = parsed.root_element();
            assert_eq!(root.attribute("role"), Some("img"));
            for part in ["title", "desc"] {
                let found = root.children().find(|n| n.has_tag_name(part) || n.tag_name().name() == part);
                assert!(found.is_some_and(|n| !n.text().unwrap_or_default().is_empty()), "{}: no {part}", figure.name);
            }
            let view: Vec<f64> = root
                .attribute("viewBox")
                .expect("a viewBox")
                .split(' ')
                .map(|n| n.parse().expect("a number"))
                .collect();
            let boxes = boxes(&parsed);
            for (name, [left, top, right, bottom]) in &boxes {
                assert!(
                    *left >= 0.0 && *top >= 0.0 && *right <= view[2] && *bottom <= view[3],
                    "{}: {name} at {left} {top} {right} {bottom} is outside {view:?}",
                    figure.name
                );
            }
            let texts: Vec<_> = boxes.iter().filter(|(name, _)| name.starts_with("text ")).collect();
            for (i, (a, first)) in texts.iter().enumerate() {
                for (b, second) in &texts[i + 1..] {
                    let apart = first[2] <= second[0]
                        || second[2] <= first[0]
                        || first[3] <= second[1]
                        || second[3] <= first[1];
                    assert!(apart, "{}: \"{a}\" covers \"{b}\"", figure.name);
                }
            }
        }
        assert!(!figure.to_svg().contains("var(--m"), "a file of its own has plain colours");
    }
}

#[test]
fn a_grid_with_one_seed() {
    check(&sample::grid(&[12]), 9);
}

#[test]
fn a_grid_with_three_seeds() {
    check(&sample::grid(&[12, 34, 56]), 9);
}

#[test]
fn a_single_run() {
    check(&[sample::one()], 3);
}

#[test]
fn scores_and_costs_that_are_missing_or_odd() {
    let mut records = sample::grid(&[12]);
    for (at, record) in records.iter_mut().enumerate() {
        match at % 4 {
            0 => record.scores.test.clear(),
            1 => record.cost = None,
            2 => record.curve.clear(),
            _ => {
                if let Some(cost) = &mut record.cost {
                    cost.kept_bytes = 0;
                    cost.train_s = 123_456.7;
                    cost.peak_memory_bytes = None;
                }
            }
        }
        record.run.model.name = "a-model-with-a-rather-long-name-of-its-own".into();
    }
    check(&records, 9);
}

#[test]
fn ten_methods_and_five_models() {
    let mut records = Vec::new();
    for model in 0..5_u32 {
        for method in 0..10_u32 {
            let mut record = sample::one();
            record.run.model.name = format!("model-{model}");
            record.run.method.name = format!("method-{method}");
            let score = 0.5 + 0.04 * f64::from(model) + 0.02 * f64::from(method);
            record.scores.test.insert("macro_f1".into(), score);
            if let Some(cost) = &mut record.cost {
                cost.train_s = f64::from(1 + method) * f64::from(1 + model);
            }
            records.push(record);
        }
    }
    check(&records, 3);
}
