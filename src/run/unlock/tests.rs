//! A run whose lock is old on one master and renewed on the others is not unlocked anywhere.

use std::sync::Mutex;

use super::*;
use crate::model::{Arg, Command, Output};
use crate::run::ports::{Later, OneByOne, Pipes, Questions, Quiet, RemoteError};

/// One master's lock.
struct Lock {
    renewed: Instant,
    /// How often its run renews it.
    every: Option<Duration>,
    held: bool,
}

/// Masters that do what `unlock.sh` does.
struct Masters {
    begun: Instant,
    locks: Mutex<BTreeMap<MasterName, Lock>>,
    /// Whose lock is renewed right before it is to be released.
    late: Option<&'static str>,
}

impl Masters {
    /// Each with its name, its age in seconds, and how often it is renewed.
    fn new(locks: &[(&str, u64, Option<u64>)]) -> Self {
        let begun = Instant::now();
        let lock = |age: u64, every: Option<u64>| Lock {
            renewed: begun - Duration::from_secs(age),
            every: every.map(Duration::from_secs),
            held: true,
        };
        let locks = locks.iter().map(|(name, age, every)| (MasterName::new(*name).unwrap(), lock(*age, *every)));
        Self { begun: begun - Duration::from_secs(1000), locks: Mutex::new(locks.collect()), late: None }
    }

    fn held(&self) -> Vec<String> {
        self.locks.lock().unwrap().iter().filter(|(_, lock)| lock.held).map(|(name, _)| name.to_string()).collect()
    }

    fn answer(&self, host: &MasterName, command: &Command) -> Output {
        let word = |at: usize| match &command.argv[command.argv.len() - at] {
            Arg::Text(word) => word.clone(),
            _ => String::new(),
        };
        let (unrenewed, seen) = (word(2), word(1));
        let mut locks = self.locks.lock().unwrap();
        let lock = locks.get_mut(host).unwrap();
        if !lock.held {
            return Output { stdout: "none\n".into(), ..Output::default() };
        }
        while let Some(every) = lock.every.filter(|every| lock.renewed.elapsed() >= *every) {
            lock.renewed += every;
        }
        if unrenewed != "never" && self.late == Some(host.as_str()) {
            lock.renewed = Instant::now();
        }
        let (age, at) = (lock.renewed.elapsed().as_secs(), (lock.renewed - self.begun).as_secs().to_string());
        if unrenewed == "never" || (age < unrenewed.parse().unwrap() && at != seen) {
            return Output { status: 76, stdout: format!("{age} {at}\n"), ..Output::default() };
        }
        lock.held = false;
        Output { stdout: "released\n".into(), ..Output::default() }
    }
}

impl Remote for Masters {
    fn run<'a>(
        &'a self,
        host: &'a MasterName,
        command: &'a Command,
        _: Pipes,
    ) -> Later<'a, Result<Output, RemoteError>> {
        Box::pin(async move { Ok(self.answer(host, command)) })
    }

    fn questions<'a>(&'a self, host: &'a MasterName) -> Box<dyn Questions + 'a> {
        OneByOne::new(self, host)
    }
}

async fn unlocked(masters: &Arc<Masters>) -> Unlocking {
    let hosts = masters.locks.lock().unwrap().keys().cloned().collect();
    let remote: Arc<dyn Remote> = masters.clone();
    let console: Arc<dyn Console> = Arc::new(Quiet);
    unlock(&remote, &console, &hosts, &RunId::new("20261123-134443-449f").unwrap(), false).await
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<MasterName> {
    names.into_iter().map(|name| MasterName::new(name).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_lost_its_way_to_one_master_keeps_them_all() {
    let masters = Arc::new(Masters::new(&[("m1", 60, None), ("m2", 4, Some(10)), ("m3", 4, Some(10))]));
    let Unlocking::Lives { host, released } = unlocked(&masters).await else { panic!("it was unlocked") };
    assert_eq!((host.as_str(), released), ("m2", BTreeSet::new()));
    assert_eq!(masters.held(), ["m1", "m2", "m3"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_is_unlocked_everywhere() {
    let masters = Arc::new(Masters::new(&[("m1", 60, None), ("m2", 4, None), ("m3", 4, None)]));
    let end = unlocked(&masters).await;
    assert_eq!(end, Unlocking::Released { released: names(["m1", "m2", "m3"]), kept: Vec::new() });
    assert_eq!(masters.held(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_renewed_between_the_last_look_and_the_release_stays() {
    let old = Masters::new(&[("m1", 60, None), ("m2", 60, None)]);
    let masters = Arc::new(Masters { late: Some("m2"), ..old });
    let end = unlocked(&masters).await;
    assert_eq!(end, Unlocking::Lives { host: MasterName::new("m2").unwrap(), released: names(["m1"]) });
    assert_eq!(masters.held(), ["m2"]);
}
