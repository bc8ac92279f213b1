//! Host patterns as Ansible writes them: `node[01:10]`, `host:2222`, `[fd00::1]:22`. Knows nothing about files.

use std::net::{IpAddr, Ipv6Addr};

/// The most hosts that one pattern may stand for.
const MOST: usize = 10_000;
/// The longest pattern: a host name's limit in DNS, and some ranges.
const LONGEST: usize = 300;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The hosts that a pattern stands for, and their port, where it names one.
pub fn hosts(pattern: &str) -> Result<(Vec<String>, Option<String>), String> {
    if pattern.len() > LONGEST {
        return Err(format!("a host's name is longer than {LONGEST} characters"));
    }
    let six = pattern.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let Some((address, rest)) = six.filter(|(address, _)| address.parse::<Ipv6Addr>().is_ok()) {
        return Ok((vec![address.to_owned()], rest.strip_prefix(':').map(str::to_owned)));
    }
    let port = pattern.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    match port {
        Some((host, port)) if pattern.parse::<IpAddr>().is_err() && !port.is_empty() => {
            Ok((expand(host)?, Some(port.to_owned())))
        }
        _ => Ok((expand(pattern)?, None)),
    }
}

fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let mut done = vec![String::new()];
    let mut rest = pattern;
    while let Some((head, tail)) = rest.split_once('[') {
        let (range, tail) = tail.split_once(']').ok_or("a host range has no closing bracket")?;
        let parts = sequence(range)?;
        if done.len().saturating_mul(parts.len()) > MOST {
            return Err(format!("a host range has more than {MOST} hosts"));
        }
        done = done.iter().flat_map(|begun| parts.iter().map(move |part| format!("{begun}{head}{part}"))).collect();
        rest = tail;
    }
    Ok(done.into_iter().map(|begun| begun + rest).collect())
}

/// `1:3`, `01:10`, `a:c`, `0:10:2`.
fn sequence(range: &str) -> Result<Vec<String>, String> {
    let wrong = || "a host range must be `begin:end` or `begin:end:step`".to_owned();
    let parts: Vec<&str> = range.split(':').collect();
    let (begin, end, step) = match parts[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err(wrong()),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    let step = step.parse::<usize>().ok().filter(|step| *step > 0).ok_or_else(wrong)?;
    let letter = |text: &str| match text.as_bytes() {
        [letter] => LETTERS.iter().position(|known| known == letter),
        _ => None,
    };
    if let (Some(first), Some(last)) = (letter(begin), letter(end)) {
        let letters = LETTERS.get(first..=last).filter(|letters| !letters.is_empty()).ok_or_else(wrong)?;
        return Ok(letters.iter().step_by(step).map(|letter| char::from(*letter).to_string()).collect());
    }
    let padded = begin.len() > 1 && begin.starts_with('0');
    if padded && begin.len() != end.len() {
        return Err("both ends of a host range must have the same number of digits".to_owned());
    }
    let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let (first, last) = (number(begin)?, number(end)?);
    if first > last {
        return Err(wrong());
    }
    if ((last - first) as usize) / step >= MOST {
        return Err(format!("a host range has more than {MOST} hosts"));
    }
    let width = if padded { begin.len() } else { 0 };
    Ok((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_hosts() {
        for (pattern, meant, port) in [
            ("node1", "node1", None),
            ("node[1:3]", "node1 node2 node3", None),
            ("n[08:10]-[a:b].x:2222", "n08-a.x n08-b.x n09-a.x n09-b.x n10-a.x n10-b.x", Some("2222")),
            ("n[0:10:5]", "n0 n5 n10", None),
            ("[:2]n", "0n 1n 2n", None),
            ("10.0.0.1:22", "10.0.0.1", Some("22")),
            ("fd00::1", "fd00::1", None),
            ("[fd00::1]:22", "fd00::1", Some("22")),
        ] {
            let (hosts, found) = hosts(pattern).unwrap();
            assert_eq!((hosts.join(" ").as_str(), found.as_deref()), (meant, port), "{pattern}");
        }
        for bad in ["n[1", "n[1]", "n[3:1]", "n[1:2:0]", "n[01:2]", "n[1:99999]", "n[1:200][1:200]", "n[1:x]", "n[b:a]"]
        {
            assert!(hosts(bad).is_err(), "{bad}");
        }
    }
}
