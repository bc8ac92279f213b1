//! How far a file of etcd's database goes: its revision and its last raft entry, from a few of its pages. Knows the
//! format and opens no file: the caller reads the bytes.
//!
//! The format is bbolt's (`internal/common/{meta,page,bucket}.go`): two meta pages, of which the newer intact one
//! counts, and B+ trees of pages. A bucket is a tree, or a page inside its parent's value. No crate is used: those that
//! read bbolt load or map the whole file, and check no checksum. Every value is checked against the file's own bounds
//! before it is used, each read is small, and a tree that has a loop or is too deep is an error.

use serde::{Deserialize, Serialize};

/// Where a database ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// Its newest revision.
    pub revision: u64,
    /// The last raft entry that it has applied; since 3.4 not for every kind of entry.
    pub index: Option<u64>,
    /// That entry's term, since 3.5.
    pub term: Option<u64>,
}

/// Reads `length` bytes at an offset, or says why that is not possible.
pub type Read<'a> = dyn FnMut(u64, usize) -> Result<Vec<u8>, String> + 'a;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// The sizes of a page that bbolt tries.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 9..=16;
/// A page's header, an element of either kind, a meta page's content, a bucket's.
const HEADER: usize = 16;
const ELEMENT: usize = 16;
const META: usize = 64;
const BUCKET: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// An element's flag: its value is a bucket.
const IS_BUCKET: u32 = 1;
/// Deeper than any tree: 2^32 keys are six levels deep where a page holds forty.
const DEEPEST: usize = 16;
/// The longest key or value that is asked for here.
const LONGEST: usize = 4096;
/// The most bytes that are read in all. A real database needs some hundred.
const MOST: usize = 1 << 20;
/// A revision as a key: eight bytes, `_`, eight bytes; one more byte, `t`, for a deletion.
const REVISION: usize = 17;

/// Reads where the database ends. `bytes` is the file's length.
///
/// # Errors
/// What is not as bbolt and etcd write it.
pub fn ends(bytes: u64, read: &mut Read<'_>) -> Result<Ends, String> {
    let mut file = File { read, bytes, left: MOST, page: 0, high: 0 };
    let root = file.meta()?;
    let keys = file.bucket(root, b"key")?.ok_or("it has no bucket of keys: it is not an etcd database")?;
    let meta = file.bucket(root, b"meta")?.ok_or("it has no bucket `meta`: it is not an etcd database")?;
    let last = file.last_key(keys)?.map_or(Ok(0), |key| {
        let whole = key.len() == REVISION || (key.len() == REVISION + 1 && key[REVISION] == b't');
        if whole { revision(&key) } else { Err("its last key is not a revision".to_owned()) }
    })?;
    // A deletion that was compacted away may leave no key of its revision: etcd goes on from the compaction then.
    let mut newest = last;
    for name in [&b"finishedCompactRev"[..], b"scheduledCompactRev"] {
        if let Some(value) = file.value(meta, name)? {
            newest = newest.max(revision(&value)?);
        }
    }
    let number = |value: Option<Vec<u8>>, name: &str| match value {
        None => Ok(None),
        Some(value) => {
            let value: [u8; 8] = value.try_into().map_err(|_| format!("its {name} is not a number"))?;
            Ok::<_, String>(Some(u64::from_be_bytes(value)).filter(|number| *number > 0))
        }
    };
    let index = number(file.value(meta, b"consistent_index")?, "consistent_index")?;
    let term = number(file.value(meta, b"term")?, "term")?;
    // An empty store is at revision 1.
    Ok(Ends { revision: newest.max(1), index, term })
}

fn revision(key: &[u8]) -> Result<u64, String> {
    match key.first_chunk() {
        Some(main) if key.get(8) == Some(&b'_') && i64::try_from(u64::from_be_bytes(*main)).is_ok() => {
            Ok(u64::from_be_bytes(*main))
        }
        _ => Err("a revision in it is not valid".to_owned()),
    }
}

/// A page: in the file, or inside a value.
#[derive(Debug, Clone, Copy)]
struct Page {
    /// Where it begins and up to where its parts may lie.
    at: u64,
    end: u64,
    flags: u16,
    count: u16,
}

