//! The files that a drill stores with its journal: a snapshot of the healthy cluster, and the writes that were
//! acknowledged to the canaries.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::model::Command;
use crate::model::command::Script;
use crate::model::digest::sha256;
use crate::model::ledger::Ledger;
use crate::observe::status::etcdctl;
use crate::plan::TrailingHash;
use crate::run::canary;
use crate::run::journal::DrillEvent;
use crate::run::ports::Pipes;

use super::Drill;
use super::phases::SOON;

const SNAPSHOT: Script = Script { name: "drill-snapshot", text: include_str!("scripts/drill-snapshot.sh") };

impl Drill<'_> {
    /// A verified snapshot of the healthy cluster, kept beside the journal.
    pub(super) async fn snapshot(&mut self) -> Result<String, String> {
        const NAME: &str = "before.db";
        let way = &self.survivor;
        let words = etcdctl(&way.etcdctl, &way.access, Duration::from_secs(600));
        let command = Command::script(SNAPSHOT).arg(crate::observe::traces::STATE).then(words);
        let command = command.deadline(Duration::from_secs(900)).bulk();
        let (to_us, chunks) = mpsc::channel(16);
        let pipes = Pipes { stdin: None, stdout: Some(to_us) };
        let (sent, kept) = tokio::join!(self.remote.run(&way.host, &command, pipes), self.store.keep(NAME, chunks));
        let sent = sent.map_err(|error| error.to_string())?;
        if !sent.ok() {
            return Err(sent.complaint());
        }
        let kept = kept.map_err(|error| format!("the snapshot cannot be saved on the bastion: {error}"))?;
        let file =
            self.site.bastion.snapshot(&kept, &std::collections::BTreeSet::new()).map_err(|error| error.to_string())?;
        if file.hash != TrailingHash::Right {
            return Err("the snapshot is incomplete or damaged: its hash does not match".to_owned());
        }
        self.store.settle(&kept, NAME).map_err(|error| error.to_string())?;
        self.kept(NAME, file.bytes, &file.sha256)?;
        Ok(format!("{} bytes, SHA-256 {}…", file.bytes, &file.sha256[..12]))
    }

    fn kept(&self, name: &str, bytes: u64, sha256: &str) -> Result<(), String> {
        let record = DrillEvent::FileKept { name: name.to_owned(), bytes, sha256: sha256.to_owned() };
        self.write(record).map_err(|failure| failure.to_string())
    }

    pub(super) async fn ledger(&mut self) -> Result<String, String> {
        self.end_canaries().await;
        let Some((survivor, lost)) = self.progress.told.clone() else { return Err("no canary wrote".to_owned()) };
        self.keep_ledger("canary-survivor.jsonl", &survivor).await?;
        self.keep_ledger("canary-lost-zone.jsonl", &lost).await?;
        if let Some(told) = self.progress.told_by_api.clone() {
            self.keep_ledger("canary-api.jsonl", &told).await?;
        }
        let kept = canary::values(&self.remote, &self.survivor, &self.prefix("survivor")).await?;
        let kept_of_lost = canary::values(&self.remote, &self.survivor, &self.prefix("lost-zone")).await?;
        let measures = self.measure(&survivor, &lost, Some((survivor.lost(&kept), lost.lost(&kept_of_lost))));
        let note = format!(
            "{} and {} acknowledged writes were compared with the data",
            measures.survivor.acknowledged, measures.lost_zone.acknowledged
        );
        self.progress.measures = Some(measures);
        Ok(note)
    }

    /// Ends them, and keeps what they were told.
    pub(super) async fn end_canaries(&mut self) {
        if let Some(canary) = self.progress.api.take() {
            let (told, why) = canary.end(SOON).await;
            self.progress.told_by_api = Some(told);
            self.progress.object_stays = why;
        }
        if let Some(canary) = self.progress.lost.take() {
            // It may sit on a connection that is gone: what it was told until then is known already.
            self.progress.told_in_zone = Some(canary.end(SOON / 5).await.0);
        }
        let Some(canary) = self.progress.survivor.take() else { return };
        let (survivor, why) = canary.end(SOON).await;
        if let Some(why) = why {
            self.say(&format!("   the canary on {} ended by itself: {why}", self.survivor.host));
        }
        self.progress.told = Some((survivor, self.progress.told_in_zone.take().unwrap_or_default()));
    }

    async fn keep_ledger(&self, name: &str, told: &Ledger) -> Result<(), String> {
        let text: String = told
            .attempts
            .iter()
            .filter_map(|attempt| serde_json::to_string(attempt).ok())
            .map(|line| line + "\n")
            .collect();
        let sum = sha256(text.as_bytes());
        let bytes = text.len() as u64;
        let (sender, chunks) = mpsc::channel(1);
        let (_, kept) =
            tokio::join!(async move { sender.send(Bytes::from(text)).await }, self.store.keep(name, chunks));
        let kept = kept.map_err(|error| format!("{name} cannot be saved on the bastion: {error}"))?;
        self.store.settle(&kept, name).map_err(|error| error.to_string())?;
        self.kept(name, bytes, &sum)
    }
}
