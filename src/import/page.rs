//! Writes a draft as an inventory that a person finishes: what all masters share is written once. Does not know where
//! the draft is from.

use std::fmt::Write;

use super::draft::{Draft, Master, SETTINGS, STATIC_POD, Said, Settings};

/// The inventory's text, and how many `?` are in it. `from` is where it is from.
#[must_use]
pub fn write(from: &str, draft: &Draft) -> (String, usize) {
    let mut page = Page::default();
    let _ = writeln!(
        page.text,
        "# From {}. \"?\" marks what it does not say; `requorum inventory check` finds it.\n",
        comment(from)
    );
    page.entry(0, "cluster", &draft.cluster);
    page.entry(0, "environment", &draft.environment);
    let all: Vec<&Master> = draft.masters.iter().collect();
    let shared = shared(&all, &Settings::new());
    if !shared.is_empty() {
        page.text.push('\n');
    }
    page.settings(0, &shared);
    page.text += "\nzones:\n";
    for (zone, masters) in by_zone(&draft.masters) {
        page.zone(zone, &masters, &shared);
    }
    if let Some(data_dir) = &draft.events {
        page.text += "\nclusters:\n  events:\n    etcd:\n      unit: etcd-events\n";
        let _ = writeln!(page.text, "      data_dir: {}", scalar(data_dir));
        page.text += "      config: { env_file: /etc/etcd-events.env }\n";
    }
    (page.text, page.open)
}

/// Settings alone, by their block.
#[must_use]
pub fn settings(settings: &Settings) -> String {
    let mut page = Page::default();
    page.settings(0, settings);
    page.text
}

/// Zones in the order of their first masters.
fn by_zone(masters: &[Master]) -> Vec<(Option<&str>, Vec<&Master>)> {
    let mut zones: Vec<(Option<&str>, Vec<&Master>)> = Vec::new();
    for master in masters {
        let name = master.zone.as_deref();
        match zones.iter_mut().find(|(known, _)| *known == name) {
            Some((_, masters)) => masters.push(master),
            None => zones.push((name, vec![master])),
        }
    }
    zones
}

/// What all of them say in the same way, without what was said above.
fn shared(masters: &[&Master], above: &Settings) -> Settings {
    let Some((first, rest)) = masters.split_first() else { return Settings::new() };
    let everywhere = |key, said| rest.iter().all(|master| master.settings.get(key) == Some(said));
    let of_all = first.settings.iter().filter(|(key, said)| !above.contains_key(*key) && everywhere(key, said));
    of_all.map(|(key, said)| (*key, said.clone())).collect()
}

#[derive(Default)]
struct Page {
    text: String,
    open: usize,
    /// Masters without a usable name: no two keys may be the same.
    unnamed: usize,
}

impl Page {
    fn zone(&mut self, zone: Option<&str>, masters: &[&Master], above: &Settings) {
        let open = "the zone these masters stand in; make one key for each zone";
        match zone {
            Some(zone) => self.head(1, zone, &[]),
            None => {
                self.open += 1;
                self.head(1, "?", &[open.to_owned()]);
            }
        }
        let mut shared = shared(masters, above);
        // A zone that is yet to be taken apart shares nothing.
        if zone.is_none() {
            shared.clear();
        }
        self.settings(2, &shared);
        self.head(2, "masters", &[]);
        for master in masters {
            let own = master.settings.iter().filter(|(key, _)| !above.contains_key(*key) && !shared.contains_key(*key));
            let own: Settings = own.map(|(key, said)| (*key, said.clone())).collect();
            self.master(master, &own);
        }
    }

    fn master(&mut self, master: &Master, own: &Settings) {
        let mut notes: Vec<String> = master.name.note.iter().chain(&master.notes).cloned().collect();
        let name = master.name.value.clone().unwrap_or_else(|| {
            self.open += 1;
            self.unnamed += 1;
            format!("?{}", self.unnamed)
        });
        if own.is_empty() {
            self.open += usize::from(master.address.value.is_none());
            notes.splice(0..0, master.address.note.clone());
            let line = format!("      {}: {{ address: {} }}", scalar(&name), value(&master.address));
            self.line(&line, &notes);
        } else {
            self.head(3, &name, &notes);
            self.entry(4, "address", &master.address);
            self.settings(4, own);
        }
    }

    /// Settings by their block.
    fn settings(&mut self, depth: usize, settings: &Settings) {
        let mut block = "";
        for key in SETTINGS {
            let Some(said) = settings.get(&key) else { continue };
            if block != key.0 {
                block = key.0;
                self.head(depth, block, &[]);
            }
            if key.1 == STATIC_POD {
                let line = format!("{}config: {{ {STATIC_POD}: {} }}", "  ".repeat(depth + 1), value(said));
                self.line(&line, &[]);
            } else {
                self.entry(depth + 1, key.1, said);
            }
        }
    }

    fn head(&mut self, depth: usize, key: &str, notes: &[String]) {
        let line = format!("{}{}:", "  ".repeat(depth), scalar(key));
        self.line(&line, notes);
    }

    fn entry(&mut self, depth: usize, key: &str, said: &Said) {
        self.open += usize::from(said.value.is_none());
        let line = format!("{}{key}: {}", "  ".repeat(depth), value(said));
        self.line(&line, &said.note.iter().cloned().collect::<Vec<_>>());
    }

    fn line(&mut self, line: &str, notes: &[String]) {
        self.text += line;
        if !notes.is_empty() {
            let _ = write!(self.text, "   # {}", comment(&notes.join("; ")));
        }
        self.text.push('\n');
    }
}

fn value(said: &Said) -> String {
    scalar(said.value.as_deref().unwrap_or("?"))
}

/// A text that any YAML reader takes for a text, or for the number or path that it is: quoted where in doubt.
fn scalar(text: &str) -> String {
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/@-".contains(c);
    let begun = text.starts_with("~/") || text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let number = text.len() < 6 && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    let address = text.parse::<std::net::Ipv4Addr>().is_ok();
    let safe =
        text.strip_prefix('~').unwrap_or(text).chars().all(plain) && !words.contains(&text.to_lowercase().as_str());
    if (begun && safe) || number && !text.is_empty() || address {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

/// A comment's text: nothing in it ends the line or turns it around.
fn comment(text: &str) -> String {
    let fine = |c: char| c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
    text.chars().map(|c| if fine(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}
