//! Reads an ONNX file before ONNX Runtime sees it.
//!
//! A file of a few hundred bytes can name another file for its weights (`../../etc/passwd`) or
//! announce a tensor of terabytes. ONNX Runtime would open that file, or allocate that memory. This
//! module reads the protobuf field by field, copies nothing, and refuses such files. It covers
//! every place of `onnx.proto` that can hold a tensor: graphs, graphs within nodes, functions,
//! training graphs.
//!
//! It does not judge what a graph computes. A graph is a program, and can allocate memory while it
//! runs.

use micropb::PbDecoder;

use crate::fields::{Field, Value, each_field};

/// Largest sum of the bytes that all tensors stored in a model announce: 1 GiB. The largest model
/// of our packs has 2 MB.
pub const MOST_TENSOR_BYTES: u64 = 1 << 30;
/// Most fields of a file. The largest model of our packs has some thousands. A field takes two
/// bytes of the file, and may cost ONNX Runtime an object of hundreds of bytes.
const MOST_FIELDS: u64 = 300_000;
/// Most nodes, in all graphs and functions. ONNX Runtime takes about 900 bytes for an empty one.
const MOST_NODES: u64 = 50_000;
/// Most numbers in lists of all attributes. A packed number may take one byte of the file.
const MOST_NUMBERS: u64 = 1_000_000;
/// Most sides of a tensor. Tensors of models have four or five.
const MOST_SIDES: u64 = 64;
/// Deepest nesting of messages. ONNX Runtime's own limit is 100.
const MOST_DEPTH: usize = 64;

/// The bytes of an ONNX file that [`inspect()`] has accepted. Sessions are built from nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected<'a>(&'a [u8]);

impl<'a> Inspected<'a> {
    /// The bytes of the file.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// Why `inspect` refuses a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// Not a protobuf, cut short, or with a field of the wrong kind.
    #[error("it is no ONNX file, or it is damaged ({found}); fetch or export it again")]
    NotOnnx {
        /// The damage.
        found: &'static str,
    },
    /// ONNX Runtime's own format.
    #[error(
        "it is in ONNX Runtime's own format (ORT), which is not read; use the ONNX file it was \
         made from"
    )]
    OrtFormat,
    /// A tensor's data is in another file.
    #[error(
        "its tensor {tensor:?} keeps its data in another file; save the model as one file (in \
         Python, onnx.save with save_as_external_data=False)"
    )]
    ExternalData {
        /// The first 200 bytes of its name.
        tensor: String,
    },
    /// The tensors announce more than [`MOST_TENSOR_BYTES`].
    #[error("its tensors ask for {bytes} bytes; at most {MOST_TENSOR_BYTES} are given")]
    TooLarge {
        /// The sum at which reading stopped; saturates at `u64::MAX`.
        bytes: u64,
    },
    /// Graphs are nested too deep.
    #[error("its graphs are nested more than {MOST_DEPTH} deep")]
    TooDeep,
    /// The file has more parts of one kind than any model needs.
    #[error("it has more than {most} {parts}")]
    TooMany {
        /// The limit.
        most: u64,
        /// The kind of the parts: `fields`, `nodes` and so on.
        parts: &'static str,
    },
}

impl InspectError {
    /// Fails if `count` is above `most`.
    fn if_more(count: u64, most: u64, parts: &'static str) -> Result<(), Self> {
        if count > most { Err(Self::TooMany { most, parts }) } else { Ok(()) }
    }

    /// Fails if `bytes` is above [`MOST_TENSOR_BYTES`].
    fn if_larger(bytes: u64) -> Result<(), Self> {
        if bytes > MOST_TENSOR_BYTES { Err(Self::TooLarge { bytes }) } else { Ok(()) }
    }
}

/// Reads the whole ONNX file in `bytes`.
///
/// # Errors
/// When it is no ONNX file, keeps data in another file, announces more than [`MOST_TENSOR_BYTES`],
/// or has more parts than any model needs.
pub fn inspect(bytes: &[u8]) -> Result<Inspected<'_>, InspectError> {
    // ONNX Runtime recognises its own format by these bytes alone.
    if bytes.get(4..8) == Some(b"ORTM") {
        return Err(InspectError::OrtFormat);
    }
    if Totals::default().read(Message::Model, bytes, 0)?.has_graph {
        Ok(Inspected(bytes))
    } else {
        Err(InspectError::NotOnnx { found: "it has no graph" })
    }
}

