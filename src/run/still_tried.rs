//! Masters that are attested to be off and have not answered yet: a connection takes seconds to time out, and that is waited
//! for only before something depends on it. Judges nothing.

use std::collections::BTreeSet;

use tokio::sync::watch;

use crate::model::MasterName;
use crate::observe::Contact;

use super::look::Looking;

/// The attempts to reach them; they go on whether somebody waits for them or not.
#[derive(Debug, Clone)]
pub struct StillTried {
    names: BTreeSet<MasterName>,
    told: watch::Receiver<Option<BTreeSet<MasterName>>>,
}

impl StillTried {
    /// Goes on with a look in which these have not answered.
    pub(super) fn begin(looking: Looking, names: BTreeSet<MasterName>) -> Self {
        let (tell, told) = watch::channel(None);
        let tried = names.clone();
        tokio::spawn(async move {
            let seen = looking.finish().await;
            let is_silent = |name: &MasterName| matches!(seen.masters.get(name), None | Some(Contact::Silent(_)));
            // Nobody may be listening any more.
            let _ = tell.send(Some(names.into_iter().filter(|name| !is_silent(name)).collect()));
        });
        Self { names: tried, told }
    }

    /// Of the attempts of two looks those that tell of everybody: the earlier ones are over sooner, and do where they are
    /// still under way and nobody else was silent in the later look.
    #[must_use]
    pub fn of_both(earlier: Option<Self>, later: Option<Self>) -> Option<Self> {
        match (earlier.filter(Self::under_way), later) {
            (Some(earlier), Some(later)) if later.names.is_subset(&earlier.names) => Some(earlier),
            (earlier, later) => later.or(earlier),
        }
    }

    /// Whether they are being tried now.
    #[must_use]
    pub fn under_way(&self) -> bool {
        self.told.borrow().is_none()
    }

    /// Waits until the last attempt has ended; who has answered after all.
    ///
    /// # Errors
    /// When the attempts ended without a word.
    pub async fn who_answers(mut self) -> Result<BTreeSet<MasterName>, watch::error::RecvError> {
        let told = self.told.wait_for(Option::is_some).await?;
        Ok(told.clone().unwrap_or_default())
    }
}

/// Why nothing may be stopped: a master answers that was attested to be off when the plan was made.
pub(super) async fn answered(tried: Option<StillTried>) -> Option<String> {
    match tried?.who_answers().await {
        Ok(names) if names.is_empty() => None,
        Ok(names) => {
            let names: Vec<&str> = names.iter().map(MasterName::as_str).collect();
            Some(format!("{} answered over SSH and was attested to be off: stop and fence it first", names.join(", ")))
        }
        Err(_) => Some("it is not known whether the masters that were attested to be off answer".to_owned()),
    }
}
