//! One value that is made on first use and kept while it is valid. Does not know what it keeps.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::run::ports::RemoteError;

type Attempt<T> = Arc<OnceCell<Result<T, RemoteError>>>;

/// Callers that come while the value is being made share that one attempt and its failure; whoever comes after a
/// failure, or after the value has gone bad, begins a new one.
pub(super) struct Cached<T> {
    attempt: Mutex<Attempt<T>>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { attempt: Mutex::default() }
    }
}

impl<T: Clone> Cached<T> {
    /// The value, made by `make` unless there is one that is `good`.
    pub(super) async fn get(
        &self,
        good: impl Fn(&T) -> bool,
        make: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        let attempt = {
            let mut current = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
            if current.get().is_some_and(|made| !made.as_ref().is_ok_and(&good)) {
                *current = Attempt::default();
            }
            Arc::clone(&current)
        };
        attempt.get_or_init(|| make).await.clone()
    }
}
