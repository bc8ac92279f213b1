//! Mistakes in files in the formats of tools that review changes: SARIF, GitHub's workflow commands, GitLab's code
//! quality report. Knows neither terminal nor disk.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::diagnostic::{Diagnostic, Place, Severity};
use crate::model::digest::hex;

/// SARIF 2.1.0 (OASIS): one run, a rule for each code, columns in Unicode characters.
#[must_use]
pub fn sarif(diagnostics: &[Diagnostic]) -> Value {
    let mut codes: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| json!({ "id": code })).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "requorum", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": diagnostics.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(diagnostic: &Diagnostic) -> Value {
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .map(|related| {
            let mut at = location(&related.place);
            at["message"] = json!({ "text": related.message });
            at
        })
        .collect();
    json!({
        "ruleId": diagnostic.code,
        "level": level(diagnostic),
        "message": { "text": sentence(diagnostic) },
        "locations": [location(&diagnostic.place)],
        "relatedLocations": related,
    })
}

fn location(place: &Place) -> Value {
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(&place.file) },
        "region": { "startLine": place.line, "startColumn": place.column, "endColumn": end(place) },
    } })
}

/// A file's name as a URI reference; what could be read as something else is written as `%XX`.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// One past the last column that is meant, within the line.
fn end(place: &Place) -> usize {
    place.column + place.line_text[place.mark.clone()].chars().count().max(1)
}

fn level(diagnostic: &Diagnostic) -> &'static str {
    match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn sentence(diagnostic: &Diagnostic) -> String {
    let hint = diagnostic.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}{hint}", diagnostic.message)
}

/// One workflow command a mistake, which GitHub shows at its line.
#[must_use]
pub fn github(diagnostics: &[Diagnostic]) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    diagnostics
        .iter()
        .map(|diagnostic| {
            let place = &diagnostic.place;
            format!(
                "::{} file={},line={},col={},endColumn={},title={}::{}\n",
                level(diagnostic).replace("note", "notice"),
                property(&place.file),
                place.line,
                place.column,
                end(place) - 1,
                property(diagnostic.code),
                data(&sentence(diagnostic))
            )
        })
        .collect()
}

/// A code quality report. Its fingerprints hold the line's text and not its number, so that a mistake stays the same
/// one when lines are added above it.
#[must_use]
pub fn gitlab(diagnostics: &[Diagnostic]) -> Value {
    let mut seen = std::collections::BTreeMap::new();
    let entry = |diagnostic: &Diagnostic| {
        let place = &diagnostic.place;
        let mut sum = Sha256::new();
        for part in [diagnostic.code, &place.file, &place.line_text, &diagnostic.message] {
            sum.update(part.as_bytes());
            sum.update([0]);
        }
        let times: &mut u32 =
            seen.entry((diagnostic.code, place.line_text.clone(), diagnostic.message.clone())).or_default();
        *times += 1;
        sum.update(times.to_le_bytes());
        let severity = match diagnostic.severity {
            Severity::Error => "major",
            Severity::Warning => "minor",
            Severity::Note => "info",
        };
        json!({
            "description": sentence(diagnostic),
            "check_name": diagnostic.code,
            "fingerprint": hex(&sum.finalize()),
            "severity": severity,
            "location": { "path": place.file, "lines": { "begin": place.line } },
        })
    };
    diagnostics.iter().map(entry).collect()
}

#[cfg(test)]
mod tests;
