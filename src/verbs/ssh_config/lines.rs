//! What an OpenSSH configuration says of one host, with its tokens replaced. Does not know whose host it is.

use crate::model::cluster::AgentAt;
use crate::model::ssh_config::{Said, SshConfig};

/// Why a path is passed over.
const NO_PATH: &str = "a path that is not from / or ~/, or holds what is not replaced here";

/// The lines of one host.
pub(super) struct Lines<'a> {
    config: &'a SshConfig,
    /// By the letter behind `%`, what a path may name.
    tokens: [(char, String); 7],
    /// What stands there and is not done, each with its place.
    pub(super) warnings: Vec<String>,
}

impl<'a> Lines<'a> {
    /// Of the host that is named `named` and reached as `host`.
    pub(super) fn new(config: &'a SshConfig, named: &str, host: &str, user: &str, port: u16) -> Self {
        let port = port.to_string();
        let tokens =
            [('d', "~"), ('h', host), ('n', named), ('k', named), ('p', &port), ('r', user), ('u', &config.local_user)];
        let tokens = tokens.map(|(letter, value)| (letter, value.to_owned()));
        let passed_over = config.passed_over.iter();
        let warnings = passed_over.map(|said| warning(said, "not done by requorum, and passed over")).collect();
        Self { config, tokens, warnings }
    }

    fn warn(&mut self, said: &Said, why: &str) {
        self.warnings.push(warning(said, why));
    }

    fn path(&mut self, said: &Said) -> Option<String> {
        let path = self.filled(&said.value, "dhnkpru").filter(|path| {
            let rooted = path.starts_with('/') || path.starts_with("~/");
            rooted && !path.contains('$')
        });
        if path.is_none() {
            self.warn(said, NO_PATH);
        }
        path
    }

    /// The text with what stands for its tokens, where each is one of `known`.
    fn filled(&self, text: &str, known: &str) -> Option<String> {
        let mut out = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            match letters.next()? {
                '%' => out.push('%'),
                token if known.contains(token) => {
                    out.push_str(&self.tokens.iter().find(|(letter, _)| *letter == token)?.1);
                }
                _ => return None,
            }
        }
        Some(out)
    }

    /// The files that a keyword names.
    pub(super) fn paths(&mut self, keyword: &str) -> Vec<(String, &'a Said)> {
        let all = self.config.all(keyword).iter().filter(|said| !said.value.eq_ignore_ascii_case("none"));
        all.filter_map(|said| Some((self.path(said)?, said))).collect()
    }

    /// The agent, where one is named that is not the usual one.
    pub(super) fn agent(&mut self) -> Option<(AgentAt, &'a Said)> {
        let said = self.config.one("identityagent")?;
        match said.value.as_str() {
            "SSH_AUTH_SOCK" => None,
            none if none.eq_ignore_ascii_case("none") => Some((AgentAt::Nowhere, said)),
            // Where it is not known which agent is meant, no other is asked.
            _ => Some((self.path(said).map_or(AgentAt::Nowhere, AgentAt::Socket), said)),
        }
    }

    /// The user's files and the system's, and those of them that are named: whichever are, the others stay the usual ones.
    pub(super) fn known_hosts(&mut self) -> (Vec<String>, Vec<(String, &'a Said)>) {
        let usual = |keyword: &str, usual: [&str; 2]| -> Vec<String> {
            let said = !self.config.all(keyword).is_empty();
            usual.iter().filter(|_| !said).map(|path| (*path).to_owned()).collect()
        };
        let user = usual("userknownhostsfile", ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]);
        let system = usual("globalknownhostsfile", ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]);
        if !user.is_empty() && !system.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let mut named = self.paths("userknownhostsfile");
        named.extend(self.paths("globalknownhostsfile"));
        let paths = named.iter().map(|(path, _)| path.clone());
        (user.into_iter().chain(paths).chain(system).collect(), named)
    }

    /// The list of revoked host keys. One whose path is not understood is not passed over: what is not there is refused.
    pub(super) fn revoked(&self) -> Option<(String, &'a Said)> {
        let said = self.config.some("revokedhostkeys")?;
        Some((self.filled(&said.value, "dhnkpru").unwrap_or_else(|| said.value.clone()), said))
    }

    /// The command whose input and output are the connection.
    pub(super) fn command(&mut self) -> Option<(String, &'a Said)> {
        let said = self.config.some("proxycommand")?;
        if let Some(passed) = self.config.one("proxyusefdpass").filter(|said| said.value.eq_ignore_ascii_case("yes")) {
            self.warn(passed, "a command that hands over its connection is not done; the host is reached directly");
            return None;
        }
        let command = self.filled(&said.value, "hnkpr");
        if command.is_none() {
            // Its text may hold a password.
            let told = "ProxyCommand: it holds what is not replaced here; the host is reached directly";
            self.warnings.push(format!("{}:{}: {told}", said.file, said.line));
        }
        command.map(|command| (command, said))
    }
}

/// What stands at a place, and what of it.
pub(super) fn warning(said: &Said, why: &str) -> String {
    format!("{}:{}: {}: {why}", said.file, said.line, said.value)
}
