//! What an ONNX file says, read before ONNX Runtime sees it.
//!
//! A file of a few hundred bytes can name another file for its weights (`../../etc/passwd`) or announce a
//! tensor of terabytes, and ONNX Runtime would open the one and make room for the other. This reads the
//! protobuf field by field, copies nothing, and refuses such files by name. It covers every place of
//! `onnx.proto` that a tensor can be in: graphs, the graphs within nodes, functions, training graphs.
//!
//! What it does not do: it does not judge what a graph computes. A graph is a program, and can ask for
//! memory while it runs.

use micropb::{
    DecodeError, PbDecoder, WIRE_TYPE_I32, WIRE_TYPE_I64, WIRE_TYPE_LEN, WIRE_TYPE_VARINT,
};

/// Most bytes that the tensors stored in a model may say they have, all together: 1 GiB. The largest model
/// of our packs has 2 MB.
pub const MOST_TENSOR_BYTES: u64 = 1 << 30;
/// Most fields that are read of a file. The largest model of our packs has some thousands; each may cost
/// ONNX Runtime an object of hundreds of bytes, and the file only two.
const MOST_FIELDS: u64 = 300_000;
/// Most nodes, in all graphs and functions. ONNX Runtime takes about 900 bytes for an empty one.
const MOST_NODES: u64 = 50_000;
/// Most numbers in lists that nodes have as attributes. Packed, one may be a byte in the file.
const MOST_NUMBERS: u64 = 1_000_000;
/// Most sides of a tensor. Those of models have four or five.
const MOST_SIDES: u32 = 64;
/// How deep messages may stand in one another. ONNX Runtime's own reader goes to 100.
const MOST_DEPTH: usize = 64;

/// Why a file is not handed to ONNX Runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// Not a protobuf, cut short, or with a field of the wrong kind.
    #[error("it is no ONNX file, or it is damaged ({what}); fetch or export it again")]
    NotOnnx {
        /// What was come upon.
        what: &'static str,
    },
    /// The format that ONNX Runtime has beside ONNX.
    #[error(
        "it is in ONNX Runtime's own format (ORT), which is not read; use the ONNX file it was made from"
    )]
    OrtFormat,
    /// A tensor's data is in another file.
    #[error(
        "its tensor {tensor:?} keeps its data in another file; save the model as one file (in Python, \
         onnx.save with save_as_external_data=False)"
    )]
    ExternalData {
        /// Its name, as far as it can be read.
        tensor: String,
    },
    /// More room is asked for than is given.
    #[error("its tensors ask for {bytes} bytes; at most {MOST_TENSOR_BYTES} are given")]
    TooLarge {
        /// What is asked for until it was too much; `u64::MAX` stands for any number beyond.
        bytes: u64,
    },
    /// Graphs within graphs within graphs.
    #[error("its graphs are nested more than {MOST_DEPTH} deep")]
    TooDeep,
    /// More parts than any model has.
    #[error("it has more than {MOST_FIELDS} fields")]
    TooManyFields,
    /// More steps than any model has.
    #[error("it has more than {MOST_NODES} nodes")]
    TooManyNodes,
    /// More numbers in attributes than any model has.
    #[error("the attributes of its nodes have more than {MOST_NUMBERS} numbers")]
    TooManyNumbers,
    /// A tensor of more dimensions than any has.
    #[error("one of its tensors has more than {MOST_SIDES} sides")]
    TooManySides,
}

/// Reads the ONNX file in `bytes` through.
///
/// # Errors
/// When it is no ONNX file, keeps data elsewhere, asks for more than [`MOST_TENSOR_BYTES`], or has more parts
/// than any model.
pub fn inspect(bytes: &[u8]) -> Result<(), InspectError> {
    // ONNX Runtime tells its own format by these bytes, whatever the rest is.
    if bytes.get(4..8) == Some(b"ORTM") {
        return Err(InspectError::OrtFormat);
    }
    let mut walk = Walk::default();
    if walk.message(Message::Model, bytes, 0)?.has_graph {
        Ok(())
    } else {
        Err(InspectError::NotOnnx { what: "it has no graph" })
    }
}

/// The messages of `onnx.proto` that tensors and shapes are in.
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

/// How often a message may stand in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Often,
}