/// The messages of `onnx.proto` that can hold tensors and shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
    Type,
    /// A `TypeProto` in another: of a sequence, a map or an optional.
    ElementType,
    TensorType,
    Shape,
    Dimension,
}

impl Message {
    /// The message in the field `number`; `None` if the field holds none of these messages.
    fn child(self, number: u32) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 20) => Self::Training,
            (Self::Model, 25) => Self::Function,
            (Self::Model, 7) | (Self::Training, 1 | 2) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Function, 7) | (Self::Graph, 1) => Self::Node,
            (Self::Function, 11) | (Self::Node, 5) => Self::Attribute,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Self::Tensor
            }
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Function, 12) | (Self::Graph, 11..=13) => Self::ValueInfo,
            // The first field of a map's type is a number.
            (Self::Attribute, 14 | 15) | (Self::ValueInfo, 2) | (Self::ElementType, 1 | 2) => {
                Self::Type
            }
            (Self::Type, 1 | 8) => Self::TensorType,
            (Self::Type, 4 | 5 | 9) => Self::ElementType,
            (Self::TensorType, 2) => Self::Shape,
            (Self::Shape, 1) => Self::Dimension,
            _ => return None,
        })
    }

    /// Whether the message may come several times in the field `number`.
    fn is_repeated(self, number: u32) -> bool {
        match self {
            Self::Model => matches!(number, 20 | 25),
            Self::Attribute => matches!(number, 10 | 11 | 15 | 23),
            Self::Function | Self::Graph | Self::Node | Self::Shape => true,
            _ => false,
        }
    }

    /// Whether the field `number` holds the sides of a stored tensor.
    fn is_dims(self, number: u32) -> bool {
        matches!((self, number), (Self::Tensor, 1) | (Self::SparseTensor, 3))
    }
}

/// The contents of one message that are checked.
#[derive(Debug)]
struct Contents<'a> {
    has_graph: bool,
    name: &'a [u8],
    sides: u64,
    elements: u64,
    element_bytes: u64,
    /// The size of its packed data once it is unpacked.
    unpacked_bytes: u64,
    is_external: bool,
}

/// Sums over the whole file.
#[derive(Default)]
struct Totals {
    fields: u64,
    nodes: u64,
    numbers: u64,
    tensor_bytes: u64,
}

impl Totals {
    fn read<'a>(
        &mut self,
        message: Message,
        bytes: &'a [u8],
        depth: usize,
    ) -> Result<Contents<'a>, InspectError> {
        if depth > MOST_DEPTH {
            return Err(InspectError::TooDeep);
        }
        self.nodes += u64::from(message == Message::Node);
        InspectError::if_more(self.nodes, MOST_NODES, "nodes")?;
        let mut contents = Contents {
            has_graph: false,
            name: b"",
            sides: 0,
            elements: 1,
            element_bytes: WIDEST_ELEMENT,
            unpacked_bytes: 0,
            is_external: false,
        };
        let mut seen = 0_u64;
        for field in each_field(bytes) {
            self.count_fields(1)?;
            let Field { number, value, .. } =
                field.map_err(|found| InspectError::NotOnnx { found })?;
            let (Value::Bytes(content), Some(child)) = (value, message.child(number)) else {
                self.count_within(message, number, value)?;
                contents.add(message, number, value)?;
                continue;
            };
            // A decoder merges parts that come twice: two small shapes would become a large one.
            if !message.is_repeated(number) && seen & (1 << number) != 0 {
                return Err(InspectError::NotOnnx { found: "a part that comes twice" });
            }
            seen |= 1 << number;
            let inner = self.read(child, content, depth + 1)?;
            contents.has_graph |= child == Message::Graph;
            match child {
                Message::Dimension => contents.add_side(inner.elements)?,
                Message::Shape => contents.elements = inner.elements,
                // A sparse tensor has its values' type.
                Message::Tensor if (message, number) == (Message::SparseTensor, 1) => {
                    contents.element_bytes = inner.element_bytes;
                }
                _ => {}
            }
        }
        self.weigh(message, &contents)?;
        Ok(contents)
    }

    fn count_fields(&mut self, fields: u64) -> Result<(), InspectError> {
        self.fields = self.fields.saturating_add(fields);
        InspectError::if_more(self.fields, MOST_FIELDS, "fields")
    }

    /// Counts the parts of a field that is not looked into.
    fn count_within(
        &mut self,
        message: Message,
        number: u32,
        value: Value<'_>,
    ) -> Result<(), InspectError> {
        let Value::Bytes(content) = value else { return Ok(()) };
        match (message, number) {
            (Message::Attribute, 7) => self.numbers += content.len() as u64 / 4,
            (Message::Attribute, 8) => self.numbers += varints(content),
            // Nested messages about quantization and several devices, which no pack has. Each takes
            // at least one byte.
            (Message::Graph, 14) | (Message::Node, 10) | (Message::Model, 26) => {
                self.count_fields(content.len() as u64)?;
            }
            _ => {}
        }
        InspectError::if_more(self.numbers, MOST_NUMBERS, "numbers in attributes of nodes")
    }

    /// Adds the memory that ONNX Runtime needs for a message.
    fn weigh(&mut self, message: Message, contents: &Contents<'_>) -> Result<(), InspectError> {
        let &Contents { name, elements, element_bytes, unpacked_bytes, .. } = contents;
        if contents.is_external {
            let tensor = String::from_utf8_lossy(&name[..name.len().min(200)]);
            return Err(InspectError::ExternalData { tensor: tensor.into_owned() });
        }
        let bytes = match message {
            Message::Tensor => elements.saturating_mul(element_bytes).max(unpacked_bytes),
            // The dense tensor that is filled with zeros. Its values are tensors and count too.
            Message::SparseTensor => elements.saturating_mul(element_bytes),
            // Not stored, so not added up.
            Message::TensorType => return InspectError::if_larger(elements.saturating_mul(FLOAT)),
            _ => return Ok(()),
        };
        self.tensor_bytes = self.tensor_bytes.saturating_add(bytes);
        InspectError::if_larger(self.tensor_bytes)
    }
}

