//! OpenSSH's client configuration: what it says of a host, with the line that said it. Pure: who reads the files gives their
//! texts. Knows nothing of inventories.
//!
//! The first value of a keyword holds, from the user's file to the system's; keys and certificates add up. What would need
//! a program, a resolver or a second pass (`Match exec`, canonical names) is never guessed: it is passed over, and said.

mod lines;
mod pattern;

pub use pattern::is_like;

use std::collections::{BTreeMap, BTreeSet};

use lines::{Line, lines};

/// A file, or what an `Include` led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub path: String,
    pub text: String,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub value: String,
    pub file: String,
    /// From 1.
    pub line: usize,
}

/// Every file, read once: the user's, the system's, and what they include.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshFiles {
    local_user: String,
    /// The user's and the system's, by path.
    first: Vec<String>,
    by_path: BTreeMap<String, Vec<Line>>,
    /// Where an `Include` leads: by the file that it stands in, and its pattern.
    included: BTreeMap<(String, String), Vec<String>>,
}

/// What is asked about.
#[derive(Clone, Copy)]
struct Asked<'a> {
    files: &'a SshFiles,
    /// The host as an inventory names it.
    host: &'a str,
    /// The user, where the inventory says one: it wins over the files, and `Match user` sees it.
    user: Option<&'a str>,
}

/// What the files say of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshConfig {
    /// Who runs us: the user of a host for which nobody says another.
    pub local_user: String,
    /// Whether a block asked for a second pass, and whether this is it.
    wants_final: bool,
    is_final: bool,
    /// By keyword in lower case. Only `identityfile` and `certificatefile` have several.
    said: BTreeMap<&'static str, Vec<Said>>,
    /// What stands there for this host and is not done, each with its place.
    pub passed_over: Vec<Said>,
}

/// The keywords that are done, in lower case.
pub const DONE: [&str; 13] = [
    "hostname",
    "user",
    "port",
    "identityfile",
    "identityagent",
    "certificatefile",
    "proxyjump",
    "proxycommand",
    "proxyusefdpass",
    "userknownhostsfile",
    "globalknownhostsfile",
    "revokedhostkeys",
    "identitiesonly",
];

/// Keywords without a meaning for how a host is reached by us: comfort at a terminal, forwarding, and what we do in a way of
/// our own that is never less strict.
const WITHOUT_MEANING: [&str; 33] = [
    "addkeystoagent",
    "batchmode",
    "checkhostip",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "enableescapecommandline",
    "escapechar",
    "exitonforwardfailure",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "hashknownhosts",
    "ipqos",
    "loglevel",
    "numberofpasswordprompts",
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "preferredauthentications",
    "requesttty",
    "sendenv",
    "serveralivecountmax",
    "serveraliveinterval",
    "setenv",
    "tcpkeepalive",
    "updatehostkeys",
    "visualhostkey",
    "gssapiauthentication",
];

/// As deep as OpenSSH goes.
const DEEPEST: usize = 16;

impl SshFiles {
    /// The user's file and then the system's, for `local_user`, who runs us. `included` gives the files that an `Include`'s
    /// pattern leads to, relative to what the file that names it is.
    #[must_use]
    pub fn read(first: Vec<Text>, local_user: &str, included: &dyn Fn(&str, &str) -> Vec<Text>) -> Self {
        let mut files = Self {
            local_user: local_user.to_owned(),
            first: first.iter().map(|text| text.path.clone()).collect(),
            ..Self::default()
        };
        let mut ahead = first;
        while let Some(Text { path, text }) = ahead.pop() {
            if files.by_path.contains_key(&path) {
                continue;
            }
            let lines: Vec<Line> = lines(&text).collect();
            let named: BTreeSet<&String> =
                lines.iter().filter(|line| line.keyword == "include").flat_map(|line| &line.words).collect();
            for pattern in named {
                let texts = included(&path, pattern);
                let paths = texts.iter().map(|text| text.path.clone()).collect();
                files.included.insert((path.clone(), pattern.clone()), paths);
                ahead.extend(texts);
            }
            files.by_path.insert(path, lines);
        }
        files
    }

    /// What they say of a host, for this user where one is named.
    #[must_use]
    pub fn of(&self, host: &str, user: Option<&str>) -> SshConfig {
        let mut config = SshConfig { local_user: self.local_user.clone(), ..SshConfig::default() };
        config.pass(Asked { files: self, host, user });
        if config.wants_final {
            // Once more, for the name that came of it; what was said before stays.
            config.is_final = true;
            let host = config.hostname(host).to_lowercase();
            config.pass(Asked { files: self, host: &host, user });
            config.passed_over.dedup();
        }
        config
    }
}

impl SshConfig {
    /// The name or address that is connected to.
    #[must_use]
    pub fn hostname(&self, host: &str) -> String {
        let said =
            self.one("hostname").map(|said| said.value.replace("%%", "\0").replace("%h", host).replace('\0', "%"));
        said.unwrap_or_else(|| host.to_owned())
    }

