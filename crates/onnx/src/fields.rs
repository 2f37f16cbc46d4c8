//! The fields of a protobuf message, read one after the other without a copy.

use micropb::{
    DecodeError, PbDecoder, WIRE_TYPE_I32, WIRE_TYPE_I64, WIRE_TYPE_LEN, WIRE_TYPE_VARINT,
};

/// A field of a message.
pub(crate) struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
    /// The bytes of the tag, the length and the content.
    pub whole: &'a [u8],
}

#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A number of four or eight bytes. Nothing that is read from ONNX files is one.
    Fixed,
}

/// The fields of `message`. A damaged field comes as a text that says how, and is the last.
pub(crate) fn each_field(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, &'static str>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = first_field(rest).map_err(|error| match error {
            DecodeError::UnexpectedEof => "it ends too early",
            DecodeError::VarIntLimit => "a number without an end",
            DecodeError::ZeroField => "a field without a number",
            _ => "a field of an unknown kind",
        });
        rest = field.as_ref().map_or(&[], |field| &rest[field.whole.len()..]);
        Some(field)
    })
}

fn first_field(message: &[u8]) -> Result<Field<'_>, DecodeError<std::convert::Infallible>> {
    let mut reader = PbDecoder::new(message);
    let tag = reader.decode_tag()?;
    if tag.field_num() == 0 {
        return Err(DecodeError::ZeroField);
    }
    let value = match tag.wire_type() {
        WIRE_TYPE_VARINT => Value::Number(reader.decode_varint64()?),
        WIRE_TYPE_LEN => {
            let length = reader.decode_varint32()? as usize;
            let rest: &[u8] = reader.as_reader();
            let content = rest.get(..length).ok_or(DecodeError::UnexpectedEof)?;
            reader.skip_bytes(length)?;
            Value::Bytes(content)
        }
        fixed @ (WIRE_TYPE_I32 | WIRE_TYPE_I64) => {
            reader.skip_wire_value(fixed)?;
            Value::Fixed
        }
        _ => return Err(DecodeError::UnknownWireType),
    };
    let length = message.len() - reader.as_reader().len();
    Ok(Field { number: tag.field_num(), value, whole: &message[..length] })
}

/// All fields of `message`, or `None` if it is damaged.
pub(crate) fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    each_field(message).collect::<Result<_, _>>().ok()
}

/// The content of every field `number` of `message` that holds bytes: messages and texts.
pub(crate) fn messages(message: &[u8], number: u32) -> Vec<&[u8]> {
    let fields = fields(message).unwrap_or_default().into_iter();
    fields
        .filter_map(|field| match field.value {
            Value::Bytes(content) if field.number == number => Some(content),
            _ => None,
        })
        .collect()
}

/// The content of the last field `number` of `message` that holds bytes; empty if there is none.
pub(crate) fn bytes(message: &[u8], number: u32) -> &[u8] {
    messages(message, number).last().copied().unwrap_or_default()
}

/// The number in the last field `number` of `message` that holds one.
pub(crate) fn number(message: &[u8], number: u32) -> Option<u64> {
    let fields = fields(message).unwrap_or_default();
    fields.iter().rev().find_map(|field| match field.value {
        Value::Number(value) if field.number == number => Some(value),
        _ => None,
    })
}

/// Appends a field `number` with `content` to `message`.
pub(crate) fn put_bytes(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | WIRE_TYPE_LEN);
    let mut length = content.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
}

/// `message` with the content of every field `number` replaced; `None` if one cannot be.
pub(crate) fn replaced(
    message: &[u8],
    number: u8,
    replace: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut changed = Vec::with_capacity(message.len() + 64);
    for field in fields(message)? {
        match field.value {
            Value::Bytes(content) if field.number == u32::from(number) => {
                put_bytes(&mut changed, number, &replace(content)?);
            }
            _ => changed.extend_from_slice(field.whole),
        }
    }
    Some(changed)
}
