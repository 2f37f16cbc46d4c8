//! The input and outputs that a model must have.

/// One side of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    /// Exactly this size.
    Is(usize),
    /// Any size.
    Any,
}

/// A shape, printed as `[1,3,80,?]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape(pub(crate) Vec<Dim>);

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dim = |dim: &Dim| match dim {
            Dim::Is(n) => n.to_string(),
            Dim::Any => "?".to_owned(),
        };
        write!(f, "[{}]", self.0.iter().map(dim).collect::<Vec<_>>().join(","))
    }
}

impl Shape {
    /// Whether a tensor with `sides` fits. A side that the graph leaves open is `None` and fits.
    pub(crate) fn admits(&self, sides: &[Option<usize>]) -> bool {
        self.0.len() == sides.len()
            && self.0.iter().zip(sides).all(|(wanted, side)| match (wanted, side) {
                (Dim::Is(wanted), Some(side)) => wanted == side,
                _ => true,
            })
    }
}

/// One output that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSignature {
    /// Its name in the graph. Without a name, its position in the signature counts.
    pub name: Option<&'static str>,
    /// Its shape.
    pub shape: Vec<Dim>,
}

/// The one float32 input of a model, and the outputs that are read. The model may have more
/// outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Pictures, channels, height, width.
    pub input: [Dim; 4],
    /// In the order in which [`Outputs::get`](crate::Outputs::get) counts them.
    pub outputs: Vec<OutputSignature>,
}
