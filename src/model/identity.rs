//! etcd's identifiers: how they are written, and how those of a restored cluster are derived. Asks no running member.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

macro_rules! hex_id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(pub u64);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!("{:x}", self.0))
            }
        }

        impl FromStr for $type {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                u64::from_str_radix(text.trim(), 16).map(Self)
            }
        }

        impl TryFrom<String> for $type {
            type Error = std::num::ParseIntError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(id: $type) -> String {
                id.to_string()
            }
        }
    };
}

hex_id!(
    /// A member's ID, written as etcdctl takes it: lower-case hex without padding.
    MemberId
);
hex_id!(
    /// A cluster's ID, written as etcd logs it: lower-case hex without padding.
    ClusterId
);

/// The word that tells one bootstrap of a cluster from another. Random for each run, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token(pub String);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The ID a bootstrapped or restored member gets: the first eight bytes of SHA-1 over its sorted peer URLs
/// and the token (etcd `server/etcdserver/api/membership/member.go`, `computeMemberId`, without a time).
#[must_use]
pub fn bootstrap_member_id(peer_urls: &[String], token: &Token) -> MemberId {
    let mut sorted = peer_urls.to_vec();
    sorted.sort();
    let text = sorted.concat() + &token.0;
    MemberId(first_eight(text.as_bytes()))
}

/// The ID of a cluster of these members (etcd `membership/cluster.go`, `genID`): SHA-1 over the sorted member
/// IDs, big-endian.
#[must_use]
pub fn bootstrap_cluster_id(members: &[MemberId]) -> ClusterId {
    let mut ids: Vec<u64> = members.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
    ClusterId(first_eight(&bytes))
}

fn first_eight(bytes: &[u8]) -> u64 {
    let digest = Sha1::digest(bytes);
    let mut eight = [0u8; 8];
    eight.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(eight)
}
