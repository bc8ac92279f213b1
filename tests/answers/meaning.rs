//! What each recorded state means, whatever the version: question, state, where in the answer, and what must stand there.

use serde_json::{Value, json};

/// What must stand in an answer.
#[derive(Debug, Clone)]
pub enum Expected {
    /// This very value.
    Is(Value),
    /// Something that is neither null, empty nor zero.
    Some,
    /// Nothing: null, or no such field.
    None,
    /// A text with these words in it.
    Says(&'static str),
    /// A number at least this large.
    AtLeast(u64),
}

impl Expected {
    pub fn met_by(&self, found: &Value) -> bool {
        match self {
            Self::Is(value) => found == value,
            Self::Some => !matches!(found, Value::Null) && found != "" && found != 0,
            Self::None => found.is_null(),
            Self::Says(words) => found.as_str().is_some_and(|text| text.contains(words)),
            Self::AtLeast(least) => found.as_u64().is_some_and(|number| number >= *least),
        }
    }
}

pub type Row = (&'static str, &'static str, &'static str, Expected);

fn is(value: impl Into<Value>) -> Expected {
    Expected::Is(value.into())
}

fn says(words: &'static str) -> Expected {
    Expected::Says(words)
}

use Expected::{AtLeast, None, Some};

/// Every state of every question has at least one row.
pub fn table() -> Vec<Row> {
    [machine(), what_runs(), status(), members(), reads(), writes(), hashes(), joins(), snapshots()].concat()
}

fn what_runs() -> Vec<Row> {
    vec![
        ("process", "running", "/variables/name", is("etcd3")),
        ("process", "running", "/variables/data-dir", is("/var/lib/etcd")),
        ("process", "running", "/variables/initial-cluster", is(json!(null))),
        ("process", "running", "/open_db", is("/var/lib/etcd/member/snap/db")),
        ("process", "running", "/open_wal", is("/var/lib/etcd/member/wal")),
        ("process", "elsewhere", "/data", is("/srv")),
        ("process", "elsewhere", "/open_db", is("/var/lib/etcd/member/snap/db")),
        ("wal-place", "set", "/path", is("/wal/etcd")),
        ("wal-place", "set", "/linked", is(false)),
        ("wal-place", "set", "/holds_log", is(true)),
        ("wal-place", "set", "/free_bytes", Some),
        ("wal-place", "linked", "/path", is("/wal/etcd")),
        ("wal-place", "linked", "/linked", is(true)),
        ("wal-place", "within", "/within", is("/wal")),
        ("wal-place", "within", "/exists", is(false)),
        ("wal-place", "nothing-there", "/unclear", Some),
    ]
}

fn machine() -> Vec<Row> {
    vec![
        ("certificates", "found", "/now", Some),
        ("certificates", "found", "/ends/~1etc~1ssl~1etcd~1ssl~1ca.pem", Some),
        ("certificates", "found", "/ends/~1etc~1ssl~1etcd~1ssl~1admin-m3.pem", Some),
        ("certificates", "missing", "/ends/~1etc~1ssl~1etcd~1ssl~1ca.pem", Some),
        ("certificates", "missing", "/ends/~1etc~1ssl~1etcd~1ssl~1member-m1.pem", None),
        ("unit", "active", "/active_state", is("active")),
        ("unit", "active", "/main_pid", Some),
        ("unit", "active", "/condition_met", is(true)),
        ("unit", "active", "/environment_files", is(json!(["/etc/etcd.env"]))),
        ("unit", "active", "/argv", is(json!(["/usr/local/bin/etcd"]))),
        ("unit", "not-ready", "/active_state", is("activating")),
        ("unit", "not-ready", "/main_pid", Some),
        ("unit", "stopped", "/active_state", is("inactive")),
        ("unit", "stopped", "/main_pid", is(0)),
        ("unit", "stopped", "/condition_met", is(true)),
        ("unit", "killed", "/main_pid", is(0)),
        ("unit", "killed", "/active_state", is("activating")),
        ("unit", "fenced", "/active_state", is("inactive")),
        ("unit", "fenced", "/main_pid", is(0)),
        ("unit", "fenced", "/condition_met", is(false)),
        ("env-file", "m1", "/owner", is("root root 640")),
        ("env-file", "m1", "/text", says("ETCD_NAME=etcd1\n")),
        ("env-file", "m3", "/text", says("ETCD_NAME=etcd3\n")),
        ("env-file", "missing", "/unclear", says("No such file")),
        ("tools", "found", "/etcdctl", is("/usr/local/bin/etcdctl")),
        ("tools", "found", "/restore/path", Some),
        ("tools", "found", "/curl", is(true)),
        ("tools", "found", "/openssl", is(true)),
        ("tools", "found", "/missing", is(json!([]))),
        ("disk", "found", "/has_member", is(true)),
        ("disk", "found", "/db_bytes", AtLeast(16384)),
        ("disk", "found", "/owner", is("root root 700")),
        ("disk", "found", "/mount_point", is(false)),
        ("disk", "emptied", "/exists", is(true)),
        ("disk", "emptied", "/has_member", is(false)),
        ("disk", "emptied", "/free_bytes", Some),
        ("marks", "none", "", is(json!({ "fenced": false, "drop_in": false, "lock": null, "record": null }))),
        ("marks", "fenced", "/fenced", is(true)),
        ("marks", "fenced", "/drop_in", is(true)),
        ("marks", "fenced", "/lock/person", is("op")),
        ("marks", "fenced", "/record/fork_revision", is(7)),
        ("log", "not-ready", "/member", Some),
        ("log", "not-ready", "/cluster", Some),
        ("log", "not-ready", "/end/index", AtLeast(5)),
        ("log", "not-ready", "/end/term", AtLeast(2)),
        ("log", "not-ready", "/replays", is(true)),
        ("start", "held", "/stop", says("a condition is not met")),
        ("start", "started", "/done", says("started as process")),
        ("peer-ports", "open", "/open", is(json!(["https://10.77.1.11:2380", "https://10.77.1.12:2380"]))),
        ("peer-ports", "open", "/unknown", is(json!({}))),
        ("peer-ports", "closed", "/open", is(json!([]))),
        ("peer-ports", "closed", "/closed", is(json!(["https://10.77.1.11:2380", "https://10.77.1.12:2380"]))),
        ("peer-ports", "unresolved", "/open", is(json!(["https://10.77.1.11:2380"]))),
        ("peer-ports", "unresolved", "/unknown/https:~1~1m1.example:2380", says("was not resolved within 2 s")),
        ("heard", "follower", "/0", AtLeast(1)),
        ("heard", "no-leader", "/0", AtLeast(1)),
    ]
}

fn status() -> Vec<Row> {
    vec![
        ("status", "leader", "/leader", Some),
        ("status", "leader", "/errors", is(json!([]))),
        ("status", "leader", "/learner", is(false)),
        ("status", "leader", "/revision", is(7)),
        ("status", "follower", "/leader", Some),
        ("status", "follower", "/revision", is(7)),
        ("status", "stale-leader", "/leader", Some),
        ("status", "stale-leader", "/errors", is(json!([]))),
        ("status", "no-leader", "/leader", None),
        ("status", "no-leader", "/errors", is(json!(["etcdserver: no leader"]))),
        ("status", "no-leader", "/revision", is(7)),
        ("status", "no-leader", "/applied", Some),
        ("status", "not-ready", "/unclear", says("Failed to get the status")),
        ("status", "stopped", "/unclear", says("Failed to get the status")),
        ("status", "restored", "/leader", Some),
        ("status", "restored", "/revision", AtLeast(8)),
        ("status", "restored", "/errors", is(json!([]))),
        ("status", "no-space", "/errors/0", says("NOSPACE")),
        ("status", "no-space", "/leader", Some),
        ("status", "relieved", "/errors", is(json!([]))),
        ("status", "learner", "/learner", is(true)),
        ("status", "learner", "/leader", Some),
    ]
}

fn members() -> Vec<Row> {
    vec![
        ("peer-members", "healthy", "/list/2/name", Some),
        ("peer-members", "healthy", "/list/2/client_urls/0", Some),
        ("peer-members", "healthy", "/list/3", None),
        ("peer-members", "no-leader", "/list/2/name", Some),
        ("peer-members", "not-ready", "/list/2/name", Some),
        ("peer-members", "stopped", "/unclear", says("curl")),
        ("peer-members", "restored", "/list/0/name", is("etcd3")),
        ("peer-members", "restored", "/list/0/peer_urls", is(json!(["https://10.77.2.11:2380"]))),
        ("peer-members", "restored", "/list/1", None),
        ("peer-members", "learner-unstarted", "/list/1/id", Some),
        ("peer-members", "learner-early", "/list/0/learner", None),
        ("peer-members", "learner-early", "/list/1/learner", None),
        ("peer-members", "learner-early", "/list/1/name", Some),
        ("peer-members", "learner-applied", "/list/1/id", Some),
        ("peer-members", "promoted", "/list/1/id", Some),
    ]
}

fn reads() -> Vec<Row> {
    vec![
        ("read", "healthy", "", is("answered")),
        ("read", "no-leader", "/failed", Some),
        ("read", "not-ready", "/failed", Some),
        ("read", "stopped", "/failed", Some),
        ("read", "learner", "/failed", says("not supported for learner")),
        ("mark", "healthy", "/facts/0/revision", is(7)),
        ("mark", "no-leader", "/again", Some),
        ("mark", "restored", "/facts/0/revision", AtLeast(8)),
        ("mark", "joined", "/facts/0/revision", AtLeast(9)),
    ]
}

fn writes() -> Vec<Row> {
    vec![
        ("put", "healthy", "/done", is("write acknowledged at revision 7")),
        ("put", "healthy", "/facts/0/first_write", is(7)),
        ("put", "no-leader", "/again", Some),
        ("put", "not-ready", "/again", is("the client port does not answer yet; the unit is activating")),
        ("put", "restored", "/facts/0/first_write", AtLeast(8)),
        ("put", "no-space", "/again", says("database space exceeded")),
        ("put", "learner", "/again", says("not supported for learner")),
        ("put", "joined", "/facts/0/first_write", AtLeast(9)),
        ("relieve", "not-ready", "/again", is("the member does not answer yet")),
        ("relieve", "no-alarm", "/found", is("no alarm")),
        ("relieve", "relieved", "/done", says("alarm disarmed")),
    ]
}

fn hashes() -> Vec<Row> {
    vec![
        ("hashkv", "first", "/facts/0/hash/0", is("m1")),
        ("hashkv", "first", "/facts/0/hash/1", Some),
        ("hashkv", "same", "/facts/0/hash/0", is("m3")),
        ("hashkv", "same", "/done", says("hash ")),
        ("hashkv", "not-reached", "/again", says("future revision")),
        ("hashkv", "stopped", "/again", Some),
        ("hashkv", "restored", "/done", says("hash ")),
        ("hashkv", "joined-first", "/done", says("hash ")),
        ("hashkv", "joined-same", "/facts/0/hash/0", is("m1")),
        ("hashkv", "joined-same", "/done", says("hash ")),
    ]
}

fn joins() -> Vec<Row> {
    vec![
        ("join", "added", "/done", says("learner ")),
        ("join", "added", "/facts/0/member_id/1", Some),
        ("join", "added-second", "/facts/0/member_id/0", is("m2")),
        ("join", "listed-already", "/found", says("is listed already")),
        ("join", "listed-already", "/facts/0/member_id/0", is("m1")),
        ("join", "too-many-learners", "/stop", says("another learner is in the member list")),
        ("join", "unhealthy", "/again", says("unhealthy cluster")),
        ("settle", "restarted", "/done", is("learner restarted once")),
        ("settle", "answers", "/found", is("its client port answers")),
        ("settled", "not-yet", "/again", is("its client port does not answer yet")),
        ("settled", "answers", "/done", says("its client port answers")),
        ("promote", "not-in-sync", "/again", says("in sync with leader")),
        ("promote", "promoted", "/done", is("it votes")),
        ("promote", "again", "/found", is("it votes already")),
        ("promote", "gone", "/stop", says("no longer in the member list")),
        ("drop-learner", "removed", "/done", is("removed")),
        ("drop-learner", "again", "/found", is("it is not listed any more")),
        ("drop-learner", "votes", "/stop", says("votes by now")),
        ("drop-learner", "no-quorum", "/again", Some),
    ]
}

fn snapshots() -> Vec<Row> {
    vec![
        ("snapshot", "live", "/facts/0/snapshot/revision", is(7)),
        ("snapshot", "live", "/facts/0/snapshot/bytes", AtLeast(16384)),
        ("snapshot", "live", "/facts/0/snapshot/hash", Some),
        ("snapshot", "live", "/facts/0/snapshot/keys", Some),
        ("snapshot", "copy", "/facts/0/snapshot/revision", is(7)),
        ("snapshot", "copied", "/facts/0/snapshot/revision", is(7)),
        ("snapshot", "copied", "/facts/0/snapshot/bytes", AtLeast(16384)),
        ("snapshot", "copied", "/facts/0/snapshot/hash", None),
        ("snapshot", "copied", "/done", says("copied while nothing was committed")),
        ("snapshot", "unclean", "/stop", says("did not end cleanly")),
        ("snapshot", "not-ready", "/stop", says("neither read nor wrote")),
        ("snapshot", "garbage", "/stop", Some),
        ("restore", "restored", "/done", is("restored to /var/lib/etcd.restore-recorded-live")),
        ("restore", "copied", "/done", is("restored to /var/lib/etcd.restore-recorded-copied")),
    ]
}