impl Message {
    /// What is in the field `number`, if it is one of those that are looked into.
    fn child(self, number: u32) -> Option<(Self, Times)> {
        use Times::{Often, Once};
        Some(match (self, number) {
            (Self::Model, 20) => (Self::Training, Often),
            (Self::Model, 25) => (Self::Function, Often),
            (Self::Model, 7) | (Self::Training, 1 | 2) | (Self::Attribute, 6) => {
                (Self::Graph, Once)
            }
            (Self::Attribute, 11) => (Self::Graph, Often),
            (Self::Function, 7) | (Self::Graph, 1) => (Self::Node, Often),
            (Self::Function, 11) | (Self::Node, 5) => (Self::Attribute, Often),
            (Self::Attribute, 5) | (Self::SparseTensor, 1 | 2) => (Self::Tensor, Once),
            (Self::Graph, 5) | (Self::Attribute, 10) => (Self::Tensor, Often),
            (Self::Attribute, 22) => (Self::SparseTensor, Once),
            (Self::Graph, 15) | (Self::Attribute, 23) => (Self::SparseTensor, Often),
            (Self::Function, 12) | (Self::Graph, 11..=13) => (Self::ValueInfo, Often),
            // Of a map the type is the second field, and the first a number.
            (Self::Attribute, 14) | (Self::ValueInfo, 2) | (Self::ElementType, 1 | 2) => {
                (Self::Type, Once)
            }
            (Self::Attribute, 15) => (Self::Type, Often),
            (Self::Type, 1 | 8) => (Self::TensorType, Once),
            (Self::Type, 4 | 5 | 9) => (Self::ElementType, Once),
            (Self::TensorType, 2) => (Self::Shape, Once),
            (Self::Shape, 1) => (Self::Dimension, Often),
            _ => return None,
        })
    }

    /// Whether the field `number` holds the sides of a stored tensor.
    fn is_dims(self, number: u32) -> bool {
        matches!((self, number), (Self::Tensor, 1) | (Self::SparseTensor, 3))
    }
}

/// What a message said of itself.
#[derive(Debug)]
struct Said<'a> {
    has_graph: bool,
    name: &'a [u8],
    sides: u32,
    elements: u64,
    element_bytes: u64,
    /// What its packed data becomes when it is read.
    unpacked_bytes: u64,
    is_external: bool,
}

#[derive(Default)]
struct Walk {
    fields: u64,
    nodes: u64,
    numbers: u64,
    tensor_bytes: u64,
}

impl Walk {
    fn message<'a>(
        &mut self,
        kind: Message,
        bytes: &'a [u8],
        depth: usize,
    ) -> Result<Said<'a>, InspectError> {
        if depth > MOST_DEPTH {
            return Err(InspectError::TooDeep);
        }
        self.nodes += u64::from(kind == Message::Node);
        if self.nodes > MOST_NODES {
            return Err(InspectError::TooManyNodes);
        }
        let mut said = Said {
            has_graph: false,
            name: b"",
            sides: 0,
            elements: 1,
            element_bytes: WIDEST_ELEMENT,
            unpacked_bytes: 0,
            is_external: false,
        };
        let mut seen = 0_u64;
        let mut reader = PbDecoder::new(bytes);
        while !reader.as_reader().is_empty() {
            self.count_fields(1)?;
            let tag = reader.decode_tag().map_err(damaged)?;
            let (number, wire_type) = (tag.field_num(), tag.wire_type());
            if number == 0 {
                return Err(InspectError::NotOnnx { what: "a field without a number" });
            }
            match wire_type {
                WIRE_TYPE_VARINT => {
                    let value = reader.decode_varint64().map_err(damaged)?;
                    said.number(kind, number, value)?;
                }
                WIRE_TYPE_LEN => {
                    let content = delimited(&mut reader)?;
                    let Some((child, times)) = kind.child(number) else {
                        self.count_within(kind, number, content)?;
                        said.bytes(kind, number, content)?;
                        continue;
                    };
                    // A reader merges what comes twice: two small shapes would become a large one.
                    if times == Times::Once && seen & (1 << number) != 0 {
                        return Err(InspectError::NotOnnx { what: "a part that comes twice" });
                    }
                    seen |= 1 << number;
                    let inner = self.message(child, content, depth + 1)?;
                    said.has_graph |= child == Message::Graph;
                    match child {
                        Message::Dimension => said.multiply(inner.elements)?,
                        Message::Shape => said.elements = inner.elements,
                        // A sparse tensor is made one of its values' type.
                        Message::Tensor if (kind, number) == (Message::SparseTensor, 1) => {
                            said.element_bytes = inner.element_bytes;
                        }
                        _ => {}
                    }
                }
                WIRE_TYPE_I32 | WIRE_TYPE_I64 => {
                    reader.skip_wire_value(wire_type).map_err(damaged)?;
                }
                _ => return Err(InspectError::NotOnnx { what: "a field of an unknown kind" }),
            }
        }
        self.weigh(kind, &said)?;
        Ok(said)
    }

    fn count_fields(&mut self, fields: u64) -> Result<(), InspectError> {
        self.fields = self.fields.saturating_add(fields);
        if self.fields > MOST_FIELDS { Err(InspectError::TooManyFields) } else { Ok(()) }
    }

    /// Counts what is in a field that is one here, and many things once it is read.
    fn count_within(
        &mut self,
        kind: Message,
        number: u32,
        content: &[u8],
    ) -> Result<(), InspectError> {
        match (kind, number) {
            (Message::Attribute, 7) => self.numbers += content.len() as u64 / 4,
            (Message::Attribute, 8) => self.numbers += varints(content),
            // What quantization and several devices are described with: messages in messages that no pack
            // has, and none is of less than a byte.
            (Message::Graph, 14) | (Message::Node, 10) | (Message::Model, 26) => {
                self.count_fields(content.len() as u64)?;
            }
            _ => {}
        }
        if self.numbers > MOST_NUMBERS { Err(InspectError::TooManyNumbers) } else { Ok(()) }
    }

    /// Whether a message that has been read may stay.
    fn weigh(&mut self, kind: Message, said: &Said<'_>) -> Result<(), InspectError> {
        if said.is_external {
            let tensor = String::from_utf8_lossy(&said.name[..said.name.len().min(200)]);
            return Err(InspectError::ExternalData { tensor: tensor.into_owned() });
        }
        let bytes = match kind {
            Message::Tensor => {
                said.elements.saturating_mul(said.element_bytes).max(said.unpacked_bytes)
            }
            // Its values have been counted; this is the room that it takes when it is filled with zeros.
            Message::SparseTensor => said.elements.saturating_mul(said.element_bytes),
            // Not stored, so not added up; but nobody may announce what nobody could hold.
            Message::TensorType => {
                let bytes = said.elements.saturating_mul(FLOAT);
                return if bytes > MOST_TENSOR_BYTES {
                    Err(InspectError::TooLarge { bytes })
                } else {
                    Ok(())
                };
            }
            _ => return Ok(()),
        };
        self.tensor_bytes = self.tensor_bytes.saturating_add(bytes);
        if self.tensor_bytes > MOST_TENSOR_BYTES {
            return Err(InspectError::TooLarge { bytes: self.tensor_bytes });
        }
        Ok(())
    }
}

