//! The confines of `docs/schedules/cronjob.yaml` as kubelet draws them, without a kubelet: uid and groups, no capability,
//! a root that cannot be written to, and the two mounts. Knows nothing of what runs inside.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Arguments: where things lie, uid, gid, the volumes' group, mounts as `FROM:TO:ro|rw` up to `--`, and a command, which is
/// PID 1 as in a container. Of the image this machine's own `/usr` is the most; its `/tmp` would take what anybody writes.
const CONFINE: &str = r#"set -eu
work=$1 uid=$2 gid=$3 group=$4 root=$1/image
shift 4
mount --bind "$root" "$root"
mount --bind /usr "$root/usr"
mount -o remount,bind,ro "$root/usr"
mount --bind "$root/local" "$root/usr/local"
mount -o remount,bind,ro "$root/usr/local"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null:3 zero:5 random:8 urandom:9; do mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"; done
mount -o remount,ro "$root/dev"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
while [ "$1" != -- ]; do
    from=${1%%:*} to=$1
    to=${to#*:} mode=${1##*:}
    mount --bind "$work/$from" "$root/${to%:*}"
    mount -o "remount,bind,$mode" "$root/${to%:*}"
    shift
done
shift
cd /
exec chroot "$root" setpriv --reuid "$uid" --regid "$gid" --groups "$group" --inh-caps=-all --bounding-set=-all \
    --no-new-privs env -i "$@""#;

/// A container that is not yet begun.
pub struct Confines {
    work: PathBuf,
    pod: Value,
}

impl Confines {
    /// An image with `requorum`, a secret that is still empty and a new volume, in a directory that it makes.
    pub fn new(work: &Path, requorum: &Path) -> Self {
        let schedules = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schedules");
        let text = fs::read_to_string(schedules.join("cronjob.yaml")).expect("the schedule");
        let job: Value = serde_yaml::from_str(&text).expect("YAML");
        let confines =
            Self { work: work.to_owned(), pod: job["spec"]["jobTemplate"]["spec"]["template"]["spec"].clone() };
        for place in ["usr", "dev", "proc", "tmp", "local/bin"] {
            fs::create_dir_all(work.join("image").join(place)).expect("made");
        }
        for place in ["bin", "sbin", "lib", "lib64"] {
            std::os::unix::fs::symlink(format!("usr/{place}"), work.join("image").join(place)).expect("made");
        }
        fs::set_permissions(work.join("image/tmp"), fs::Permissions::from_mode(0o1777)).expect("set");
        for (name, program) in [("requorum", requorum), ("run-drill", &schedules.join("run-drill"))] {
            fs::copy(program, work.join("image/local/bin").join(name)).expect("copied");
        }
        let group = confines.number("fsGroup");
        for mount in confines.mounts() {
            let (name, to) = (mount["name"].as_str().expect("a name"), mount["mountPath"].as_str().expect("a path"));
            let (place, mode) = if mount["readOnly"] == true { ("site", 0o750) } else { ("state", 0o2775) };
            assert_eq!(name, place);
            fs::create_dir_all(work.join("image").join(to.trim_start_matches('/'))).expect("made");
            fs::create_dir_all(work.join(name)).expect("made");
            // A volume is its fsGroup's.
            chown(work.join(name), Some(0), Some(group)).expect("given");
            fs::set_permissions(work.join(name), fs::Permissions::from_mode(mode)).expect("set");
        }
        confines
    }

    fn container(&self) -> &Value {
        &self.pod["containers"][0]
    }

    fn mounts(&self) -> &Vec<Value> {
        self.container()["volumeMounts"].as_array().expect("mounts")
    }

    /// A number of the pod's security context. Without a group of its own a uid that the image does not know has root's.
    fn number(&self, name: &str) -> u32 {
        let number = self.pod["securityContext"][name].as_u64().unwrap_or(0);
        u32::try_from(number).expect("a small number")
    }

    /// A file of the secret: root's with mode 0400, to which kubelet adds that fsGroup may read it.
    pub fn secret(&self, name: &str, text: &str) {
        let path = self.work.join("site").join(name);
        fs::write(&path, text).expect("written");
        chown(&path, Some(0), Some(self.number("fsGroup"))).expect("given");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).expect("set");
    }

    /// A file of the volume.
    pub fn state(&self, name: &str) -> PathBuf {
        self.work.join("state").join(name)
    }

    /// The names in a directory of the volume.
    pub fn kept(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.state(name)).expect("a directory").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// The command line that runs the container's command, or another one, in these confines.
    pub fn line(&self, command: &[&str]) -> Vec<String> {
        let texts = |value: &Value| -> Vec<String> {
            let all = value.as_array().expect("a list");
            all.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
        };
        let own = &self.container()["securityContext"];
        assert_eq!(own["readOnlyRootFilesystem"], true);
        assert_eq!(own["allowPrivilegeEscalation"], false);
        assert_eq!(own["capabilities"]["drop"][0], "ALL");
        let mut line: Vec<String> =
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", CONFINE, "confine"]
                .map(str::to_owned)
                .into();
        line.push(self.work.display().to_string());
        line.extend(["runAsUser", "runAsGroup", "fsGroup"].map(|name| self.number(name).to_string()));
        for mount in self.mounts() {
            let mode = if mount["readOnly"] == true { "ro" } else { "rw" };
            let text = |name: &str| mount[name].as_str().expect("a text").to_owned();
            line.push(format!("{}:{}:{mode}", text("name"), text("mountPath")));
        }
        line.push("--".to_owned());
        // No HOME, no USER: what is not in the file is not there.
        line.push("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
        for variable in self.container()["env"].as_array().expect("variables") {
            let text = |name: &str| variable[name].as_str().expect("a text");
            line.push(format!("{}={}", text("name"), text("value")));
        }
        if command.is_empty() {
            line.extend(texts(&self.container()["command"]));
        }
        line.extend(command.iter().map(|word| (*word).to_owned()));
        line
    }
}
