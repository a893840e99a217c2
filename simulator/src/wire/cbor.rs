//! CBOR (RFC 8949) as Smithy's RPC v2 uses it, to and from JSON values.
//!
//! Timestamps are tag 1 around a number of seconds; as JSON they are the number alone. On the way out a member is a
//! timestamp by its name, as all of `CloudWatch`'s are: `Timestamps`, `StateUpdatedTimestamp`, … A JSON number keeps
//! its kind: what was made from an `f64` goes out as a float, which the SDK's decoder insists on.

use std::convert::Infallible;

use minicbor::data::{IanaTag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value};

/// Values inside values; `CloudWatch`'s own inputs need nine.
const DEEPEST: usize = 32;

/// Why bytes are not a value that can be read here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the request body is not valid CBOR: {0}")]
    Malformed(#[from] minicbor::decode::Error),
    #[error("the request body nests more than {DEEPEST} values")]
    TooDeep,
    #[error("the request body holds a CBOR {0}, which no member of this service is")]
    Unexpected(Type),
    #[error("the request body goes on behind its end")]
    Trailing,
}

/// Reads one value, which must be all there is. No bytes are an empty object.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, Unreadable> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let mut decoder = Decoder::new(bytes);
    let value = read(&mut decoder, 0)?;
    if decoder.position() == bytes.len() { Ok(value) } else { Err(Unreadable::Trailing) }
}

fn read(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, Unreadable> {
    if depth > DEEPEST {
        return Err(Unreadable::TooDeep);
    }
    let deeper = depth.saturating_add(1);
    let kind = decoder.datatype()?;
    Ok(match kind {
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        Type::Undefined => {
            decoder.undefined()?;
            Value::Null
        }
        Type::Bool => Value::Bool(decoder.bool()?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::from(decoder.u64()?),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Value::from(decoder.i64()?),
        Type::F16 => float(f64::from(decoder.f16()?)),
        Type::F32 => float(f64::from(decoder.f32()?)),
        Type::F64 => float(decoder.f64()?),
        Type::String | Type::StringIndef => Value::String(text(decoder)?),
        Type::Array | Type::ArrayIndef => {
            let mut left = decoder.array()?;
            let mut items = Vec::new();
            while more(decoder, &mut left)? {
                items.push(read(decoder, deeper)?);
            }
            Value::Array(items)
        }
        Type::Map | Type::MapIndef => {
            let mut left = decoder.map()?;
            let mut members = Map::new();
            while more(decoder, &mut left)? {
                let name = text(decoder)?;
                members.insert(name, read(decoder, deeper)?);
            }
            Value::Object(members)
        }
        Type::Tag => {
            let timestamp = decoder.tag()? == IanaTag::Timestamp.tag();
            if !timestamp {
                return Err(Unreadable::Unexpected(kind));
            }
            read(decoder, deeper)?
        }
        // Beyond 64 bits: no member is that large.
        Type::Int | Type::Simple | Type::Bytes | Type::BytesIndef | Type::Break | Type::Unknown(_) => {
            return Err(Unreadable::Unexpected(kind));
        }
    })
}

/// Whether a list or a map goes on; of one without a length the end is eaten.
fn more(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Unreadable> {
    if let Some(left) = left {
        let goes_on = *left > 0;
        *left = left.saturating_sub(1);
        return Ok(goes_on);
    }
    if decoder.datatype()? == Type::Break {
        decoder.set_position(decoder.position().saturating_add(1));
        return Ok(false);
    }
    Ok(true)
}

fn text(decoder: &mut Decoder<'_>) -> Result<String, Unreadable> {
    let parts: Result<String, _> = decoder.str_iter()?.collect();
    Ok(parts?)
}

/// JSON has no special numbers: they become the texts that Smithy uses in JSON.
fn float(number: f64) -> Value {
    let special = || {
        let name = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        Value::String(name.to_owned())
    };
    Number::from_f64(number).map_or_else(special, Value::Number)
}

/// Writes a value.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    match write(&mut encoder, value, false) {
        Ok(()) => encoder.into_writer(),
        // A vector takes all bytes, so that there is no such error; the type does not say so.
        Err(_) => Vec::new(),
    }
}

type Written = Result<(), minicbor::encode::Error<Infallible>>;

fn write(encoder: &mut Encoder<Vec<u8>>, value: &Value, timestamp: bool) -> Written {
    match value {
        Value::Null => encoder.null()?.ok(),
        Value::Bool(value) => encoder.bool(*value)?.ok(),
        Value::Number(number) if timestamp => {
            encoder.tag(IanaTag::Timestamp)?.f64(number.as_f64().unwrap_or_default())?.ok()
        }
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => encoder.u64(whole)?.ok(),
            (None, Some(whole)) => encoder.i64(whole)?.ok(),
            (None, None) => encoder.f64(number.as_f64().unwrap_or_default())?.ok(),
        },
        Value::String(text) => encoder.str(text)?.ok(),
        Value::Array(items) => {
            encoder.begin_array()?;
            for item in items {
                write(encoder, item, timestamp)?;
            }
            encoder.end()?.ok()
        }
        Value::Object(members) => {
            encoder.begin_map()?;
            for (name, member) in members {
                encoder.str(name)?;
                write(encoder, member, name.ends_with("Timestamp") || name.ends_with("Timestamps"))?;
            }
            encoder.end()?.ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_floats_stay_floats() {
        let value = json!({
            "Values": [1.0, -2.5, 0], "Timestamps": [1_767_225_600, 1_767_225_660.5], "Label": "ü", "Deep": {"a": [true, null]},
        });
        let bytes = encode(&value);
        // Tag 1 around a double in front of each timestamp: c1 fb.
        assert_eq!(bytes.windows(2).filter(|pair| pair == &[0xc1, 0xfb]).count(), 2);
        let mut expected = value.clone();
        expected["Timestamps"][0] = json!(1_767_225_600.0);
        assert_eq!(decode(&bytes).unwrap(), expected);
    }

    #[test]
    fn lists_and_maps_with_a_length_are_read_too() {
        // {"a": [1, 1.5 as half, "xy" in two parts], "t": 1(1000)}
        let bytes = b"\xa2\x61a\x83\x01\xf9\x3e\x00\x7f\x61x\x61y\xff\x61t\xc1\x19\x03\xe8";
        assert_eq!(decode(bytes).unwrap(), json!({"a": [1, 1.5, "xy"], "t": 1000}));
        assert_eq!(decode(b"\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00").unwrap(), json!("NaN"));
    }

    #[test]
    fn nonsense_is_told_what_is_wrong_with_it() {
        let text = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
        assert_eq!(text(&[0x81; 100]), "the request body nests more than 32 values");
        assert_eq!(text(b"\x01\x01"), "the request body goes on behind its end");
        assert_eq!(text(b"\x41a"), "the request body holds a CBOR bytes, which no member of this service is");
        assert!(text(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff").starts_with("the request body is not valid CBOR"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            decode(&bytes).ok();
        }
    }
}
