//! Whether etcd lets its caller in, where it has users and roles: what its refusals are, and the question that shows it
//! without a quorum. Knows nothing of who is called how.
//!
//! etcd's own clients tell these errors by their texts (`api/v3rpc/rpctypes/error.go`); there is no other sign of them.

use std::time::Duration;

use crate::model::{Command, Output};

use super::read::PROBE_KEY;
use super::settings::Access;
use super::status::etcdctl;

/// The certificate's user is none of etcd's, or may not do what was asked; or there is no certificate to have a user.
const REFUSALS: [&str; 5] = [
    "etcdserver: permission denied",
    "etcdserver: user name not found",
    "etcdserver: user name is empty",
    "etcdserver: invalid auth token",
    "etcdserver: authentication failed, invalid user ID or password",
];

/// What to do about it.
pub const NEXT: &str = "etcd has users and roles: the CN of the certificate that etcdctl shows there must be the name of a user with the role root (etcdctl user add CN --no-password, etcdctl user grant-role CN root); or name the certificate of such a user in the inventory (`etcd.client`)";

/// etcd's word for it, where an answer is such a refusal.
#[must_use]
pub fn word(said: &str) -> Option<&'static str> {
    REFUSALS.into_iter().find(|refusal| said.contains(refusal))
}

/// The same of a command that failed.
#[must_use]
pub fn of(output: &Output) -> Option<&'static str> {
    if output.ok() { None } else { word(&output.stderr).or_else(|| word(&output.stdout)) }
}

/// Asks a member for a key from its own data, which it gives without a quorum.
#[must_use]
pub fn command(etcdctl_path: &str, access: &Access) -> Command {
    etcdctl(etcdctl_path, access, Duration::from_secs(2)).args(["get", PROBE_KEY, "--consistency=s", "--keys-only"])
}

/// Asks for what only the role root may see. The quorum answers it: without one it takes all of its time. Where etcd has no
/// users it is answered too.
#[must_use]
pub fn command_of_root(etcdctl_path: &str, access: &Access) -> Command {
    etcdctl(etcdctl_path, access, Duration::from_secs(5)).args(["user", "list"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_other_failures() {
        let of = |status, stderr: &str| of(&Output { status, stderr: stderr.to_owned(), ..Output::default() });
        let real = "{\"level\":\"warn\",\"error\":\"rpc error: code = PermissionDenied desc = etcdserver: permission denied\"}\nError: etcdserver: permission denied\n";
        assert_eq!(of(1, real), Some("etcdserver: permission denied"));
        assert_eq!(
            of(5, "Error: rpc error: code = FailedPrecondition desc = etcdserver: user name not found"),
            Some(REFUSALS[1])
        );
        assert_eq!(of(1, "Error: context deadline exceeded"), None);
        assert_eq!(of(0, real), None, "it was answered");
    }
}