/// An element of a page: its key and what belongs to it.
#[derive(Debug, Clone, Copy)]
struct Element {
    flags: u32,
    key: (u64, usize),
    value: (u64, usize),
    page: u64,
}

struct File<'a, 'b> {
    read: &'a mut Read<'b>,
    bytes: u64,
    /// How many bytes may yet be read.
    left: usize,
    page: u64,
    /// The first page beyond all that is in use.
    high: u64,
}

impl File<'_, '_> {
    fn take(&mut self, at: u64, length: usize) -> Result<Vec<u8>, String> {
        let end = at.checked_add(length as u64).filter(|end| *end <= self.bytes);
        end.ok_or_else(|| format!("it ends before byte {at}, where more data should be"))?;
        self.left = self.left.checked_sub(length).ok_or("reading it takes more data than any etcd database needs")?;
        let bytes = (self.read)(at, length)?;
        if bytes.len() == length { Ok(bytes) } else { Err(format!("fewer bytes than there should be at {at}")) }
    }

    /// The root page by the newer meta page of those that are whole.
    fn meta(&mut self) -> Result<Page, String> {
        let first = self.meta_at(0);
        let places: Vec<u64> = match &first {
            Ok(meta) => vec![meta.page],
            Err(_) => PAGE_SIZES.map(|power| 1u64 << power).collect(),
        };
        let second = places.into_iter().find_map(|place| self.meta_at(place).ok().filter(|meta| meta.page == place));
        let newest = first.clone().ok().into_iter().chain(second).max_by_key(|meta| meta.transaction);
        let meta = newest.ok_or_else(|| first.err().unwrap_or_default())?;
        (self.page, self.high) = (meta.page, meta.high);
        self.page(meta.root)
    }

    fn meta_at(&mut self, at: u64) -> Result<Meta, String> {
        let bytes = self.take(at + HEADER as u64, META)?;
        let (small, large) = (|at| u32_at(&bytes, at), |at| u64_at(&bytes, at));
        if small(0) != Some(MAGIC) {
            return Err("it does not begin as a bbolt database does".to_owned());
        }
        if small(4) != Some(VERSION) {
            return Err(format!("its format's version is {}, and {VERSION} is known", small(4).unwrap_or(0)));
        }
        if large(META - 8) != Some(fnv1a(&bytes[..META - 8])) {
            return Err("its meta page does not match its checksum".to_owned());
        }
        let page = small(8).unwrap_or(0);
        if !page.is_power_of_two() || !PAGE_SIZES.contains(&page.trailing_zeros()) {
            return Err(format!("its page size of {page} bytes is not valid"));
        }
        let [root, high, transaction] = [16, 40, 48].map(|at| large(at).unwrap_or(0));
        Ok(Meta { page: page.into(), root, high, transaction })
    }

    fn page(&mut self, id: u64) -> Result<Page, String> {
        let damaged = || format!("page {id} is not a data page of the file");
        if id < 2 || id >= self.high {
            return Err(damaged());
        }
        let at = id.checked_mul(self.page).ok_or_else(damaged)?;
        let header = self.take(at, HEADER)?;
        let overflow = u64::from(u32_at(&header, 12).unwrap_or(0));
        let after = id.checked_add(overflow + 1).filter(|after| *after <= self.high).ok_or_else(damaged)?;
        if u64_at(&header, 0) != Some(id) {
            return Err(damaged());
        }
        let end = after.checked_mul(self.page).ok_or_else(damaged)?;
        page_of(&header, at, end).ok_or_else(damaged)
    }

    /// Elements of a page, from one on.
    fn elements(&mut self, page: Page, from: u16, count: u16) -> Result<Vec<Element>, String> {
        let begin = page.at + HEADER as u64 + u64::from(from) * ELEMENT as u64;
        let length = usize::from(count) * ELEMENT;
        if begin + length as u64 > page.end {
            return Err(format!("the page at byte {} holds fewer elements than it declares", page.at));
        }
        let bytes = self.take(begin, length)?;
        let place = |index: usize| begin + (index * ELEMENT) as u64;
        let elements = bytes.chunks_exact(ELEMENT).enumerate().map(|(index, bytes)| element(page, place(index), bytes));
        elements.collect::<Option<_>>().ok_or_else(|| format!("the page at byte {} points outside itself", page.at))
    }

