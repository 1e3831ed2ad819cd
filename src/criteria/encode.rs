//! Writes jsonb as PostgreSQL does (`src/backend/utils/adt/jsonb_util.c`), without a text in between.

use super::document::Kind;
use super::jsonb::Jsonb;
use super::number::Decimal;
#[cfg(test)]
use serde_json::Value;

const OBJECT: u32 = 0x2000_0000;
const STRING: u32 = 0x0000_0000;
const NUMERIC: u32 = 0x1000_0000;
const FALSE: u32 = 0x2000_0000;
const TRUE: u32 = 0x3000_0000;
const NULL: u32 = 0x4000_0000;
const CONTAINER: u32 = 0x5000_0000;
const HAS_OFFSET: u32 = 0x8000_0000;

/// A descriptor holds an offset instead of a length once in so many entries (`JB_OFFSET_STRIDE`).
const OFFSET_STRIDE: usize = 32;

/// What a descriptor can say of a length, and a header of a count.
const MOST: usize = 0x0FFF_FFFF;

/// A value to be written.
pub enum Item<'i> {
    Null,
    /// One that `numeric` can be.
    Number(&'i Decimal),
    /// As it lies in another document.
    Stored(Jsonb<'i>),
    /// Of keys in any order, each once.
    Object(Vec<(&'i [u8], Item<'i>)>),
    #[cfg(test)]
    Value(&'i Value),
}

/// The bytes of a jsonb object after its varlena header, of keys in any order, each once; `None` where it would be larger than
/// jsonb may be.
pub fn object(entries: Vec<(&[u8], Item)>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    write_object(entries, &mut bytes)?;
    Some(bytes)
}

fn write_object(mut entries: Vec<(&[u8], Item)>, bytes: &mut Vec<u8>) -> Option<()> {
    entries.sort_unstable_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then(a.cmp(b)));
    let count = entries.len();
    let (keys, values): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
    let entries = keys.into_iter().map(Entry::Key).chain(values.into_iter().map(Entry::Value));
    write_container(OBJECT, count, 2 * count, entries, bytes)
}

enum Entry<'i> {
    Key(&'i [u8]),
    Value(Item<'i>),
}

/// A header, a descriptor for each entry, and their data, which are aligned as from the beginning of the container.
fn write_container<'i>(
    kind: u32,
    count: usize,
    width: usize,
    entries: impl Iterator<Item = Entry<'i>>,
    bytes: &mut Vec<u8>,
) -> Option<()> {
    bytes.extend((kind | length(count)?).to_ne_bytes());
    let descriptors = bytes.len();
    bytes.resize(descriptors + 4 * width, 0);
    let data = bytes.len();
    for (index, entry) in entries.enumerate() {
        let start = bytes.len();
        let kind = match entry {
            Entry::Key(key) => {
                bytes.extend(key);
                STRING
            }
            Entry::Value(value) => write_value(value, bytes)?,
        };
        let field = if index % OFFSET_STRIDE == 0 {
            HAS_OFFSET | length(bytes.len() - data)?
        } else {
            length(bytes.len() - data)?;
            length(bytes.len() - start)?
        };
        bytes[descriptors + 4 * index..][..4].copy_from_slice(&(kind | field).to_ne_bytes());
    }
    Some(())
}

fn length(bytes: usize) -> Option<u32> {
    u32::try_from(bytes).ok().filter(|_| bytes <= MOST)
}

/// Adds the data of a value, and returns its type.
fn write_value(value: Item, bytes: &mut Vec<u8>) -> Option<u32> {
    Some(match value {
        Item::Null => NULL,
        Item::Number(number) => {
            align(bytes);
            write_numeric(number, bytes);
            NUMERIC
        }
        Item::Stored(stored) => {
            let (kind, data) = stored.stored();
            match kind {
                Kind::Null => NULL,
                Kind::Boolean => {
                    if data == [1] {
                        TRUE
                    } else {
                        FALSE
                    }
                }
                Kind::Text => {
                    bytes.extend(data);
                    STRING
                }
                Kind::Number => {
                    align(bytes);
                    bytes.extend(data);
                    NUMERIC
                }
                Kind::Array | Kind::Object => {
                    align(bytes);
                    bytes.extend(data);
                    CONTAINER
                }
            }
        }
        Item::Object(entries) => {
            align(bytes);
            write_object(entries, bytes)?;
            CONTAINER
        }
        #[cfg(test)]
        Item::Value(value) => tests::write_json(value, bytes)?,
    })
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// A varlena `numeric` with as many digits after the point as the number needs (`make_result` in
/// `src/backend/utils/adt/numeric.c`).
fn write_numeric(number: &Decimal, bytes: &mut Vec<u8>) {
    let (negative, weight, digits) = number.parts();
    let (sign, scale) = (u16::from(negative), number.scale() as u16);
    let short = scale <= 63 && (-64..64).contains(&weight);
    let size = 4 + if short { 2 } else { 4 } + 2 * digits.len();
    bytes.extend(varlena_header(size as u32));
    if short {
        bytes.extend((0x8000 | sign << 13 | scale << 7 | weight as u16 & 0x7F).to_ne_bytes());
    } else {
        bytes.extend((sign << 14 | scale).to_ne_bytes());
        bytes.extend((weight as i16).to_ne_bytes());
    }
    bytes.extend(digits.iter().flat_map(|digit| digit.to_ne_bytes()));
}

/// Of a value of so many bytes, header included.
fn varlena_header(size: u32) -> [u8; 4] {
    if cfg!(target_endian = "big") { size.to_ne_bytes() } else { (size << 2).to_ne_bytes() }
}

#[cfg(test)]
pub use tests::jsonb;

#[cfg(test)]
mod tests {
    use super::*;

    const ARRAY: u32 = 0x4000_0000;
    const SCALAR: u32 = 0x1000_0000;

    /// The bytes of a jsonb datum after its varlena header.
    pub fn jsonb(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        match value {
            Value::Array(_) | Value::Object(_) => {
                write_json(value, &mut bytes).unwrap();
            }
            scalar => {
                let entry = std::iter::once(Entry::Value(Item::Value(scalar)));
                write_container(ARRAY | SCALAR, 1, 1, entry, &mut bytes).unwrap();
            }
        }
        bytes
    }

    pub fn write_json(value: &Value, bytes: &mut Vec<u8>) -> Option<u32> {
        Some(match value {
            Value::Null => NULL,
            Value::Bool(false) => FALSE,
            Value::Bool(true) => TRUE,
            Value::String(text) => {
                bytes.extend(text.as_bytes());
                STRING
            }
            Value::Number(number) => {
                write_value(Item::Number(&Decimal::parse(number.as_str()).unwrap()), bytes)?
            }
            Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.as_bytes(), Item::Value(value)));
                write_value(Item::Object(entries.collect()), bytes)?
            }
            Value::Array(elements) => {
                align(bytes);
                let (count, entries) = (elements.len(), elements.iter().map(Item::Value).map(Entry::Value));
                write_container(ARRAY, count, count, entries, bytes)?;
                CONTAINER
            }
        })
    }

    /// As PostgreSQL 15 has them on disk.
    #[test]
    #[cfg(target_endian = "little")]
    fn bytes_are_those_of_postgresql() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let text = r#"{"bc": [true, null, "x"], "d": {}, "a": -12.05, "e": 1e-70, "f": 100}"#;
        assert_eq!(hex(&jsonb(&serde_json::from_str(text).unwrap())), POSTGRESQL);
    }

    const POSTGRESQL: &str = concat!(
        "0500002001000080010000000100000001000000020000000c000010060000500a0000100a000010110000506164656662630000",
        "2800000000a10c00f401000000000020280000004600eeff64000000200000000080640003000040000000b00000004001000000",
        "78",
    );

    #[test]
    fn what_is_stored_is_taken_over() {
        let (one, ten) = (Decimal::from(1), Decimal::parse("1e-30").unwrap());
        let many: serde_json::Map<String, Value> =
            (0..70).map(|key| (key.to_string(), serde_json::json!([key, {"x": key}]))).collect();
        for value in [
            serde_json::json!(null),
            serde_json::json!(false),
            serde_json::json!(true),
            serde_json::json!("text"),
            serde_json::json!(-1e300),
            serde_json::json!([1, [2], {"a": "b"}]),
            Value::Object(many),
        ] {
            let before = jsonb(&serde_json::json!({"odd": 1, "value": value}));
            let stored = super::super::document::Document::get(Jsonb::root(&before), "value").unwrap();
            let entries = vec![
                (&b"longer than others"[..], Item::Stored(stored)),
                (b"b", Item::Object(vec![(b"none", Item::Null), (b"ten", Item::Number(&ten))])),
                (b"a", Item::Number(&one)),
            ];
            let expected =
                serde_json::json!({"a": 1, "b": {"none": null, "ten": 1e-30}, "longer than others": value});
            assert_eq!(object(entries).unwrap(), jsonb(&expected));
        }
    }
}
