//! Is a copy of a dataset whole?

use anyhow::{Result, bail};
use minim_datasets::{Card, Expected, Remarks, Statistics, card, card_in, counts};

use super::Source;
use super::columns::aligned;

/// `cargo xtask data check`.
pub(super) fn check(source: &Source) -> Result<()> {
    let mut found = Statistics::default();
    let remarks = source.pass(&mut found)?;
    let card = match card_in(&source.raw)? {
        Some(beside) => Some(beside),
        None => card(&source.dataset).ok(),
    };
    let sizes = found.splits.each_ref().map(|split| split.examples);
    let [train, validation, test] = sizes;
    println!("{}: {train} train, {validation} validation and {test} test examples", source.dataset);
    if remarks != Remarks::None {
        println!("{remarks}");
    }
    let Some(card) = card else {
        println!("{}: no card expects anything of it: nothing to compare with", source.dataset);
        return Ok(());
    };
    let none = Expected::default();
    let expected = match source.as_published {
        true => card.expected.as_published.as_deref().unwrap_or(&none),
        false => &card.expected,
    };
    compare(&card, expected, &found, &remarks)
}

fn compare(card: &Card, expected: &Expected, found: &Statistics, remarks: &Remarks) -> Result<()> {
    let counts = counts(expected, found, remarks);
    let unknown: Vec<&str> =
        [("the number of examples", !has_sizes(expected)), ("the number of each label", !has_labels(expected))]
            .into_iter()
            .filter_map(|(what, missing)| missing.then_some(what))
            .collect();
    if !counts.is_empty() {
        let heading = ["", "expected", "found", ""].map(str::to_owned).to_vec();
        let row = |count: &minim_datasets::Count| {
            let verdict = match (count.fits(), count.expected == count.found) {
                (true, true) => "",
                (true, false) => "fits",
                (false, _) => "DIFFERS",
            };
            vec![count.what.clone(), count.expected.to_string(), count.found.to_string(), verdict.to_owned()]
        };
        let rows: Vec<Vec<String>> = [heading].into_iter().chain(counts.iter().map(row)).collect();
        print!("{}", aligned(&rows));
        if let Some(source) = &expected.source {
            println!("Expected by: {source}");
        }
    }
    if !unknown.is_empty() {
        println!("The card of {} says nothing of {}: not compared", card.name, unknown.join(" and of "));
    }
    let differing = counts.iter().filter(|count| !count.fits()).count();
    if differing > 0 {
        bail!("{differing} of {} counts are not those of a whole copy of {}", counts.len(), card.name);
    }
    println!(
        "{}: {}",
        card.name,
        if counts.is_empty() { "nothing to compare with" } else { "whole, as far as counts tell" }
    );
    Ok(())
}

fn has_sizes(expected: &Expected) -> bool {
    let Expected { train, validation, test, train_and_validation, validation_and_test, total, .. } = expected;
    [train, validation, test, train_and_validation, validation_and_test, total].into_iter().any(Option::is_some)
}

fn has_labels(expected: &Expected) -> bool {
    let Expected { labels, train_labels, validation_labels, test_labels, .. } = expected;
    [labels, train_labels, validation_labels, test_labels].into_iter().any(|counts| !counts.is_empty())
}
