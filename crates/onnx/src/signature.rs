//! What a model must take and give.

/// One dimension of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    /// Exactly this many.
    Is(usize),
    /// Whatever the input makes of it.
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
    /// Whether a graph that declares `declared` (negative: decided at run time) can be fed or read
    /// with this shape.
    pub(crate) fn admits_declared(&self, declared: &[i64]) -> bool {
        self.0.len() == declared.len()
            && self.0.iter().zip(declared).all(|(wanted, &declared)| match wanted {
                Dim::Is(n) => declared < 0 || declared == *n as i64,
                Dim::Any => true,
            })
    }

    /// Whether a tensor of exactly `found` fits.
    pub(crate) fn admits(&self, found: &[usize]) -> bool {
        self.0.len() == found.len()
            && self.0.iter().zip(found).all(|(wanted, found)| match wanted {
                Dim::Is(n) => n == found,
                Dim::Any => true,
            })
    }
}

/// One output that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSignature {
    /// Its name in the graph; without one, its position among those asked for.
    pub name: Option<&'static str>,
    /// Its shape.
    pub shape: Vec<Dim>,
}

/// What a model must take and give: one float32 input, and the outputs that are read. Outputs
/// beyond those are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Batch, channels, height, width.
    pub input: [Dim; 4],
    /// In the order in which [`Outputs::get`](crate::Outputs::get) counts them.
    pub outputs: Vec<OutputSignature>,
}
