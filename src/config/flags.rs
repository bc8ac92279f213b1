//! etcd's flags as Go's `flag` package reads them: which ones take no value, and what a true one says. Knows no file.

/// The flags that take no word after them, in etcd 3.3 to 3.7 (`BoolVar` in `embed/config.go` and `etcdmain/config.go`,
/// and the flags that it ignores).
const BOOL: [&str; 49] = [
    "auto-tls",
    "client-cert-auth",
    "cluster-active-size",
    "cluster-remove-delay",
    "cluster-sync-interval",
    "config",
    "debug",
    "discovery-insecure-skip-tls-verify",
    "discovery-insecure-transport",
    "enable-distributed-tracing",
    "enable-grpc-gateway",
    "enable-log-rotation",
    "enable-pprof",
    "enable-v2",
    "experimental-compact-hash-check-enabled",
    "experimental-enable-distributed-tracing",
    "experimental-enable-lease-checkpoint",
    "experimental-enable-lease-checkpoint-persist",
    "experimental-initial-corrupt-check",
    "experimental-memory-mlock",
    "experimental-peer-skip-client-san-verification",
    "experimental-stop-grpc-service-on-defrag",
    "experimental-txn-mode-write-with-shared-buffer",
    "force",
    "force-new-cluster",
    "h",
    "help",
    "initial-election-tick-advance",
    "max-result-buffer",
    "max-retry-attempts",
    "memory-mlock",
    "next-cluster-version-compatible",
    "peer-auto-tls",
    "peer-client-cert-auth",
    "peer-election-timeout",
    "peer-heartbeat-interval",
    "peer-skip-client-san-verification",
    "pre-vote",
    "retry-interval",
    "snapshot",
    "socket-reuse-address",
    "socket-reuse-port",
    "strict-reconfig-check",
    "test.coverprofile",
    "test.outputdir",
    "unsafe-no-fsync",
    "v",
    "version",
    "vv",
];

/// Whether a flag takes no word after it; one that this program does not know takes one, as most do.
#[must_use]
pub fn is_bool(flag: &str) -> bool {
    BOOL.contains(&flag)
}

/// Whether a flag is of the family of discovery, beside which etcd refuses `initial-cluster` (`embed.Config.Validate`).
#[must_use]
pub fn is_discovery(flag: &str) -> bool {
    flag.starts_with("discovery")
}

/// A flag's value as it is given on: `true` or `false` where Go's `ParseBool` would make that of a flag without a word.
#[must_use]
pub fn value(flag: &str, written: &str) -> String {
    let truth = match written {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => "true",
        "0" | "f" | "F" | "false" | "FALSE" | "False" => "false",
        other => other,
    };
    if is_bool(flag) { truth } else { written }.to_owned()
}

/// A whole number as Go's `flag` package reads it: `5000`, `5_000`, `0x1388`, `0b101`, `0o17` or `017`. With anything else etcd does
/// not start.
#[must_use]
pub fn integer(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase().replace('_', "");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let (base, digits) = match digits.split_at_checked(2) {
        Some(("0x", rest)) => (16, rest),
        Some(("0b", rest)) => (2, rest),
        Some(("0o", rest)) => (8, rest),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        _ => (10, digits),
    };
    let is_number = digits.starts_with(|first: char| first.is_ascii_alphanumeric());
    i64::from_str_radix(&format!("{sign}{digits}"), base).ok().filter(|_| is_number)
}

/// The flag that an environment variable sets; every variable of etcd's own begins with `ETCD_`.
#[must_use]
pub fn of_variable(name: &str) -> Option<String> {
    name.strip_prefix("ETCD_").map(|rest| rest.to_ascii_lowercase().replace('_', "-"))
}

/// The environment variable that sets a flag.
#[must_use]
pub fn variable_of(flag: &str) -> String {
    format!("ETCD_{}", flag.to_ascii_uppercase().replace('-', "_"))
}

/// A flag as it stands among a program's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without its dashes.
    pub name: String,
    /// Which word it is.
    pub at: usize,
    pub value: Value,
}

/// Where a flag's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// In the same word, from this byte on.
    Joined(usize),
    /// In the next word.
    Next,
    /// There is none: true.
    Bare,
}

/// Reads the words after the program's name.
///
/// # Errors
/// The first word with which etcd would not start, and why.
pub fn read(words: &[&str]) -> Result<Vec<Flag>, (usize, &'static str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let Some(rest) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            return Err((at, "this is neither a flag nor a flag's value"));
        };
        let rest = rest.strip_prefix('-').unwrap_or(rest);
        let (name, joined) = match rest.split_once('=') {
            Some((name, _)) => (name, true),
            None => (rest, false),
        };
        if name.is_empty() || name.starts_with('-') {
            return Err((at, "this is no flag as etcd reads flags"));
        }
        let value = match joined {
            true => Value::Joined(word.len() - rest.len() + name.len() + 1),
            false if is_bool(name) => Value::Bare,
            false if at + 1 < words.len() => Value::Next,
            false => return Err((at, "this flag has no value")),
        };
        found.push(Flag { name: name.to_owned(), at, value });
        at += if value == Value::Next { 2 } else { 1 };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::integer;

    #[test]
    fn a_number_is_read_as_go_reads_it() {
        for (text, number) in [
            ("5000", Some(5000)),
            (" 5_000 ", Some(5000)),
            ("0x1388", Some(5000)),
            ("0b101", Some(5)),
            ("0o17", Some(15)),
            ("017", Some(15)),
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("+7", Some(7)),
            ("8_589_934_592", Some(8 << 30)),
            ("", None),
            ("--1", None),
            ("5s", None),
            ("0x", None),
            ("089", None),
        ] {
            assert_eq!(integer(text), number, "{text:?}");
        }
    }
}
