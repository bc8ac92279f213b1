//! The format of etcd's write-ahead log (`server/storage/wal`: encoder.go, decoder.go, walpb/record.proto, and raft's
//! raft.proto): records one after the other, each preceded by its length and with a checksum of all data so far.

use super::End;

/// What has been read of a log so far, oldest first.
#[derive(Debug, Default)]
pub(super) struct Reading {
    ids: Option<(u64, u64)>,
    last: Option<End>,
}

/// Bytes of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    /// From here on all are zeros.
    pub(super) used: usize,
}

/// A record: what it is, the checksum, and its data.
#[derive(Debug, Clone, Copy)]
struct Record<'a> {
    kind: u64,
    crc: u32,
    data: &'a [u8],
    /// Where the next one begins.
    next: usize,
}

// walpb's types.
const METADATA: u64 = 1;
const ENTRY: u64 = 2;
const STATE: u64 = 3;
const CRC: u64 = 4;
const SNAPSHOT: u64 = 5;

impl Reading {
    /// Takes a segment's beginning, which may be cut off anywhere.
    pub(super) fn begins(&mut self, bytes: &[u8]) {
        let part = Part { bytes, used: bytes.len() };
        let mut crc = 0;
        let mut place = 0;
        while let Ok(Some(record)) = record_at(part, place) {
            if !follows(crc, record) && record.kind != CRC {
                return;
            }
            crc = record.crc;
            place = record.next;
            if record.kind == METADATA && self.learn(record).is_none() {
                return;
            }
        }
    }

    /// Takes a segment from byte `at` on, to where its zeros begin.
    pub(super) fn take(&mut self, name: &str, at: u64, part: Part<'_>) -> Result<(), String> {
        let begin = if at == 0 { Some(0) } else { in_step(part) };
        let mut place = begin.ok_or_else(|| format!("no whole record is found at the end of {name}"))?;
        let mut crc = None;
        while let Some(record) = record_at(part, place).map_err(|()| damaged(name, at, place))? {
            if crc.is_some_and(|before| !follows(before, record)) || self.learn(record).is_none() {
                return Err(damaged(name, at, place));
            }
            crc = Some(record.crc);
            place = record.next;
        }
        Ok(())
    }

    /// Nothing where the data is not what the record says it is: its kind is under no checksum.
    fn learn(&mut self, record: Record<'_>) -> Option<()> {
        let fields = || Fields(record.data);
        match record.kind {
            METADATA => {
                let ids = (fields().number(1)?, fields().number(2)?);
                if self.ids.is_some_and(|known| known != ids) {
                    return None;
                }
                self.ids = Some(ids);
            }
            // An entry takes the place of all from its index on that an earlier leader wrote. One that changes the members
            // says to what; a state has its term where an entry has its type.
            ENTRY => {
                let plain = fields().number(1)? == 0;
                if !plain && fields().bytes(4).is_none() {
                    return None;
                }
                self.last = Some(End { term: fields().number(2)?, index: fields().number(3)? });
            }
            STATE => {
                let term = fields().number(1)?;
                if self.last.is_some_and(|last| term < last.term) {
                    return None;
                }
            }
            // A follower that was too far behind got a snapshot instead of entries.
            SNAPSHOT => {
                let snapshot = End { term: fields().number(2)?, index: fields().number(1)? };
                if self.last.is_none_or(|last| last.index < snapshot.index) {
                    self.last = Some(snapshot);
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Member, cluster, and where the log ends.
    pub(super) fn end(self) -> Result<(u64, u64, End), &'static str> {
        let (member, cluster) = self.ids.ok_or("it does not name its member")?;
        Ok((member, cluster, self.last.ok_or("no entry is found at its end")?))
    }
}

fn damaged(name: &str, at: u64, place: usize) -> String {
    format!("{name} is damaged, or being written, at byte {}", at + place as u64)
}

/// The first place from which on records follow each other to the end.
fn in_step(part: Part<'_>) -> Option<usize> {
    // Every record begins at a multiple of eight bytes.
    (0..part.used).step_by(8).find(|begin| {
        let (mut place, mut crc, mut links) = (*begin, None, 0);
        loop {
            match record_at(part, place) {
                Ok(Some(record)) if crc.is_none_or(|before| follows(before, record)) => {
                    links += usize::from(crc.is_some());
                    crc = Some(record.crc);
                    place = record.next;
                }
                // A checksum of 32 bits that fits is no chance.
                Ok(None) => return links > 0,
                _ => return false,
            }
        }
    })
}

/// The record at a place; none where the zeros begin. A length of zero with something behind it is no end.
fn record_at(Part { bytes, used }: Part<'_>, place: usize) -> Result<Option<Record<'_>>, ()> {
    if place >= used {
        return Ok(None);
    }
    let Some(length) = bytes.get(place..place + 8) else { return Ok(None) };
    let length = i64::from_le_bytes(length.try_into().map_err(|_| ())?);
    let padding = if length < 0 { (length >> 56 & 7).unsigned_abs() } else { 0 };
    let size = (length & 0x00ff_ffff_ffff_ffff).unsigned_abs();
    let whole = usize::try_from(size + padding).map_err(|_| ())?;
    if size == 0 || whole % 8 != 0 {
        return Err(());
    }
    let next = place.checked_add(8 + whole).ok_or(())?;
    let size = usize::try_from(size).map_err(|_| ())?;
    let body = bytes.get(place + 8..place + 8 + size).ok_or(())?;
    let fields = || Fields(body);
    let crc = u32::try_from(fields().number(2).ok_or(())?).map_err(|_| ())?;
    let kind = fields().number(1).filter(|kind| (METADATA..=SNAPSHOT).contains(kind)).ok_or(())?;
    Ok(Some(Record { kind, crc, data: fields().bytes(3).unwrap_or_default(), next }))
}

/// Whether a record's checksum is that of all before it and its data. One that only carries the checksum into the next
/// segment repeats it.
fn follows(before: u32, record: Record<'_>) -> bool {
    let expected = if record.kind == CRC { before } else { crc32c(before, record.data) };
    record.crc == expected
}

/// CRC-32 with Castagnoli's polynomial, carried on from `before`.
fn crc32c(before: u32, data: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    };
    !data.iter().fold(!before, step)
}

/// A protobuf message's fields.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Iterator for Fields<'a> {
    /// A field's number and value; none inside where the message is damaged.
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// The number of that field, 0 where it is absent; none where the message is damaged.
    fn number(self, wanted: u64) -> Option<u64> {
        let mut found = 0;
        for field in self {
            if let (number, Value::Number(value)) = field?
                && number == wanted
            {
                found = value;
            }
        }
        Some(found)
    }

    fn bytes(self, wanted: u64) -> Option<&'a [u8]> {
        self.flatten().find_map(|(number, value)| match value {
            Value::Bytes(bytes) if number == wanted => Some(bytes),
            _ => None,
        })
    }
}
