//! The majority baseline: always answer with the most frequent class of the training data.
//!
//! Source: `DummyClassifier(strategy="most_frequent")` of scikit-learn. A model that does not beat it learned nothing.

use crate::Error;
use crate::classification::check_labels;

/// The most frequent class; of several equally frequent ones, the lowest.
///
/// # Errors
/// No label, or one that is not below `classes`.
///
/// ```
/// use minim_metrics::{baseline::majority, classification::accuracy};
///
/// let class = majority(&[0, 1, 1, 2], 3)?;
/// let test = [1, 0, 1, 1];
/// assert_eq!(accuracy(&test, &vec![class; test.len()])?, 0.75);
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn majority(labels: &[usize], classes: usize) -> Result<usize, Error> {
    check_labels("training labels", labels, classes)?;
    let mut counts = vec![0_usize; classes];
    for &label in labels {
        counts[label] += 1;
    }
    let first_most_frequent = (0..classes).rev().max_by_key(|&class| counts[class]);
    match first_most_frequent {
        Some(class) if !labels.is_empty() => Ok(class),
        _ => Err(Error::Empty { what: "training label" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_named() {
        assert_eq!(majority(&[], 2), Err(Error::Empty { what: "training label" }));
        assert_eq!(majority(&[], 0), Err(Error::Empty { what: "training label" }));
        let label = Error::LabelOutOfRange { what: "training labels", position: 1, label: 2, classes: 2 };
        assert_eq!(majority(&[0, 2], 2), Err(label));
    }
}
