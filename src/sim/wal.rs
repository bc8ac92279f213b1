//! A write-ahead log file as etcd writes it: what a master of the model keeps there. Knows nothing about machines.

/// The bytes of a segment that begins a log: whose it is, then one entry after the other, each of a term and an index.
#[must_use]
pub fn segment(member: u64, cluster: u64, entries: &[(u64, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut crc = 0;
    record(&mut bytes, &mut crc, 4, None);
    record(&mut bytes, &mut crc, 1, Some(message(&[(1, member), (2, cluster)])));
    for (term, index) in entries {
        let mut entry = message(&[(1, 0), (2, *term), (3, *index)]);
        let data = [*index as u8; 20];
        entry.extend([4 << 3 | 2, 20]);
        entry.extend(data);
        record(&mut bytes, &mut crc, 2, Some(entry));
        record(&mut bytes, &mut crc, 3, Some(message(&[(1, *term), (2, member), (3, index.saturating_sub(1))])));
    }
    bytes
}

/// A protobuf message of numbers.
fn message(fields: &[(u64, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, value) in fields {
        varint(&mut bytes, number << 3);
        varint(&mut bytes, *value);
    }
    bytes
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn record(bytes: &mut Vec<u8>, crc: &mut u32, kind: u64, data: Option<Vec<u8>>) {
    *crc = castagnoli(*crc, data.as_deref().unwrap_or_default());
    let mut body = message(&[(1, kind), (2, u64::from(*crc))]);
    if let Some(data) = data {
        varint(&mut body, 3 << 3 | 2);
        varint(&mut body, data.len() as u64);
        body.extend(data);
    }
    let padding = (8 - body.len() % 8) % 8;
    let length = if padding == 0 { body.len() as u64 } else { body.len() as u64 | (0x80 | padding as u64) << 56 };
    bytes.extend(length.to_le_bytes());
    bytes.extend(&body);
    bytes.extend(std::iter::repeat_n(0, padding));
}

fn castagnoli(crc: u32, data: &[u8]) -> u32 {
    let mut crc = !crc;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

/// Base64 as coreutils write it.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = char::from(DIGITS[(all >> (18 - 6 * place) & 63) as usize]);
            text.push(if place <= three.len() { digit } else { '=' });
        }
    }
    text
}
