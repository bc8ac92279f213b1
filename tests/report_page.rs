//! The HTML report in headless Chromium: nothing leaves the page, nothing overflows, everything can be selected. Every
//! probe also meets a page that it must find wanting.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/kept_runs.rs"]
mod kept_runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use requorum::report::page;
use serde_json::Value;

const WIDTHS: [u32; 2] = [1280, 390];

/// Where a test keeps its pages.
fn place(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&place).unwrap();
    place
}

/// Chromium as the lab installs it, with a profile of its own and without what it does by itself on the network.
fn chromium(place: &Path, arguments: &[String]) -> String {
    let profile = place.join("profile");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"])
        .args(["--no-first-run", "--disable-component-update", "--virtual-time-budget=3000"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .output()
        .expect("chromium is installed by lab/ready");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Runs in the page: what is wider than the page, and what of the text can be selected.
const PROBE: &str = r#"<script>
addEventListener('load', () => {
  const wide = document.documentElement.clientWidth;
  const inside = node => { for (let up = node.parentElement; up; up = up.parentElement)
    if (up.classList && up.classList.contains('scroll')) return true; return false; };
  const out = [...document.querySelectorAll('body *')].filter(node => !inside(node))
    .filter(node => node.getBoundingClientRect().right > wide + 1).map(node => node.tagName + ' ' + node.textContent.slice(0, 40));
  const cut = [...document.querySelectorAll('body *')].filter(node => !node.classList.contains('scroll'))
    .filter(node => !(node instanceof SVGElement) && getComputedStyle(node).display !== 'inline')
    .filter(node => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0).map(node => node.tagName + ' ' + node.textContent.slice(0, 40));
  getSelection().selectAllChildren(document.body);
  const said = { wide, scroll: document.documentElement.scrollWidth, out, cut, selected: getSelection().toString() };
  parent.postMessage(JSON.stringify(said), '*');
});
</script>"#;

/// The page with the probe in a frame of this width, for a window cannot be as narrow as a telephone.
fn measured(name: &str, page: &str, width: u32) -> Value {
    let place = place(&format!("{name}-{width}"));
    let policy = page.find("<meta http-equiv=\"Content-Security-Policy\"");
    let mut probed = page.to_owned();
    if let Some(at) = policy {
        let end = at + page[at..].find('>').unwrap() + 1;
        probed.replace_range(at..end, "");
    }
    fs::write(place.join("page.html"), format!("{probed}{PROBE}")).unwrap();
    let wrapper = format!(
        "<body><pre id=said></pre><script>onmessage = said => document.getElementById('said').textContent = \
         'SAID' + btoa(unescape(encodeURIComponent(said.data))) + 'END'</script>\
         <iframe src=page.html style='width:{width}px;height:3000px;border:0'></iframe>"
    );
    fs::write(place.join("wrapper.html"), wrapper).unwrap();
    let dom =
        chromium(&place, &["--dump-dom".into(), "--window-size=1400,1000".into(), url(&place.join("wrapper.html"))]);
    let said = dom.split("SAID").nth(1).and_then(|rest| rest.split("END").next()).expect("the probe spoke");
    serde_json::from_slice(&from_base64(said)).unwrap()
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u32> =
        text.bytes().filter_map(|c| DIGITS.iter().position(|digit| *digit == c)).map(|at| at as u32).collect();
    let mut bytes = Vec::new();
    for four in bits.chunks(4) {
        let whole = four.iter().fold(0, |sum, digit| (sum << 6) | digit) << (6 * (4 - four.len()));
        bytes.extend((0..four.len() - 1).map(|at| (whole >> (16 - 8 * at)) as u8));
    }
    bytes
}

fn overflows(said: &Value) -> bool {
    said["scroll"].as_u64() > said["wide"].as_u64()
        || !said["out"].as_array().unwrap().is_empty()
        || !said["cut"].as_array().unwrap().is_empty()
}

#[tokio::test(start_paused = true)]
async fn nothing_overflows_and_text_can_be_selected() {
    for (name, report) in kept_runs::all().await {
        let page = page::html(&report).unwrap();
        for width in WIDTHS {
            let said = measured(name, &page, width);
            assert_eq!(said["wide"], width, "{name}");
            assert!(!overflows(&said), "{name} at {width}: {said:#}");
            let selected = said["selected"].as_str().unwrap();
            for words in [&report.run, &report.plan.lines().next().unwrap().to_owned(), &report.evidence[0].sha256] {
                assert!(selected.contains(words.as_str()), "{name} at {width}: {words} cannot be selected");
            }
        }
    }
}

#[test]
fn the_probe_sees_what_overflows_and_what_cannot_be_selected() {
    let wide = "<!DOCTYPE html><body><div style='width:2000px'>wide</div></body>";
    let cut = "<!DOCTYPE html><body><div style='width:100px;overflow:hidden;white-space:nowrap'>much longer than its box is wide</div></body>";
    let fixed = "<!DOCTYPE html><body><p style='user-select:none'>nobody may copy this</p></body>";
    for width in WIDTHS {
        assert!(overflows(&measured("wide", wide, width)));
        assert!(overflows(&measured("cut", cut, width)));
        let said = measured("fixed", fixed, width);
        assert!(!overflows(&said), "{said:#}");
        assert!(!said["selected"].as_str().unwrap().contains("nobody"));
    }
}

/// Every address that the page itself asked for, from Chromium's own log; what is no `file:` of ours left the page.
fn asked_for(name: &str, page: &str) -> Vec<String> {
    let place = place(name);
    fs::write(place.join("page.html"), page).unwrap();
    let log = place.join("net.json");
    let _ = fs::remove_file(&log);
    let arguments = [format!("--log-net-log={}", log.display()), "--dump-dom".into(), url(&place.join("page.html"))];
    let dom = chromium(&place, &arguments);
    assert!(dom.contains("</html>"), "the page was shown");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("REQUEST_ALIVE"), "the log is one");
    let mut found: Vec<String> = text
        .split("\"url\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|url| url.contains("asked-for.invalid") || url.starts_with("file:"))
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

#[tokio::test(start_paused = true)]
async fn no_request_leaves_the_page() {
    for (name, report) in kept_runs::all().await {
        // Whatever a report may load would be put there by hostile words; so they are everywhere.
        let mut report = report;
        let hostile = "<img src=\"http://asked-for.invalid/x\"><style>@import url(http://asked-for.invalid/y)</style>";
        report.result += hostile;
        report.steps.iter_mut().for_each(|step| step.said += hostile);
        let asked = asked_for(&format!("net-{name}"), &page::html(&report).unwrap());
        assert!(!asked.iter().any(|url| url.starts_with("http")), "{name}: {asked:?}");
    }
    // The control: a page that loads something is caught.
    let loads = "<!DOCTYPE html><html><body><img src='http://asked-for.invalid/x'></body></html>";
    let asked = asked_for("net-control", loads);
    assert!(asked.iter().any(|url| url.contains("asked-for.invalid/x")), "{asked:?}");
    // And the policy alone would hold it.
    let policy =
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">";
    let held =
        format!("<!DOCTYPE html><html><head>{policy}</head><body><img src='http://asked-for.invalid/x'></body></html>");
    let asked = asked_for("net-policy", &held);
    assert!(!asked.iter().any(|url| url.contains("asked-for.invalid/x")), "{asked:?}");
}

/// Pictures for one's own eyes: `PICTURES=DIR` says where they are put.
#[tokio::test(start_paused = true)]
async fn pictures_are_taken_in_light_and_dark() {
    let to = std::env::var_os("PICTURES").map_or_else(|| place("pictures"), PathBuf::from);
    for (name, report) in kept_runs::all().await {
        let place = place(&format!("picture-{name}"));
        fs::write(place.join("page.html"), page::html(&report).unwrap()).unwrap();
        let mut sizes = Vec::new();
        for (scheme, number) in [("dark", 0), ("light", 1)] {
            for width in WIDTHS {
                let path = to.join(format!("report-{name}-{scheme}-{width}.png"));
                let wrapper = format!(
                    "<meta name=color-scheme content='light dark'><body style='margin:0'><iframe src=page.html style='width:{width}px;height:4200px;border:0'></iframe>"
                );
                fs::write(place.join("wrapper.html"), wrapper).unwrap();
                let window = width.max(500);
                let arguments = [
                    format!("--screenshot={}", path.display()),
                    format!("--window-size={window},4200"),
                    format!("--blink-settings=preferredColorScheme={number}"),
                    url(&place.join("wrapper.html")),
                ];
                chromium(&place, &arguments);
                sizes.push(fs::read(&path).unwrap());
            }
        }
        assert_ne!(sizes[0], sizes[2], "{name}: dark is not light");
    }
}
