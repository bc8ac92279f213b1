//! Doing what a plan says: the ports, looking, the journal, the lock, the runner. Decides nothing.

pub mod again;
pub mod canary;
mod count;
pub mod early_lock;
mod ending;
pub mod examine;
pub mod exit;
mod filled;
mod growth;
pub mod hold;
pub mod journal;
mod last_look;
pub mod lock;
pub mod logs;
pub mod look;
pub mod outage;
pub mod ports;
mod progress;
pub mod prove;
pub mod redact;
pub mod rights;
pub mod runner;
mod said;
pub mod send_tools;
pub mod session;
mod settings;
pub mod still_tried;
mod streams;
pub mod unlock;

use std::sync::Arc;

use ports::{Clock, Console, Remote, Store};

/// What a task gave back. A panic in it is a broken promise of ours and goes on here; it is no answer of a master.
///
/// # Panics
/// When the task panicked.
pub(crate) fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}

/// The ports of a run, together.
#[derive(Clone)]
pub struct World {
    /// Commands on masters.
    pub remote: Arc<dyn Remote>,
    /// Files on the bastion.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The person's view.
    pub console: Arc<dyn Console>,
}
