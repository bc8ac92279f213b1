//! The question which peer ports take a connection, put to real ports: open, closed, and such that say nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output as Ended, Stdio};
use std::time::{Duration, Instant};

use requorum::model::Output;
use requorum::observe::{Ports, peers};
use tokio::net::TcpSocket;

/// The question as a master's shell is asked it.
fn question(urls: &[String]) -> Command {
    let asked = peers::reach_command(urls);
    let words: Vec<String> = asked.argv.iter().map(ToString::to_string).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

fn ports(ended: Ended) -> Ports {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let status = ended.status.code().unwrap().try_into().unwrap();
    peers::parse_reach(&Output { status, stdout: text(ended.stdout), stderr: text(ended.stderr) }).unwrap()
}

fn url(address: SocketAddr) -> String {
    format!("https://{address}")
}

/// Addresses where nothing listens, each another: a port that was just given back may be given out again.
fn nobody(count: usize) -> Vec<SocketAddr> {
    let held: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

/// A port that takes no more connections and refuses none: its queue is full. Whoever connects gets no answer.
async fn mute() -> (tokio::net::TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300));
    let queue = std::iter::from_fn(|| connect().ok()).collect();
    (listener, queue)
}

/// Whether somebody's first packet to this port has had no answer yet.
fn is_tried(address: SocketAddr) -> bool {
    let to = format!(":{:04X} 02 ", address.port());
    std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&to)
}

#[tokio::test]
async fn a_port_is_open_if_it_takes_a_connection_whatever_the_others_do() {
    let (here, there) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap());
    let (silent, _queue) = mute().await;
    let listening = [url(here.local_addr().unwrap()), url(there.local_addr().unwrap())];
    let nobody = nobody(41);
    let mut urls =
        vec![url(nobody[40]), url(silent.local_addr().unwrap()), "http://no.such.name.invalid:2380".to_owned()];
    urls.extend(listening.clone());
    urls.extend(nobody[..40].iter().map(|address| url(*address)));
    let asked = Instant::now();
    let Ports { mut open, closed, unknown } = ports(question(&urls).output().unwrap());
    open.sort_by_key(|url| url.contains('['));
    assert_eq!(open, listening);
    // A name that nobody resolves was not tried.
    assert_eq!(unknown.keys().collect::<Vec<_>>(), [&urls[2]]);
    assert_eq!(open.len() + closed.len() + unknown.len(), urls.iter().collect::<BTreeSet<_>>().len());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn whoever_says_nothing_is_tried_a_second_time() {
    let (silent, queue) = mute().await;
    let address = silent.local_addr().unwrap();
    let asked = question(&[url(address)]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !is_tried(address) {
        std::thread::sleep(Duration::from_millis(1));
    }
    // From here on it would answer, but the system itself tries again after a second only, when nobody asks any more.
    for _ in &queue {
        silent.accept().await.unwrap();
    }
    assert_eq!(ports(asked.wait_with_output().unwrap()).open, [url(address)]);
}

#[test]
fn what_could_not_be_tried_is_not_called_closed() {
    let asked = question(&[url(nobody(1)[0])]);
    // No bash is found there.
    let mut without = Command::new("/bin/sh");
    without.args(asked.get_args()).env("PATH", "/nowhere");
    let ended = without.output().unwrap();
    assert!(!ended.status.success() && ended.stdout.is_empty());
}