    fn text(&mut self, (at, length): (u64, usize)) -> Result<Vec<u8>, String> {
        if length > LONGEST { Err(format!("the entry at byte {at} is too long")) } else { self.take(at, length) }
    }

    /// The last key of a bucket; none where it is empty.
    fn last_key(&mut self, bucket: Page) -> Result<Option<Vec<u8>>, String> {
        let mut page = bucket;
        for _ in 0..DEEPEST {
            let Some(last) = page.count.checked_sub(1) else { return Ok(None) };
            let last = self.elements(page, last, 1)?[0];
            if page.flags == LEAF {
                return self.text(last.key).map(Some);
            }
            page = self.page(last.page)?;
        }
        Err(TOO_DEEP.to_owned())
    }

    /// What belongs to a key.
    fn find(&mut self, bucket: Page, name: &[u8]) -> Result<Option<Element>, String> {
        let mut page = bucket;
        for _ in 0..DEEPEST {
            let mut below = None;
            for element in self.elements(page, 0, page.count)? {
                let key = self.text(element.key)?;
                if page.flags == LEAF && key == name {
                    return Ok(Some(element));
                }
                if key.as_slice() > name {
                    break;
                }
                below = Some(element);
            }
            match below.filter(|_| page.flags == BRANCH) {
                Some(element) => page = self.page(element.page)?,
                None => return Ok(None),
            }
        }
        Err(TOO_DEEP.to_owned())
    }

    fn value(&mut self, bucket: Page, name: &[u8]) -> Result<Option<Vec<u8>>, String> {
        self.find(bucket, name)?.map(|element| self.text(element.value)).transpose()
    }

    fn bucket(&mut self, root: Page, name: &[u8]) -> Result<Option<Page>, String> {
        let Some(element) = self.find(root, name)? else { return Ok(None) };
        let damaged = || format!("its bucket {} is none", String::from_utf8_lossy(name));
        let (at, length) = element.value;
        if element.flags & IS_BUCKET == 0 || length < BUCKET {
            return Err(damaged());
        }
        match u64_at(&self.take(at, BUCKET)?, 0) {
            Some(0) if length >= BUCKET + HEADER => {
                let inside = at + BUCKET as u64;
                let header = self.take(inside, HEADER)?;
                page_of(&header, inside, at + length as u64)
                    .filter(|page| page.flags == LEAF)
                    .map(Some)
                    .ok_or_else(damaged)
            }
            Some(id) => self.page(id).map(Some),
            None => Err(damaged()),
        }
    }
}

const TOO_DEEP: &str = "its tree is too deep, or contains a cycle";

#[derive(Debug, Clone, Copy)]
struct Meta {
    page: u64,
    root: u64,
    high: u64,
    transaction: u64,
}

fn page_of(header: &[u8], at: u64, end: u64) -> Option<Page> {
    let number = |at: usize| header.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
    let (flags, count) = (number(8)?, number(10)?);
    let known = flags == LEAF || (flags == BRANCH && count > 0);
    known.then_some(Page { at, end, flags, count })
}

/// An element, where what it points to lies within its page.
fn element(page: Page, at: u64, bytes: &[u8]) -> Option<Element> {
    let small = |at| u32_at(bytes, at);
    let within = |from: u32, length: u32| {
        let begin = at.checked_add(from.into())?;
        let end = begin.checked_add(length.into())?;
        (end <= page.end).then_some((begin, usize::try_from(length).ok()?))
    };
    if page.flags == BRANCH {
        return Some(Element { flags: 0, key: within(small(0)?, small(4)?)?, value: (at, 0), page: u64_at(bytes, 8)? });
    }
    let (position, key, value) = (small(4)?, small(8)?, small(12)?);
    let value = within(position.checked_add(key)?, value)?;
    Some(Element { flags: small(0)?, key: within(position, key)?, value, page: 0 })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
