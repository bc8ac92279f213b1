//! Where a file of etcd's database ends, read from a real snapshot and from damaged ones: an error, or what it was; never a
//! panic, never a read out of measure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use requorum::observe::database::{Ends, ends};

const REAL: &[u8] = include_bytes!("databases/etcd-3.5.16.db");
const TRUE: Ends = Ends { revision: 52, index: Some(55), term: Some(2) };
const PAGE: usize = 4096;

/// What is read of these bytes, and how many of them that took.
fn read(bytes: &[u8]) -> (Result<Ends, String>, usize) {
    let mut taken = 0;
    let said = ends(bytes.len() as u64, &mut |at, length| {
        taken += length;
        let at = usize::try_from(at).map_err(|error| error.to_string())?;
        bytes.get(at..at + length).map(<[u8]>::to_vec).ok_or_else(|| "read out of the file".to_owned())
    });
    (said, taken)
}

fn why(bytes: &[u8]) -> String {
    read(bytes).0.unwrap_err()
}

/// A meta page's checksum made right again.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    for at in [16, PAGE + 16] {
        let sum = bytes[at..at + 56]
            .iter()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        bytes[at + 56..at + 64].copy_from_slice(&sum.to_le_bytes());
    }
    bytes
}

/// The same file with some bytes changed.
fn with(changes: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = REAL.to_vec();
    changes.iter().for_each(|(at, new)| bytes[*at..*at + new.len()].copy_from_slice(new));
    bytes
}

/// Where the pages with these flags begin.
fn pages(flags: u8) -> Vec<usize> {
    (2..REAL.len() / PAGE).map(|id| id * PAGE).filter(|at| REAL[at + 8] == flags).collect()
}

#[test]
fn a_real_snapshot_ends_where_etcd_says_it_does() {
    let (said, taken) = read(REAL);
    assert_eq!(said, Ok(TRUE));
    assert!(taken < 4096, "{taken} bytes were read for it");
    assert_eq!(pages(1).len(), 1, "its keys are a tree with a branch");
}

/// What `etcdctl endpoint status` and `etcdutl snapshot status` said of each.
#[test]
fn the_databases_of_other_releases_end_where_etcd_says_they_do() {
    let others: [(&str, &[u8], u64, Option<u64>); 3] = [
        ("3.4.23", include_bytes!("databases/etcd-3.4.23.db"), 55, None),
        ("3.6.16", include_bytes!("databases/etcd-3.6.16.db"), 56, Some(2)),
        ("3.7.3", include_bytes!("databases/etcd-3.7.3.db"), 56, Some(2)),
    ];
    for (release, bytes, index, term) in others {
        assert_eq!(read(bytes).0, Ok(Ends { revision: 52, index: Some(index), term }), "{release}");
    }
}

#[test]
fn one_whole_meta_page_is_enough_and_none_is_an_error() {
    let first = with(&[(16, &[0; 64])]);
    assert_eq!(read(&first).0, Ok(TRUE), "the page's size is found");
    assert_eq!(read(&with(&[(PAGE + 16, &[0; 64])])).0, Ok(TRUE));
    let neither = with(&[(40, &[9]), (PAGE + 40, &[9])]);
    assert!(why(&neither).contains("checksum"), "{}", why(&neither));
    assert!(why(b"{half").contains("ends before") && why(&[]).contains("ends before"));
    assert!(why(&[7; 9000]).contains("as a bbolt database does"));
    let version = sealed(with(&[(20, &[3]), (PAGE + 20, &[3])]));
    assert!(why(&version).contains("version is 3"), "{}", why(&version));
    let size = sealed(with(&[(24, &[1, 16]), (PAGE + 24, &[1, 16])]));
    assert!(why(&size).contains("page size of 4097 bytes"), "{}", why(&size));
}

#[test]
fn a_circle_and_a_page_out_of_bounds_are_errors() {
    let branch = pages(1)[0];
    let itself = (branch / PAGE) as u64;
    let elements = usize::from(REAL[branch + 10]);
    // The last element's page.
    let at = branch + 16 + (elements - 1) * 16 + 8;
    let circle = with(&[(at, &itself.to_le_bytes())]);
    assert!(why(&circle).contains("cycle"), "{}", why(&circle));
    for page in [0, 1, 1000, u64::MAX] {
        let out = with(&[(at, &page.to_le_bytes())]);
        assert!(why(&out).contains(&format!("page {page} is not a data page of the file")), "{}", why(&out));
    }
    // Elements, keys and overflow pages without measure.
    assert!(read(&with(&[(branch + 10, &[0xff, 0xff])])).0.is_err());
    assert!(read(&with(&[(branch + 12, &[0xff; 4])])).0.is_err());
    assert!(why(&with(&[(at - 8, &[0xff; 8])])).contains("points outside itself"));
}

#[test]
fn a_bucket_of_another_program_is_no_database_of_etcds() {
    let renamed: Vec<u8> = with(&find(b"key").iter().map(|at| (*at, &b"kez"[..])).collect::<Vec<_>>());
    assert!(why(&renamed).contains("no bucket of keys"), "{}", why(&renamed));
}

/// Where a bucket's name lies in the root's leaf.
fn find(name: &[u8]) -> Vec<usize> {
    let meta = &REAL[16..80];
    let root = usize::try_from(u64::from_le_bytes(meta[16..24].try_into().unwrap())).unwrap() * PAGE;
    let leaf = &REAL[root..root + PAGE];
    let next = |at: usize| leaf.get(at + name.len()).is_some();
    (0..PAGE - name.len()).filter(|at| leaf[*at..].starts_with(name) && next(*at)).map(|at| root + at).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_file_is_an_error_or_reads_little_and_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in any::<prop::sample::Index>(), whole in any::<bool>(), sealing in any::<bool>(),
    ) {
        let mut bytes = REAL.to_vec();
        for (at, byte) in &changes {
            // Most of the file is values, which nobody reads: what is read lies in the first bytes of its pages.
            let page = at.index(bytes.len() / PAGE) * PAGE;
            bytes[page + usize::from(*byte) * 2 % 900] = *byte;
        }
        let mut bytes = if sealing { sealed(bytes) } else { bytes };
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        let (said, taken) = read(&bytes);
        prop_assert!(said.is_err() || said.as_ref().is_ok_and(|ends| ends.revision > 0), "{said:?}");
        prop_assert!(said != Err("read out of the file".to_owned()));
        prop_assert!(taken <= 1 << 20, "{taken} bytes");
    }

    #[test]
    fn a_file_cut_anywhere_is_never_read_as_another_end(cut in any::<prop::sample::Index>()) {
        let (said, _) = read(&REAL[..cut.index(REAL.len())]);
        prop_assert!(said.is_err() || said == Ok(TRUE), "{said:?}");
    }

    #[test]
    fn noise_is_no_database(bytes in prop::collection::vec(any::<u8>(), 0..20_000)) {
        prop_assert!(read(&bytes).0.is_err());
    }
}