impl<'a> Contents<'a> {
    fn add(&mut self, message: Message, number: u32, value: Value<'a>) -> Result<(), InspectError> {
        match (message, number, value) {
            (_, _, Value::Number(side)) if message.is_dims(number) => self.add_side(side)?,
            // Packed sides.
            (_, _, Value::Bytes(content)) if message.is_dims(number) => {
                let mut reader = PbDecoder::new(content);
                while !reader.as_reader().is_empty() {
                    let damaged = |_| InspectError::NotOnnx { found: "a damaged list of sides" };
                    self.add_side(reader.decode_varint64().map_err(damaged)?)?;
                }
            }
            // Some exporters write -1 for an open side.
            (Message::Dimension, 1, Value::Number(side)) if i64::try_from(side).is_ok() => {
                self.elements = self.elements.max(side);
            }
            (Message::Tensor, 2, Value::Number(kind)) => self.element_bytes = element_bytes(kind),
            (Message::Tensor, 14, Value::Number(place)) => self.is_external |= place != 0,
            (Message::Tensor, 4 | 10, Value::Bytes(data)) => {
                self.unpacked_bytes += data.len() as u64;
            }
            (Message::Tensor, 5, Value::Bytes(data)) => self.unpacked_bytes += 4 * varints(data),
            (Message::Tensor, 7 | 11, Value::Bytes(data)) => {
                self.unpacked_bytes += 8 * varints(data);
            }
            (Message::Tensor, 8, Value::Bytes(name)) => self.name = name,
            (Message::Tensor, 13, Value::Bytes(_)) => self.is_external = true,
            _ => {}
        }
        Ok(())
    }

    /// Multiplies the elements by `side`. An empty side counts as one, so that the product of the
    /// others is still checked.
    fn add_side(&mut self, side: u64) -> Result<(), InspectError> {
        // The file stores sides as signed numbers.
        if i64::try_from(side).is_err() {
            return Err(InspectError::NotOnnx { found: "a tensor with a negative side" });
        }
        self.sides += 1;
        InspectError::if_more(self.sides, MOST_SIDES, "sides of one tensor")?;
        self.elements = self.elements.saturating_mul(side.max(1));
        Ok(())
    }
}

/// Bytes of a 32-bit float.
const FLOAT: u64 = 4;
/// Bytes of a C++ string, in which ONNX Runtime keeps one.
const WIDEST_ELEMENT: u64 = 32;

/// Bytes that ONNX Runtime takes for an element of `TensorProto.DataType`.
fn element_bytes(data_type: u64) -> u64 {
    match data_type {
        2 | 3 | 9 | 17..=28 => 1,
        4 | 5 | 10 | 16 => 2,
        1 | 6 | 12 => FLOAT,
        7 | 11 | 13 | 14 => 8,
        15 => 16,
        _ => WIDEST_ELEMENT,
    }
}

/// The number of packed varints in `content`. The last byte of each has its highest bit clear.
fn varints(content: &[u8]) -> u64 {
    content.iter().filter(|byte| **byte < 0x80).count() as u64
}
