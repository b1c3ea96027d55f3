//! One example of any kind, borrowed: what passes from a reader to whoever takes examples one by one.

use crate::dataset::{Dataset, Kind};
use crate::document_split::Split;
use crate::error::Error;
use crate::example::{Labelled, Related, Tagged};
use crate::label_set::LabelSet;

/// An example of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExampleRef<'a> {
    /// A text with one label.
    Sequence(&'a Labelled),
    /// Words with one tag each.
    Tokens(&'a Tagged),
    /// A pair of mentions with one label.
    Relations(&'a Related),
}

/// What takes the examples of a corpus one by one.
pub trait Sink {
    /// Told once, before the first example, what kind of examples comes and what their labels index.
    ///
    /// # Errors
    /// Whatever keeps it from taking any.
    fn begin(&mut self, kind: Kind, labels: &LabelSet) -> Result<(), Error>;

    /// Takes an example.
    ///
    /// # Errors
    /// Whatever keeps it from taking this one.
    fn take(&mut self, split: Split, example: ExampleRef<'_>) -> Result<(), Error>;
}

/// Both take every example, the first one first.
impl<A: Sink, B: Sink> Sink for (A, B) {
    fn begin(&mut self, kind: Kind, labels: &LabelSet) -> Result<(), Error> {
        self.0.begin(kind, labels)?;
        self.1.begin(kind, labels)
    }

    fn take(&mut self, split: Split, example: ExampleRef<'_>) -> Result<(), Error> {
        self.0.take(split, example)?;
        self.1.take(split, example)
    }
}

impl Dataset {
    /// Hands all examples to `sink`: training, validation, test.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn pass_to(&self, sink: &mut dyn Sink) -> Result<(), Error> {
        sink.begin(self.kind(), self.labels())?;
        match self {
            Self::Sequence(splits) => {
                pass([&splits.train, &splits.validation, &splits.test], ExampleRef::Sequence, sink)
            }
            Self::Tokens(splits) => pass([&splits.train, &splits.validation, &splits.test], ExampleRef::Tokens, sink),
            Self::Relations(splits) => {
                pass([&splits.train, &splits.validation, &splits.test], ExampleRef::Relations, sink)
            }
        }
    }
}

fn pass<'a, E>(
    splits: [&'a Vec<E>; 3],
    borrowed: impl Fn(&'a E) -> ExampleRef<'a>,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    for (split, examples) in Split::ALL.into_iter().zip(splits) {
        examples.iter().try_for_each(|example| sink.take(split, borrowed(example)))?;
    }
    Ok(())
}
