//! Accuracy, macro F1 and AUROC of a binary classifier with bootstrap intervals, from a file of predictions.
//!
//!     cargo run --release -p minim-metrics --example bootstrap -- FILE [RESAMPLES] [SEED] [SCORES]
//!
//! FILE has one example a line: document, label (0 or 1) and score of the positive class, by blanks; 0.5 and more is
//! predicted positive. SCORES picks some, by commas, of accuracy, f1 and auroc; `none` reads and draws nothing, which is
//! what to subtract. `bootstrap_peer.py` beside this file writes such a file, times this program on it from outside, and
//! times the same in NumPy and SciPy. The threads are rayon's: set RAYON_NUM_THREADS.

use std::error::Error;
use std::process::ExitCode;

use minim_metrics::bootstrap::{Bootstrap, Clusters, Confusion, Measure, Ranked, Statistic};
use minim_metrics::classification::{Average, Labels};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected FILE [RESAMPLES] [SEED] [SCORES]")?;
    let resamples = arguments.next().map_or(Ok(10_000), |resamples| resamples.parse())?;
    let seed = arguments.next().map_or(Ok(0), |seed| seed.parse())?;
    let wanted = arguments.next().unwrap_or_else(|| "accuracy,f1,auroc".to_owned());

    let (mut documents, mut truth, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    let text = std::fs::read_to_string(&path)?;
    for (line, content) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        let fields: Vec<&str> = content.split_whitespace().collect();
        let parsed = match fields[..] {
            [document, label @ ("0" | "1"), score] => score.parse::<f64>().ok().map(|score| (document, label, score)),
            _ => None,
        };
        let (document, label, score) =
            parsed.ok_or_else(|| format!("{path}:{line}: expected a document, 0 or 1, and a number"))?;
        documents.push(document);
        truth.push(label == "1");
        scores.push(score);
    }

    let clusters = Clusters::by_name(&documents)?;
    let labels: Vec<usize> = truth.iter().copied().map(usize::from).collect();
    let predicted: Vec<usize> = scores.iter().map(|score| usize::from(*score >= 0.5)).collect();
    let confusion = Confusion::of_classes(&labels, &predicted, 2, &clusters)?;
    println!("{} examples, {} documents, {resamples} resamples", truth.len(), clusters.len());

    let mut names = Vec::new();
    let mut statistics: Vec<Box<dyn Statistic>> = Vec::new();
    for name in wanted.split(',').filter(|name| *name != "none") {
        statistics.push(match name {
            "accuracy" => Box::new(confusion.accuracy()),
            "f1" => Box::new(confusion.averaged(Average::Macro, Labels::All, Measure::F1)?),
            "auroc" => Box::new(Ranked::auroc(&truth, &scores, &clusters)?),
            _ => return Err("expected accuracy, f1 or auroc".into()),
        });
        names.push(name);
    }
    if statistics.is_empty() {
        return Ok(());
    }
    let statistics: Vec<&dyn Statistic> = statistics.iter().map(|statistic| &**statistic).collect();
    for (name, found) in names.iter().zip(Bootstrap { resamples, level: 0.95, seed }.intervals(&statistics)?) {
        println!("{name:<9} {:.6} [{:.6}, {:.6}]", found.point, found.low, found.high);
    }
    Ok(())
}
