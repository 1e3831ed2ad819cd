//! Writes jsonb as PostgreSQL does, for the tests of the reader.

use super::number::Decimal;
use serde_json::Value;

/// A descriptor holds an offset instead of a length once in so many entries (`JB_OFFSET_STRIDE`).
const OFFSET_STRIDE: usize = 32;

/// The bytes of a jsonb datum after its varlena header.
pub fn jsonb(value: &Value) -> Vec<u8> {
    match value {
        Value::Array(_) | Value::Object(_) => container(value),
        scalar => {
            let mut bytes = container(&Value::Array(vec![scalar.clone()]));
            let header = u32::from_ne_bytes(bytes[..4].try_into().unwrap()) | 0x1000_0000;
            bytes[..4].copy_from_slice(&header.to_ne_bytes());
            bytes
        }
    }
}

fn container(value: &Value) -> Vec<u8> {
    let (header, entries): (u32, Vec<Value>) = match value {
        Value::Array(elements) => (0x4000_0000 | elements.len() as u32, elements.clone()),
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then(a.as_bytes().cmp(b.as_bytes())));
            let keys = pairs.iter().map(|(key, _)| Value::String((*key).clone()));
            let values = pairs.iter().map(|(_, value)| (*value).clone());
            (0x2000_0000 | map.len() as u32, keys.chain(values).collect())
        }
        _ => unreachable!("only containers are written here"),
    };
    let mut descriptors = Vec::new();
    let mut data: Vec<u8> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let start = data.len();
        let kind = write_entry(entry, &mut data);
        let field = if index % OFFSET_STRIDE == 0 {
            0x8000_0000 | data.len() as u32
        } else {
            (data.len() - start) as u32
        };
        descriptors.push(kind | field);
    }
    let mut bytes = header.to_ne_bytes().to_vec();
    bytes.extend(descriptors.iter().flat_map(|descriptor: &u32| descriptor.to_ne_bytes()));
    bytes.extend(data);
    bytes
}

fn write_entry(value: &Value, data: &mut Vec<u8>) -> u32 {
    let align = |data: &mut Vec<u8>| data.resize(data.len().next_multiple_of(4), 0);
    match value {
        Value::Null => 0x4000_0000,
        Value::Bool(false) => 0x2000_0000,
        Value::Bool(true) => 0x3000_0000,
        Value::String(text) => {
            data.extend(text.as_bytes());
            0x0000_0000
        }
        Value::Number(number) => {
            align(data);
            data.extend(numeric(&Decimal::parse(number.as_str()).unwrap()));
            0x1000_0000
        }
        nested => {
            align(data);
            data.extend(container(nested));
            0x5000_0000
        }
    }
}

fn numeric(number: &Decimal) -> Vec<u8> {
    let (negative, weight, digits) = number.parts();
    let mut body: Vec<u8> = Vec::new();
    if (-64..64).contains(&weight) {
        let header = 0x8000 | (u16::from(negative) << 13) | (weight as u16 & 0x7F);
        body.extend(header.to_ne_bytes());
    } else {
        body.extend((u16::from(negative) << 14).to_ne_bytes());
        body.extend((weight as i16).to_ne_bytes());
    }
    body.extend(digits.iter().flat_map(|digit| digit.to_ne_bytes()));
    let mut bytes = (((body.len() + 4) as u32) << 2).to_ne_bytes().to_vec();
    bytes.extend(body);
    bytes
}
