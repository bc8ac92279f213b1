//! Compares host names with the patterns and hashes of known_hosts. Knows nothing about keys.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Whether a list of patterns names `name`: one must match, and a matching `!pattern` vetoes the line.
pub(super) fn any(patterns: &[String], name: &str) -> bool {
    let mut named = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(unwanted) if matches(&unwanted.to_lowercase(), name) => return false,
            Some(_) => {}
            None => named |= matches(&pattern.to_lowercase(), name),
        }
    }
    named
}

/// Whether `pattern` (`*` any run, `?` any one character, all else itself) covers the whole of `text`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // After a mismatch the last star takes one more character; nothing before it needs another look.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                p = star_at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// The hash of a hashed host name: HMAC-SHA1 (RFC 2104) keyed with the salt.
pub(super) fn hashed(salt: &[u8], name: &str) -> [u8; 20] {
    // A key of any length is one.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(salt) else { return [0; 20] };
    mac.update(name.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::hex;

    #[test]
    fn the_hash_is_hmac_sha1() {
        // RFC 2202, test cases 1, 2 and 6.
        assert_eq!(hex(&hashed(&[0x0b; 20], "Hi There")), "b617318655057264e28bc0b6fb378c8ef146be00");
        assert_eq!(hex(&hashed(b"Jefe", "what do ya want for nothing?")), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let long = hashed(&[0xaa; 80], "Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&long), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    }

    #[test]
    fn patterns_cover_the_whole_name() {
        for (pattern, text, expected) in [
            ("m1", "m1", true),
            ("m1", "m11", false),
            ("m?", "m1", true),
            ("m?", "m", false),
            ("*", "", true),
            ("*.example.org", "a.b.example.org", true),
            ("*.example.org", "example.org", false),
            ("10.77.*.1?", "10.77.1.11", true),
            ("10.77.*.1?", "10.77.1.111", false),
            ("[10.77.*]:2222", "[10.77.1.11]:2222", true),
            ("[10.77.*]:2222", "10.77.1.11", false),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let endless = format!("{}b", "a*".repeat(40));
        assert!(!matches(&endless, &"a".repeat(200)), "must not take exponential time");
    }
}
