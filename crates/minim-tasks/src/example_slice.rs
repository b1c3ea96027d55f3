//! One split or one file of examples of any kind, as [`Task::encode_all`](crate::Task::encode_all) takes it.

use minim_datasets::{Examples, Kind, Labelled, Related, Tagged, document};

/// Examples of one kind of task, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum ExampleSlice<'a> {
    /// For [`Task::Sequence`](crate::Task::Sequence).
    Sequence(&'a [Labelled]),
    /// For [`Task::Token`](crate::Task::Token).
    Tokens(&'a [Tagged]),
    /// For [`Task::Relation`](crate::Task::Relation).
    Relations(&'a [Related]),
}

impl ExampleSlice<'_> {
    /// The document of each example, or its id where the corpus does not say which document it is from.
    pub fn documents(&self) -> Vec<String> {
        let named = |id: &String| document(id).unwrap_or(id).to_owned();
        match self {
            Self::Sequence(examples) => examples.iter().map(|example| named(&example.id)).collect(),
            Self::Tokens(examples) => examples.iter().map(|example| named(&example.id)).collect(),
            Self::Relations(examples) => examples.iter().map(|example| named(&example.id)).collect(),
        }
    }

    /// The number of examples.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Sequence(examples) => examples.len(),
            Self::Tokens(examples) => examples.len(),
            Self::Relations(examples) => examples.len(),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Sequence(_) => Kind::Sequence,
            Self::Tokens(_) => Kind::Tokens,
            Self::Relations(_) => Kind::Relations,
        }
    }
}

impl<'a> From<&'a [Labelled]> for ExampleSlice<'a> {
    fn from(examples: &'a [Labelled]) -> Self {
        Self::Sequence(examples)
    }
}

impl<'a> From<&'a [Tagged]> for ExampleSlice<'a> {
    fn from(examples: &'a [Tagged]) -> Self {
        Self::Tokens(examples)
    }
}

impl<'a> From<&'a [Related]> for ExampleSlice<'a> {
    fn from(examples: &'a [Related]) -> Self {
        Self::Relations(examples)
    }
}

impl<'a> From<&'a Examples> for ExampleSlice<'a> {
    fn from(examples: &'a Examples) -> Self {
        match examples {
            Examples::Sequence(examples) => Self::Sequence(examples),
            Examples::Tokens(examples) => Self::Tokens(examples),
            Examples::Relations(examples) => Self::Relations(examples),
        }
    }
}
