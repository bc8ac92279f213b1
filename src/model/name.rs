//! Names that are always valid: each is checked once, where it enters, and is safe to use afterwards. Does not know
//! what a name stands for.

use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Why a text is not the name it was meant to be. Reads as the end of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} {why}")]
pub struct BadName {
    /// What was given.
    pub text: String,
    /// The rule it breaks.
    pub why: &'static str,
}

/// The longest name accepted anywhere: a host name's limit in DNS.
const LONGEST: usize = 253;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks `text`.
            ///
            /// # Errors
            /// When the text could not be such a name; nothing is trimmed or repaired.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                let text = text.into();
                match $check(&text) {
                    None => Ok(Self(text)),
                    Some(why) => Err(BadName { text, why }),
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
    };
}

name!(
    /// A cluster as the inventory names it; what an operator types to consent.
    ClusterName, label_rule
);
name!(
    /// A zone as the inventory names it.
    ZoneName, label_rule
);
name!(
    /// A master as the inventory names it; not etcd's member name, which is read from the node.
    MasterName, label_rule
);
name!(
    /// Where SSH and etcd reach a master: a host name or an IP address, never with a port.
    Address, address_rule
);
name!(
    /// A user on a master.
    UserName, user_rule
);
name!(
    /// A systemd unit without its `.service` ending.
    UnitName, unit_rule
);
name!(
    /// A container as docker names it.
    ContainerName, label_rule
);
name!(
    /// An absolute path on a master without `.`/`..` parts, blanks or control characters, and not `/`.
    AbsPath, path_rule
);
name!(
    /// One run of one command: time, then four random digits. Part of paths on the masters.
    RunId, label_rule
);

impl RunId {
    /// Stands for a run that is only imagined.
    #[must_use]
    pub fn imagined() -> Self {
        Self("imagined".to_owned())
    }

    /// When it began, by the clock of its bastion: its name begins with that, in UTC.
    #[must_use]
    pub fn began(&self) -> Option<Timestamp> {
        let began = DateTime::strptime("%Y%m%d-%H%M%S", self.0.get(..15)?).ok()?;
        Some(began.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }
}

/// What a run moves aside is called by this word and the run. Names are made in [`AbsPath::retired`] and its neighbours;
/// the scripts that move data get them as arguments (`traces.sh` only looks for them).
pub const RETIRED: &str = "retired-";

/// What a run made and `undo` moves aside is called by this word and the run.
const UNUSED: &str = "unused-";

/// Where `undo` keeps what that run wrote or made in this place.
#[must_use]
pub fn unused(path: &str, run: &RunId) -> String {
    format!("{path}.{UNUSED}{run}")
}

impl AbsPath {
    /// Where a run moves this file or directory: `/var/lib/etcd.retired-RUN`.
    #[must_use]
    pub fn retired(&self, run: &RunId) -> String {
        self.beside(&format!(".{RETIRED}{run}"))
    }

    /// Where a run moves what lies in this directory, where it is a mount point: `/var/lib/etcd/retired-RUN`.
    #[must_use]
    pub fn retired_within(&self, run: &RunId) -> String {
        format!("{}/{RETIRED}{run}", self.0)
    }

    /// Where `undo` moves what a run made of this file or directory: `/var/lib/etcd.unused-RUN`.
    #[must_use]
    pub fn unused(&self, run: &RunId) -> String {
        unused(&self.0, run)
    }

    /// The same for what lies in this directory, where it is a mount point: `/var/lib/etcd/unused-RUN`.
    #[must_use]
    pub fn unused_within(&self, run: &RunId) -> String {
        format!("{}/{UNUSED}{run}", self.0)
    }

    /// The path of `name` beside this one: `/var/lib/etcd` and `.retired-x` give `/var/lib/etcd.retired-x`.
    #[must_use]
    pub fn beside(&self, ending: &str) -> String {
        format!("{}{ending}", self.0)
    }

    /// The directory that holds this path.
    #[must_use]
    pub fn parent(&self) -> &str {
        match self.0.rfind('/') {
            Some(0) | None => "/",
            Some(at) => &self.0[..at],
        }
    }
}

fn common(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    if text.len() > LONGEST {
        return Some("is longer than 253 characters");
    }
    if text.starts_with('-') {
        return Some("begins with a dash, which a command would read as an option");
    }
    None
}

fn label_rule(text: &str) -> Option<&'static str> {
    common(text).or_else(|| {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        (!text.chars().all(fine) || text.starts_with('.'))
            .then_some("may hold only letters, digits, dots, dashes and underscores, and may not begin with a dot")
    })
}

fn address_rule(text: &str) -> Option<&'static str> {
    common(text).or_else(|| {
        if text.parse::<std::net::IpAddr>().is_ok() {
            return None;
        }
        let label = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let all_digits = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        (all_digits || !text.split('.').all(label)).then_some("is neither an IP address nor a host name")
    })
}

fn user_rule(text: &str) -> Option<&'static str> {
    common(text).or_else(|| {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        (!text.chars().all(fine) || text.len() > 32).then_some("could not be a user name")
    })
}

fn unit_rule(text: &str) -> Option<&'static str> {
    common(text).or_else(|| {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | ':');
        if !text.chars().all(fine) {
            return Some("could not be a systemd unit");
        }
        text.ends_with(".service").then_some("must be written without .service")
    })
}

fn path_rule(text: &str) -> Option<&'static str> {
    if text.len() > 1024 {
        return Some("is longer than 1024 characters");
    }
    if !text.starts_with('/') {
        return Some("is not an absolute path");
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:,=".contains(c)) {
        return Some("holds a character that a path here may not hold");
    }
    let parts = &text[1..];
    (parts.is_empty() || parts.split('/').any(|p| p.is_empty() || p == "." || p == ".."))
        .then_some("is `/` itself, ends with a slash, or holds an empty, `.` or `..` part")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_or_an_option_parser_would_misread_is_no_name() {
        for bad in ["", "-oProxyCommand=x", "a b", "$(reboot)", "m1;ls", "m1\n", "ünï", ".hidden", "a/b"] {
            assert!(MasterName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["m1", "zone-1", "master_1.example", "1a"] {
            assert!(MasterName::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn addresses_are_hosts_or_ips_and_nothing_else() {
        for good in ["10.77.1.11", "fd00::1", "m1.example.org", "m1"] {
            assert!(Address::new(good).is_ok(), "{good:?}");
        }
        for bad in ["10.77.1", "10.77.1.256", "m1:22", "m1..x", "-m1", "m1-", "a_b", "[::1]", "root@m1"] {
            assert!(Address::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_that_could_reach_elsewhere_is_refused() {
        for bad in
            ["/", "var/lib/etcd", "/var//lib", "/var/lib/etcd/", "/var/../etc", "/var/./x", "/a b", "/a$b", "/a\n"]
        {
            assert!(AbsPath::new(bad).is_err(), "{bad:?}");
        }
        let data = AbsPath::new("/var/lib/etcd").unwrap();
        assert_eq!(data.beside(".retired-x"), "/var/lib/etcd.retired-x");
        assert_eq!(data.parent(), "/var/lib");
    }

    #[test]
    fn units_are_named_without_their_ending() {
        assert!(UnitName::new("etcd").is_ok());
        assert!(UnitName::new("etcd@events").is_ok());
        assert!(UnitName::new("etcd.service").is_err());
        assert!(UnitName::new("../etcd").is_err());
    }
}
