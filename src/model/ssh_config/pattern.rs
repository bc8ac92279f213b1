//! OpenSSH's patterns: `*`, `?`, and `!` before one that must not hold. Does not know what they are about.

/// `Host`: any word matches, and none that is negated.
pub(super) fn any_word(words: &[String], text: &str) -> bool {
    any(words.iter().map(String::as_str), text)
}

/// `Match host`: the same of a list with commas. Capitals make no difference there.
pub(super) fn any_of_list(list: &str, text: &str) -> bool {
    let (list, text) = (list.to_lowercase(), text.to_lowercase());
    any(list.split(','), &text)
}

fn any<'a>(patterns: impl Iterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if is_like(pattern, text) => return false,
            Some(_) => {}
            None => found |= is_like(pattern, text),
        }
    }
    found
}

/// Whether the whole text is like the pattern, without regard to `!`.
#[must_use]
pub fn is_like(pattern: &str, text: &str) -> bool {
    // It goes back to the last `*` only, so that no pattern takes longer than the product of both lengths.
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(letter) if *letter == b'?' || *letter == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                None => return false,
                Some((at, seen)) => {
                    star = Some((at, seen + 1));
                    p = at + 1;
                    t = seen + 1;
                }
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}