    fn pass(&mut self, asked: Asked<'_>) {
        for path in &asked.files.first {
            self.take(path, asked, true, 0);
        }
    }

    /// The value of a keyword.
    #[must_use]
    pub fn one(&self, keyword: &str) -> Option<&Said> {
        self.said.get(keyword)?.first()
    }

    /// The same, unless it is `none`.
    #[must_use]
    pub fn some(&self, keyword: &str) -> Option<&Said> {
        self.one(keyword).filter(|said| !said.value.eq_ignore_ascii_case("none"))
    }

    /// Every value of a keyword that adds up.
    #[must_use]
    pub fn all(&self, keyword: &str) -> &[Said] {
        self.said.get(keyword).map_or(&[], Vec::as_slice)
    }

    /// A block that begins in a file ends there.
    fn take(&mut self, path: &str, asked: Asked<'_>, mut active: bool, depth: usize) {
        for line in asked.files.by_path.get(path).into_iter().flatten() {
            let said = |value: String| Said { value, file: path.to_owned(), line: line.number };
            match line.keyword.as_str() {
                "host" => active = pattern::any_word(&line.words, asked.host),
                "match" => {
                    self.wants_final |=
                        line.words.iter().any(|word| word.trim_start_matches('!').eq_ignore_ascii_case("final"));
                    let matches = self.matches(line, asked);
                    active = *matches.as_ref().unwrap_or(&false);
                    let why = matches.err().map(|why| said(format!("Match {}: {why}", line.words.join(" "))));
                    self.passed_over.extend(why);
                }
                "include" if active && depth < DEEPEST => {
                    let patterns = line.words.iter().map(|pattern| (path.to_owned(), pattern.clone()));
                    for inner in patterns.filter_map(|named| asked.files.included.get(&named)).flatten() {
                        self.take(inner, asked, active, depth + 1);
                    }
                }
                "include" => {}
                _ if active => self.set(line, said),
                _ => {}
            }
        }
    }

    fn set(&mut self, line: &Line, said: impl Fn(String) -> Said) {
        let Some(keyword) = DONE.into_iter().find(|known| *known == line.keyword) else {
            if !WITHOUT_MEANING.contains(&line.keyword.as_str()) {
                self.passed_over.push(said(format!("{} {}", line.written, line.words.join(" ")).trim_end().to_owned()));
            }
            return;
        };
        let Some(first) = line.words.first() else { return };
        // By then the name has been settled.
        if self.is_final && keyword == "hostname" {
            return;
        }
        // Of these two the first holds; a jump that is `none` leaves the command alone.
        let other = match keyword {
            "proxyjump" => self.one("proxycommand"),
            "proxycommand" => self.some("proxyjump"),
            _ => None,
        };
        if other.is_some() {
            return;
        }
        let several = ["identityfile", "certificatefile"].contains(&keyword);
        let files = ["userknownhostsfile", "globalknownhostsfile"].contains(&keyword);
        let values = self.said.entry(keyword).or_default();
        if several {
            if !values.iter().any(|known| known.value == *first) {
                values.push(said(first.clone()));
            }
        } else if values.is_empty() {
            // A list of files is one value, and a command is all that stands there.
            let words = if files { line.words.as_slice() } else { &line.words[..1] };
            let rest = match keyword {
                "proxycommand" => Some(line.rest.as_str()),
                "proxyjump" => line.rest.split('#').next().map(str::trim_end),
                _ => None,
            };
            match rest {
                Some(rest) => values.push(said(rest.to_owned())),
                None => values.extend(words.iter().map(|word| said(word.clone()))),
            }
        }
    }

    /// Whether every criterion of a `Match` holds.
    fn matches(&self, line: &Line, asked: Asked<'_>) -> Result<bool, String> {
        let mut words = line.words.iter();
        let mut holds = true;
        while let Some(word) = words.next() {
            let (negated, criterion) = word.strip_prefix('!').map_or((false, word.as_str()), |rest| (true, rest));
            let (name, glued) =
                criterion.split_once('=').map_or((criterion, None), |(name, value)| (name, Some(value)));
            let lower = name.to_lowercase();
            let mut list = || glued.or_else(|| words.next().map(String::as_str)).ok_or("a criterion lacks its value");
            let hostname = self.hostname(asked.host);
            let user = asked.user.or_else(|| self.one("user").map(|said| said.value.as_str()));
            let is = match lower.as_str() {
                "all" => true,
                "final" => self.is_final,
                "host" => pattern::any_of_list(list()?, &hostname),
                "originalhost" => pattern::any_of_list(list()?, asked.host),
                "user" => pattern::any_of_list(list()?, user.unwrap_or(&asked.files.local_user)),
                "localuser" => pattern::any_of_list(list()?, &asked.files.local_user),
                other => return Err(format!("whether `{other}` holds is not known here, so the block is passed over")),
            };
            holds &= is != negated;
        }
        Ok(holds)
    }
}
