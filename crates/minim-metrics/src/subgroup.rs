//! The same scores by subgroup: sex, age band, hospital, kind of note.
//!
//! A model that is good on the whole can be bad for some. The functions take one group name per example and give one row
//! per group, sorted by name; where a group is too small for a score, it has none. For an interval around a row, resample
//! the group's examples with [`bootstrap`](crate::bootstrap).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::classification::{self, Average, Labels, Rates};
use crate::entity::{self, EntityReport};
use crate::{Error, Scores, operating_point, ranking};

/// What one group scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row<T> {
    /// The group's name.
    pub group: String,
    /// Its examples; sentences for entities.
    pub examples: usize,
    /// Its scores.
    #[serde(flatten)]
    pub scores: T,
}

/// A binary classifier in one group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Binary {
    /// Positive examples.
    pub positives: usize,
    /// [`ranking::auroc`]; `None` where there is one class only.
    pub auroc: Option<f64>,
    /// [`ranking::average_precision`]; `None` without a positive, where it would be 0 by convention.
    pub average_precision: Option<f64>,
    /// At the one threshold of all groups.
    #[serde(flatten)]
    pub rates: Rates,
}

/// A classifier of any number of classes in one group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Classes {
    /// [`classification::accuracy`].
    pub accuracy: f64,
    /// [`classification::averaged`].
    #[serde(flatten)]
    pub averaged: Scores,
}

/// One row per group: `score` gets the places of the group's examples, in order.
///
/// # Errors
/// No example, or what `score` answers.
///
/// ```
/// use minim_metrics::subgroup::table;
///
/// let lengths = [100, 20, 300];
/// let rows = table(&["ICU", "ward", "ICU"], |members| Ok(members.iter().map(|&m| lengths[m]).max()))?;
/// assert_eq!((rows[0].group.as_str(), rows[0].examples, rows[0].scores), ("ICU", 2, Some(300)));
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn table<S: AsRef<str>, T>(
    groups: &[S],
    mut score: impl FnMut(&[usize]) -> Result<T, Error>,
) -> Result<Vec<Row<T>>, Error> {
    if groups.is_empty() {
        return Err(Error::Empty { what: "example" });
    }
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (example, group) in groups.iter().enumerate() {
        members.entry(group.as_ref()).or_default().push(example);
    }
    let row = |(group, members): (&str, Vec<usize>)| {
        Ok(Row { group: group.to_owned(), examples: members.len(), scores: score(&members)? })
    };
    members.into_iter().map(row).collect()
}

/// A binary classifier by group, all at one threshold: an example is predicted positive where its score is at least this.
///
/// # Errors
/// No example, another number of scores or of groups than of truths, or a score or threshold that is not finite.
pub fn binary<S: AsRef<str>>(
    truth: &[bool],
    scores: &[f64],
    threshold: f64,
    groups: &[S],
) -> Result<Vec<Row<Binary>>, Error> {
    // On all examples first, so that an error names a place in them.
    operating_point::at(truth, scores, threshold)?;
    check_groups(truth.len(), groups.len())?;
    table(groups, |members| {
        let truth: Vec<bool> = members.iter().map(|&member| truth[member]).collect();
        let scores: Vec<f64> = members.iter().map(|&member| scores[member]).collect();
        let positives = truth.iter().filter(|positive| **positive).count();
        Ok(Binary {
            positives,
            auroc: defined(ranking::auroc(&truth, &scores))?,
            average_precision: match positives {
                0 => None,
                _ => Some(ranking::average_precision(&truth, &scores)?),
            },
            rates: operating_point::at(&truth, &scores, threshold)?.rates,
        })
    })
}

/// A classifier by group.
///
/// # Errors
/// As [`classification::averaged`], and another number of groups than of truths.
pub fn classes<S: AsRef<str>>(
    truth: &[usize],
    predicted: &[usize],
    classes: usize,
    by: Average,
    labels: Labels<'_>,
    groups: &[S],
) -> Result<Vec<Row<Classes>>, Error> {
    classification::averaged(truth, predicted, classes, by, labels)?;
    check_groups(truth.len(), groups.len())?;
    table(groups, |members| {
        let of = |labels: &[usize]| -> Vec<usize> { members.iter().map(|&member| labels[member]).collect() };
        let (truth, predicted) = (of(truth), of(predicted));
        Ok(Classes {
            accuracy: classification::accuracy(&truth, &predicted)?,
            averaged: classification::averaged(&truth, &predicted, classes, by, labels)?,
        })
    })
}

/// An entity recogniser by group, one group per sentence.
///
/// # Errors
/// As [`entity::scores`], and another number of groups than of sentences.
pub fn entities<S: AsRef<str>, T: AsRef<str>, G: AsRef<str>>(
    truth: &[Vec<S>],
    predicted: &[Vec<T>],
    groups: &[G],
) -> Result<Vec<Row<EntityReport>>, Error> {
    entity::scores(truth, predicted)?;
    check_groups(truth.len(), groups.len())?;
    table(groups, |members| {
        let truth: Vec<Vec<&str>> = members.iter().map(|&m| truth[m].iter().map(AsRef::as_ref).collect()).collect();
        let predicted: Vec<Vec<&str>> =
            members.iter().map(|&m| predicted[m].iter().map(AsRef::as_ref).collect()).collect();
        entity::scores(&truth, &predicted)
    })
}

fn check_groups(truth: usize, groups: usize) -> Result<(), Error> {
    if truth == groups { Ok(()) } else { Err(Error::GroupLengths { examples: truth, groups }) }
}

/// A score that has no value is left out of a row, whatever is wrong with the input is not.
fn defined(score: Result<f64, Error>) -> Result<Option<f64>, Error> {
    match score {
        Ok(score) => Ok(Some(score)),
        Err(Error::Undefined { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_one_class_keeps_the_scores_that_it_has() {
        let rows = binary(&[true, false, false], &[0.9, 0.2, 0.7], 0.5, &["a", "a", "b"]).unwrap();
        let rates = |sensitivity, specificity, ppv, npv| Rates { sensitivity, specificity, ppv, npv };
        assert_eq!(rows[0].scores.auroc, Some(1.0));
        assert_eq!(rows[0].scores.rates, rates(Some(1.0), Some(1.0), Some(1.0), Some(1.0)));
        assert_eq!((rows[1].scores.auroc, rows[1].scores.average_precision), (None, None));
        assert_eq!(rows[1].scores.rates, rates(None, Some(0.0), Some(0.0), None));
    }

    #[test]
    fn bad_input_is_named_by_its_place_among_all_examples() {
        let not_finite = binary(&[true, false, false], &[0.9, 0.2, f64::NAN], 0.5, &["a", "a", "b"]);
        assert_eq!(not_finite, Err(Error::NotFinite { example: 2, class: 1 }));
        let groups = binary(&[true, false], &[0.9, 0.2], 0.5, &["a"]);
        assert_eq!(groups, Err(Error::GroupLengths { examples: 2, groups: 1 }));
        let label = classes(&[0, 1], &[0, 2], 2, Average::Macro, Labels::All, &["b", "a"]);
        assert!(matches!(label, Err(Error::LabelOutOfRange { position: 1, .. })));
        let tag = entities(&[vec!["O"], vec!["O"]], &[vec!["O"], vec!["x"]], &["b", "a"]);
        assert_eq!(tag, Err(Error::NotBio { sentence: 1, position: 0 }));
    }
}
