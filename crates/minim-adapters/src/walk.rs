/// What a traversal enters where a weight is in few bits, and finds nothing in: there is no parameter.
pub(crate) const QUANTISED: &str = "Quantised";

/// Where a traversal of a module stands: names from the root, each with burn's name of what holds it.
#[derive(Debug, Default)]
pub(crate) struct Walk(Vec<(String, String)>);

impl Walk {
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.into(), container.into()));
    }

    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    /// The path of what is visited, joined by dots.
    pub(crate) fn path(&self) -> String {
        self.0.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(".")
    }

    /// Whether a [`crate::Linear`] holds what is visited. A field's container is the struct that holds it.
    pub(crate) fn in_linear(&self) -> bool {
        self.0.last().is_some_and(|(_, container)| container == "Struct:Linear")
    }

    /// Whether a [`crate::TokenEmbedding`] holds what is visited.
    pub(crate) fn in_table(&self) -> bool {
        self.0.last().is_some_and(|(_, container)| container == "Struct:TokenEmbedding")
    }

    /// Whether what is visited belongs to an adapter.
    pub(crate) fn in_adapter(&self) -> bool {
        self.0.iter().any(|(_, container)| container == "Reparameterization")
    }

    /// Whether what is entered stands for a weight in few bits.
    pub(crate) fn in_quantised(&self) -> bool {
        self.0.last().is_some_and(|(_, container)| container == QUANTISED)
    }
}
