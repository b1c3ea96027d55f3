//! Which example belongs to which document or patient.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::Error;

/// Examples in the groups that are drawn as wholes; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clusters {
    /// The cluster of each example.
    of: Arc<[u32]>,
    /// Sorted; `None` where each example is a cluster of its own.
    names: Option<Arc<[String]>>,
    count: usize,
}

impl Clusters {
    /// Each of `examples` examples by itself, numbered by its place.
    ///
    /// # Errors
    /// No example, or 2^32 of them.
    pub fn singletons(examples: usize) -> Result<Self, Error> {
        let count = check(examples)?;
        Ok(Self { of: (0..count).collect(), names: None, count: examples })
    }

    /// Examples with one name, of a document or a patient, together. Clusters are numbered in the order of their names,
    /// so that the order of the examples changes no draw.
    ///
    /// # Errors
    /// No example, or 2^32 of them.
    pub fn by_name<S: AsRef<str>>(names: &[S]) -> Result<Self, Error> {
        let sorted: BTreeSet<&str> = names.iter().map(AsRef::as_ref).collect();
        check(names.len())?;
        let sorted: Vec<String> = sorted.into_iter().map(str::to_owned).collect();
        let place = |name: &S| sorted.partition_point(|known| known.as_str() < name.as_ref()) as u32;
        Ok(Self { of: names.iter().map(place).collect(), count: sorted.len(), names: Some(sorted.into()) })
    }

    /// The number of clusters, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "clusters of no example cannot be made")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The number of examples, at least 1.
    pub fn examples(&self) -> usize {
        self.of.len()
    }

    /// The cluster of each example, each below [`len`](Self::len).
    pub fn of(&self) -> &[u32] {
        &self.of
    }

    /// Whether a draw of these is a draw of the others.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.count == other.count && self.names == other.names
    }

    /// One number per example is expected of truth or prediction.
    pub(crate) fn check_examples(&self, found: usize) -> Result<(), Error> {
        if found == self.examples() {
            return Ok(());
        }
        Err(Error::ClusterLengths { clustered: self.examples(), found })
    }
}

fn check(examples: usize) -> Result<u32, Error> {
    match u32::try_from(examples) {
        Ok(0) => Err(Error::Empty { what: "example" }),
        Ok(count) => Ok(count),
        Err(_) => Err(Error::TooMany { found: examples }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_in_their_order() {
        let clusters = Clusters::by_name(&["b", "a", "c", "a"]).unwrap();
        assert_eq!((clusters.of(), clusters.len(), clusters.examples()), (&[1, 0, 2, 0][..], 3, 4));
        let alone = Clusters::singletons(3).unwrap();
        assert_eq!((alone.of(), alone.len()), (&[0, 1, 2][..], 3));
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        assert_eq!(Clusters::singletons(0), Err(Error::Empty { what: "example" }));
        assert_eq!(Clusters::by_name::<&str>(&[]), Err(Error::Empty { what: "example" }));
        let many = 1 << 32;
        assert_eq!(Clusters::singletons(many), Err(Error::TooMany { found: many }));
    }
}
