//! Moves a file between masters and the bastion as a stream, and counts and hashes the bytes. Knows nothing about
//! steps.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::model::digest::hex;
use crate::model::{Command, MasterName, Output};
use crate::step::SnapshotFact;

use super::World;
use super::ports::{Later, Pipes, RemoteError};

/// Chunks in flight between two connections.
const DEPTH: usize = 16;

/// Streams a file from one master into a command on another.
pub(super) async fn relay(
    world: &World,
    from: &MasterName,
    read: &Command,
    to: &MasterName,
    write: &Command,
) -> Result<Output, RemoteError> {
    let (sender, receiver) = mpsc::channel::<Bytes>(DEPTH);
    let timed = async |ends: Later<'_, Result<Output, RemoteError>>| (ends.await, Instant::now());
    let ((sent, sent_at), (written, written_at)) = tokio::join!(
        timed(world.remote.run(from, read, Pipes { stdin: None, stdout: Some(sender) })),
        timed(world.remote.run(to, write, Pipes { stdin: Some(receiver), stdout: None })),
    );
    // Whichever gave up first is the cause of whatever the other then met.
    match (written, sent) {
        (Ok(written), Err(why)) if !written.ok() && sent_at < written_at => {
            let stderr = format!("{}; {from}, the source: {why}", written.stderr.trim());
            Ok(Output { stderr, ..written })
        }
        (Ok(written), _) if !written.ok() => Ok(written),
        (Ok(written), sent) => sent.map(|sent| if sent.ok() { written } else { sent }),
        (Err(error), _) => Err(error),
    }
}

/// Streams a file of the bastion into a command on a master.
pub(super) async fn send(world: &World, path: &str, to: &MasterName, write: &Command) -> Result<Output, RemoteError> {
    let (sender, receiver) = mpsc::channel::<Bytes>(DEPTH);
    let (read, written) = tokio::join!(
        world.store.read(path, sender),
        world.remote.run(to, write, Pipes { stdin: Some(receiver), stdout: None }),
    );
    match read {
        Err(error) if written.as_ref().is_ok_and(Output::ok) => {
            Ok(Output { status: 1, stdout: String::new(), stderr: format!("{path}: {error}") })
        }
        _ => written,
    }
}

/// Streams a file from a master to the bastion and compares it with the verified snapshot.
pub(super) async fn fetch(
    world: &World,
    from: &MasterName,
    read: &Command,
    name: &str,
    expected: Option<&SnapshotFact>,
    came: &AtomicU64,
) -> Result<Output, RemoteError> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(DEPTH);
    let (to_disk, from_stream) = mpsc::channel::<Bytes>(DEPTH);
    let count = async {
        let mut hash = Sha256::new();
        let mut bytes = 0u64;
        while let Some(chunk) = receiver.recv().await {
            hash.update(&chunk);
            bytes += chunk.len() as u64;
            came.store(bytes, Ordering::Relaxed);
            if to_disk.send(chunk).await.is_err() {
                break;
            }
        }
        drop(to_disk);
        (bytes, hex(&hash.finalize()))
    };
    let (sent, (bytes, sum), kept) = tokio::join!(
        world.remote.run(from, read, Pipes { stdin: None, stdout: Some(sender) }),
        count,
        world.store.keep(name, from_stream),
    );
    let failed = |stderr: String| Output { status: 1, stdout: String::new(), stderr };
    let kept = match kept {
        Ok(kept) => kept,
        Err(error) => return Ok(failed(format!("the bastion's disk: {error}"))),
    };
    let sent = sent?;
    if !sent.ok() {
        return Ok(sent);
    }
    Ok(match world.store.settle(&kept, name) {
        _ if expected.is_none_or(|fact| fact.bytes != bytes || fact.sha256 != sum) => {
            failed("what arrived is not the verified snapshot".to_owned())
        }
        Err(error) => failed(format!("the bastion's disk: {error}")),
        Ok(path) => Output { status: 0, stdout: format!("{bytes} bytes in {}", path.display()), stderr: String::new() },
    })
}
