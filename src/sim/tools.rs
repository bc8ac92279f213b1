//! etcd's programs on a machine of the model: its own, those of an image, those that were sent. Knows no run.

use crate::observe::tools::{KEPT, Version};

use super::etcdctl::Reply;
use super::machine::{BIN, Machine};

pub(super) fn tools(machine: &Machine, program: &str) -> Reply {
    let bin = program.trim_end_matches("/etcd");
    if machine.docker.is_some() && (bin == BIN || bin == KEPT && !machine.tools_kept()) {
        // kubespray takes the tools out of the image and leaves them on the machine.
        return Reply::said(format!("script={BIN}/etcd\netcdctl={BIN}/etcdctl\nrestore={BIN}/etcdutl\nopenssl=yes\n"));
    }
    if machine.bin().as_deref() != Some(bin) {
        return Reply::said("openssl=yes\n");
    }
    let own = programs(machine, bin);
    let installed = &machine.installed;
    let minor = |version: &str| Version::parse(version).map(|version| (version.0, version.1));
    let misfits =
        !installed.etcdctl || !installed.etcdutl || minor(&installed.restore_version) != minor(&installed.version);
    Reply::said(match machine.sent().filter(|_| misfits) {
        Some(version) => {
            let others =
                own.lines().filter(|line| !["etcdctl=", "restore", "bumps="].iter().any(|key| line.starts_with(key)));
            let others: String = others.map(|line| format!("{line}\n")).collect();
            format!("etcdctl={KEPT}/etcdctl\nrestore={KEPT}/etcdutl\nrestore_version={version}\nbumps=yes\n{others}")
        }
        None => own,
    })
}

/// What the image of a pod that is down has, where there is something to open it with.
pub(super) fn image_tools(machine: &Machine, kept: &str) -> Reply {
    match machine.image_opens() {
        true => Reply::said(programs(machine, kept)),
        false => Reply::said("openssl=yes\nimage=there is no ctr here to open the image with\n"),
    }
}

fn programs(machine: &Machine, bin: &str) -> String {
    let installed = &machine.installed;
    let mut said = format!("etcd={}\n", installed.version);
    if installed.etcdctl {
        said += &format!("etcdctl={bin}/etcdctl\n");
    }
    if installed.etcdutl {
        said += &format!("restore={bin}/etcdutl\nrestore_version={}\n", installed.restore_version);
        if installed.bumps {
            said += "bumps=yes\n";
        }
    }
    if installed.curl {
        said += "curl=yes\n";
    }
    said += "openssl=yes\n";
    for tool in &installed.missing {
        said += &format!("missing={tool}\n");
    }
    said
}
