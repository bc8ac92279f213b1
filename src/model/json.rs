//! JSON text that is safe to show: characters that a terminal or an editor would act on are escaped. Does not know what
//! the values mean.

use serde::Serialize;

use super::command::is_hostile;

/// Indented JSON with a line's end.
#[must_use]
pub fn text(value: &impl Serialize) -> String {
    escaped(&serde_json::to_string_pretty(value).unwrap_or_default()) + "\n"
}

/// The same JSON, in which C1 control characters and direction marks are escapes. They stand in strings only, and each
/// is one UTF-16 unit, so the value stays what it was.
#[must_use]
pub fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hostile(c) && c != '\n' {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_in_json_moves_a_terminal_and_the_value_stays(
            said in "[a\"\\\\\u{0}-\u{1f}\u{7f}-\u{a0}\u{61c}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{2069}\u{feff}\u{1f600}]{0,20}",
        ) {
            let value = serde_json::json!({ said.clone(): [said] });
            for json in [text(&value), escaped(&value.to_string())] {
                prop_assert!(json.chars().all(|c| c == '\n' || !is_hostile(c)), "{json:?}");
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value.clone());
            }
        }
    }
}