impl<'a> Said<'a> {
    fn number(&mut self, kind: Message, number: u32, value: u64) -> Result<(), InspectError> {
        match (kind, number) {
            _ if kind.is_dims(number) => self.multiply(value)?,
            // Some exporters write -1 for a side that is decided when the model runs.
            (Message::Dimension, 1) if i64::try_from(value).is_ok() => {
                self.elements = self.elements.max(value);
            }
            (Message::Tensor, 2) => self.element_bytes = element_bytes(value),
            (Message::Tensor, 14) => self.is_external |= value != 0,
            _ => {}
        }
        Ok(())
    }

    fn bytes(&mut self, kind: Message, number: u32, content: &'a [u8]) -> Result<(), InspectError> {
        match (kind, number) {
            // Repeated numbers may come packed.
            _ if kind.is_dims(number) => {
                let mut reader = PbDecoder::new(content);
                while !reader.as_reader().is_empty() {
                    self.multiply(reader.decode_varint64().map_err(damaged)?)?;
                }
            }
            (Message::Tensor, 4 | 10) => self.unpacked_bytes += content.len() as u64,
            (Message::Tensor, 5) => self.unpacked_bytes += 4 * varints(content),
            (Message::Tensor, 7 | 11) => self.unpacked_bytes += 8 * varints(content),
            (Message::Tensor, 8) => self.name = content,
            (Message::Tensor, 13) => self.is_external = true,
            _ => {}
        }
        Ok(())
    }

    /// One side more. An empty side counts as one, so that the product of the others is still looked at.
    fn multiply(&mut self, side: u64) -> Result<(), InspectError> {
        // Sides are signed in the file: half of the numbers are negative ones.
        if i64::try_from(side).is_err() {
            return Err(InspectError::NotOnnx { what: "a tensor with a negative side" });
        }
        self.sides += 1;
        if self.sides > MOST_SIDES {
            return Err(InspectError::TooManySides);
        }
        self.elements = self.elements.saturating_mul(side.max(1));
        Ok(())
    }
}

/// Bytes of a 32-bit float.
const FLOAT: u64 = 4;
/// Bytes of a C++ string, which is what ONNX Runtime keeps for one.
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

/// How many packed numbers these are: the last byte of each has its highest bit clear.
fn varints(content: &[u8]) -> u64 {
    content.iter().filter(|byte| **byte < 0x80).count() as u64
}

/// The content of a field that says its length first.
fn delimited<'a>(reader: &mut PbDecoder<&'a [u8]>) -> Result<&'a [u8], InspectError> {
    let length = reader.decode_varint32().map_err(damaged)? as usize;
    let rest: &'a [u8] = reader.as_reader();
    let content = rest.get(..length).ok_or(InspectError::NotOnnx { what: "it ends too early" })?;
    reader.skip_bytes(length).map_err(damaged)?;
    Ok(content)
}

#[expect(clippy::needless_pass_by_value, reason = "this is handed to map_err")]
fn damaged<E>(error: DecodeError<E>) -> InspectError {
    let what = match error {
        DecodeError::UnexpectedEof => "it ends too early",
        DecodeError::VarIntLimit => "a number without an end",
        _ => "a field of an unknown kind",
    };
    InspectError::NotOnnx { what }
}
