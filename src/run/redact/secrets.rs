//! What counts as a secret: the only list. Knows neither the texts that contain secrets nor how they are removed.

use crate::config::env_file::EnvFile;
use crate::observe::Observation;

/// Parts of a name that make its value a secret wherever they stand in it.
const WITHIN: &[&str] = &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIAL", "AUTHORIZATION"];
/// Words of a name, between underscores, that do so as its last word.
const LAST: &[&str] = &["PW", "PWD", "PASS", "TOKENS", "KEY", "APIKEY", "AUTH"];
/// Names of which the rules above would be wrong. The cluster's token is told to everybody; `ETCD_AUTH_TOKEN` holds
/// options; the others say where somebody is.
const NONE: &[&str] = &["ETCD_AUTH_TOKEN", "AUTH_TOKEN", "PWD", "OLDPWD"];
/// Names that hold `user:password`.
const USERS: &[&str] = &["ETCDCTL_USER"];

/// Whether a setting of this name and value holds a secret: `MY_PASSWORD`, `--auth-password`, `db.token`.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = name.chars().map(upper).collect();
    let name = name.trim_matches('_');
    let bare = value.trim().trim_matches(['"', '\'']);
    let none = NONE.contains(&name) || name.ends_with("INITIAL_CLUSTER_TOKEN") || name.ends_with("PUBLIC_KEY");
    // Where a secret lies is none, and people need it.
    let place = ["_FILE", "_PATH", "_DIR"].iter().any(|end| name.ends_with(end));
    if none || place || bare.is_empty() {
        return false;
    }
    if WITHIN.iter().any(|word| name.contains(word)) || USERS.contains(&name) {
        return true;
    }
    let last = name.rsplit('_').next().unwrap_or_default();
    !bare.starts_with('/') && (LAST.contains(&last) || last.ends_with("TOKEN"))
}

/// The secrets that the masters' env files and units hold.
pub(super) fn of(seen: &Observation) -> Vec<String> {
    let mut found = Vec::new();
    for (_, seen) in seen.answering() {
        if let Ok(settings) = &seen.settings {
            settings.file.texts().for_each(|text| of_text(text, &mut found));
        }
        let Ok(unit) = &seen.unit else { continue };
        unit.environment.iter().chain(&unit.argv).for_each(|word| of_line(word, &mut found));
        let pairs = unit.argv.iter().zip(unit.argv.iter().skip(1));
        let given = pairs.filter(|(flag, next)| flag.starts_with('-') && !flag.contains('=') && !next.starts_with('-'));
        given.for_each(|(flag, next)| of_setting(flag, next, &mut found));
    }
    found
}

/// The secrets of an env file, also in lines that set nothing: comments, and what systemd would ignore.
pub(super) fn of_text(text: &str, found: &mut Vec<String>) {
    for line in EnvFile::parse(text).lines() {
        if let Some((name, value)) = &line.setting {
            of_setting(name, value, found);
        }
        // As the file writes it, where quotes, backslashes or comments make that another text.
        line.text.lines().for_each(|line| of_line(line, found));
    }
}

/// The secrets of a line: `NAME=value` or `name: value`, however it begins.
fn of_line(line: &str, found: &mut Vec<String>) {
    let line = line.trim_start_matches(['#', ';', ' ', '\t']);
    let line = ["export ", "Environment="].iter().fold(line, |line, start| line.strip_prefix(start).unwrap_or(line));
    let line = line.trim_start_matches(['"', '\'']);
    for sign in ["=", ": "] {
        if let Some((name, value)) = line.split_once(sign)
            && name.trim().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        {
            of_setting(name.trim(), value.trim(), found);
        }
    }
    found.extend(passwords_of_urls(line).map(|(from, to)| line[from..to].to_owned()));
}

fn of_setting(name: &str, value: &str, found: &mut Vec<String>) {
    found.extend(passwords_of_urls(value).map(|(from, to)| value[from..to].to_owned()));
    if !is_secret(name, value) {
        return;
    }
    let bare = value.trim().trim_matches(['"', '\'']);
    found.extend([value.to_owned(), bare.to_owned()]);
    // `user:password`, `Bearer …`: the part behind is the secret, and is shown by itself.
    found.extend(bare.split_once(':').map(|(_, password)| password.to_owned()));
    found.extend(bare.split_once(' ').map(|(_, last)| last.to_owned()).filter(|last| !last.contains(' ')));
    // Whoever tells of a value of several lines tells one of them.
    found.extend(bare.lines().filter(|_| bare.contains('\n')).map(str::to_owned));
}

/// Where passwords stand in URLs: `scheme://user:password@host`.
pub(super) fn passwords_of_urls(text: &str) -> impl Iterator<Item = (usize, usize)> {
    text.match_indices("://").filter_map(|(at, sign)| {
        let from = at + sign.len();
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`');
        let authority = text[from..].split(ends).next()?;
        let (who, _) = authority.rsplit_once('@')?;
        let (user, password) = who.split_once(':')?;
        let begins = from + user.len() + 1;
        (!password.is_empty()).then_some((begins, begins + password.len()))
    })
}
