//! What became of a corpus's annotations on the way to examples, in numbers.

use std::fmt;

/// Counts of what a reader of stand-off annotations met; none of them carries text.
///
/// An annotation that cannot be used is never dropped in silence: it is counted here, or it is an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notes {
    /// Documents read.
    pub documents: usize,
    /// Annotations with a type: concepts, events, identifying details.
    pub annotations: usize,
    /// Annotations left out because a longer one covers part of the same words, or the very same words.
    pub overlapping: usize,
    /// Annotations left out because they have no type.
    pub untyped: usize,
    /// Annotations that go over the end of a line.
    pub over_lines: usize,
    /// Annotations found beside their offsets.
    pub moved: usize,
    /// Annotations of the test part taken at their offsets although another text stands there.
    pub unverified: usize,
    /// Files whose XML had to be mended.
    pub mended_files: usize,
    /// Relations stated, each pair and label once.
    pub relations: usize,
    /// Relations left out because their mentions stand on different lines.
    pub relations_across_lines: usize,
    /// Relations beyond the first of a pair of mentions; each is an example of its own, and no model can have all of them right.
    pub further_relations: usize,
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} documents, {} annotations", self.documents, self.annotations)?;
        let rest = [
            (self.overlapping, "left out where they overlap"),
            (self.untyped, "left out for want of a type"),
            (self.over_lines, "over the end of a line"),
            (self.moved, "found beside their offsets"),
            (self.unverified, "with another text at their offsets"),
            (self.mended_files, "files of broken XML"),
            (self.relations, "relations"),
            (self.relations_across_lines, "relations across lines left out"),
            (self.further_relations, "relations of a pair that has another"),
        ];
        rest.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_said() {
        let notes = Notes { documents: 3, annotations: 20, overlapping: 2, ..Notes::default() };
        assert_eq!(notes.to_string(), "3 documents, 20 annotations, 2 left out where they overlap");
    }
}
