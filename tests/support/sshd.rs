//! A real OpenSSH server on a loopback port, for one test. Knows nothing of what is tested.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// A server of its own configuration, its keys and the files of whoever logs in. Ends with the test.
pub struct Sshd {
    pub port: u16,
    pub dir: TempDir,
    child: Child,
}

impl Sshd {
    /// Starts it: one ed25519 host key, logins with `id` only, `extra` lines of configuration first.
    pub fn start(extra: &str) -> Self {
        assert!(Path::new(SSHD).exists(), "openssh-server is needed: apt-get install openssh-server");
        assert!(is_root(), "this test starts an sshd and must run as root");
        fs::create_dir_all("/run/sshd").unwrap();
        let dir = tempfile::tempdir().unwrap();
        // sshd reads the authorized keys as the user who logs in.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        keygen(&dir.path().join("host"), "ed25519", "");
        keygen(&dir.path().join("id"), "ed25519", "");
        fs::copy(dir.path().join("id.pub"), dir.path().join("authorized")).unwrap();
        // The port found free may be taken a moment later, so that whoever loses it looks for another.
        let (port, child) = (0..20).find_map(|_| listen(dir.path(), extra)).unwrap();
        Self { port, dir, child }
    }

    /// A file of this server's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The host key as known_hosts has it.
    pub fn host_key(&self) -> String {
        public(&self.path("host.pub"))
    }

    /// What sshd said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The server's own process; its children are the connections.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts sshd on a port that was free, and gives both once it says that it listens there. A connection would prove
/// less: another thread that just starts a program holds, for that moment, the socket the port was found with.
fn listen(dir: &Path, extra: &str) -> Option<(u16, Child)> {
    let (port, at) = (free_port(), dir.display());
    let config = format!(
        "{extra}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\nStrictModes no\nUsePAM no\n\
         AuthorizedKeysFile {at}/authorized\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nMaxStartups 100\nLogLevel VERBOSE\n"
    );
    fs::write(dir.join("config"), config).unwrap();
    let log = fs::File::create(dir.join("log")).unwrap();
    let mut sshd = Command::new(SSHD);
    sshd.args(["-D", "-e", "-f"]).arg(dir.join("config")).stdin(Stdio::null()).stderr(log);
    let (mut child, begun) = (sshd.spawn().unwrap(), Instant::now());
    let said = || fs::read_to_string(dir.join("log")).unwrap_or_default();
    while !said().contains("Server listening on") {
        if child.try_wait().unwrap().is_some() {
            assert!(said().contains("Address already in use"), "sshd does not start: {}", said());
            return None;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "sshd does not listen: {}", said());
        std::thread::sleep(Duration::from_millis(10));
    }
    Some((port, child))
}

/// Algorithm and key of a `.pub` file, without the comment.
pub fn public(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Makes a key pair.
pub fn keygen(path: &Path, kind: &str, passphrase: &str) {
    run(Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-C", "", "-f"]).arg(path));
}

/// Runs a program that must succeed, and gives its standard output.
pub fn run(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert!(output.status.success(), "{shown}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A port nobody listens on.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
