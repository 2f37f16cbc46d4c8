//! The fields of a protobuf message, for files that have been read through before ([`inspect()`](crate::inspect())).

use micropb::{PbDecoder, WIRE_TYPE_LEN, WIRE_TYPE_VARINT};

/// A field of a message.
pub(crate) struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
    /// Tag and all.
    pub whole: &'a [u8],
}

#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of four or eight bytes, which nothing here is made of.
    Fixed,
}

/// The fields of `message`, if it is one.
pub(crate) fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    let mut reader = PbDecoder::new(message);
    while !reader.as_reader().is_empty() {
        let start = message.len() - reader.as_reader().len();
        let tag = reader.decode_tag().ok()?;
        let value = match tag.wire_type() {
            WIRE_TYPE_VARINT => Value::Number(reader.decode_varint64().ok()?),
            WIRE_TYPE_LEN => {
                let length = reader.decode_varint32().ok()? as usize;
                let rest: &[u8] = reader.as_reader();
                let content = rest.get(..length)?;
                reader.skip_bytes(length).ok()?;
                Value::Bytes(content)
            }
            other => {
                reader.skip_wire_value(other).ok()?;
                Value::Fixed
            }
        };
        let end = message.len() - reader.as_reader().len();
        fields.push(Field { number: tag.field_num(), value, whole: &message[start..end] });
    }
    Some(fields)
}

/// What is in the fields `number` of `message` that say their length first.
pub(crate) fn messages(message: &[u8], number: u32) -> Vec<&[u8]> {
    let content = |value| match value {
        Value::Bytes(content) => Some(content),
        Value::Number(_) | Value::Fixed => None,
    };
    let fields = fields(message).unwrap_or_default().into_iter();
    fields.filter(|it| it.number == number).filter_map(|it| content(it.value)).collect()
}
