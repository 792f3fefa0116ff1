//! Keeps the record and the logs of a run: on this machine, and in the store that holds its artifacts.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use faultline_contract::{RunId, layout};
use faultline_runtime::Failure;
use faultline_store::{PutMode, Store};
use faultline_tekton::{Event, Observer, Outcome, RunRecord};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::progress::say;
use super::secrets::mask;

/// The least time between two writes of a record that goes on.
const PAUSE: Duration = Duration::from_secs(1);

/// The most time between two writes, so that a runner that has nothing to tell can be told from one that is gone.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The record of a run that goes on, and where it is kept.
#[derive(Debug)]
pub(crate) struct Keeper {
    run: RunId,
    state: Mutex<State>,
    clock: Instant,
    has_changed: Notify,
    has_ended: Notify,
    /// The folder of the logs on this machine.
    logs: PathBuf,
    local: Arc<dyn Store>,
    /// The store of the run's artifacts, where that is another one.
    remote: Option<Arc<dyn Store>>,
}

#[derive(Debug)]
struct State {
    record: RunRecord,
    /// Logs that nothing is added to any more and that are not copied yet.
    finished_logs: Vec<String>,
}

impl Keeper {
    pub(crate) fn new(
        record: RunRecord,
        run: RunId,
        logs: PathBuf,
        local: Arc<dyn Store>,
        remote: Option<Arc<dyn Store>>,
    ) -> Self {
        let state = Mutex::new(State { record, finished_logs: Vec::new() });
        Self {
            run,
            state,
            clock: Instant::now(),
            has_changed: Notify::new(),
            has_ended: Notify::new(),
            logs,
            local,
            remote,
        }
    }

    /// Writes what changes, and now and then that the runner is there, until [`Self::end`] is called. A write that has begun is never broken
    /// off: what is left of it could come after a later one.
    pub(crate) async fn keep(&self) {
        let pause = || async {
            tokio::time::sleep(PAUSE).await;
            // Whether something changed or only time went by, it is written.
            let _ = tokio::time::timeout(HEARTBEAT, self.has_changed.notified()).await;
        };
        loop {
            self.write().await;
            tokio::select! {
                () = pause() => {}
                () = self.has_ended.notified() => return,
            }
        }
    }

    /// Ends [`Self::keep`].
    pub(crate) fn end(&self) {
        self.has_ended.notify_one();
    }

    /// Writes what there is at the end.
    pub(crate) async fn close(&self, outcome: &Outcome) {
        self.update(|state| state.record.conclude(outcome, &now()));
        self.write().await;
    }

    async fn write(&self) {
        let (json, logs) = self.update(|state| {
            state.record.updated_at = now();
            state.record.values_mut().for_each(mask);
            (serde_json::to_vec_pretty(&state.record), std::mem::take(&mut state.finished_logs))
        });
        let json = match json {
            Ok(json) => Bytes::from(json),
            Err(error) => return lost(&self.local, &Failure::internal("write the record as JSON").caused_by(error)),
        };
        if let Err(failure) = self.put(&self.local, json.clone(), &[]).await {
            lost(&self.local, &failure);
        }
        if let Some(remote) = &self.remote
            && let Err(failure) = self.put(remote, json, &logs).await
        {
            self.update(|state| state.finished_logs.extend(logs));
            lost(remote, &failure);
        }
    }

    async fn put(&self, store: &Arc<dyn Store>, record: Bytes, logs: &[String]) -> Result<(), Failure> {
        for name in logs {
            let path = self.logs.join(name);
            // A task that could not be started has printed nothing.
            if path.exists() {
                store.put_file(&format!("{}{name}", layout::logs_prefix(&self.run)), &path).await?;
            }
        }
        // The record last: once it says that a task has ended, all that the task printed is there.
        store.put(&layout::record_key(&self.run), record, PutMode::Overwrite).await?;
        Ok(())
    }

    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // A thread that panicked while it held the lock left a record that is good enough to keep.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Keeper {
    fn on_event(&self, event: &Event<'_>) {
        self.update(|state| {
            state.record.note(event, self.clock.elapsed());
            if let Event::Ended(task) = event {
                let entry = state.record.task(&task.name, task.matrix_index);
                state.finished_logs.extend(entry.into_iter().flat_map(|entry| entry.logs.clone()));
            }
        });
        self.has_changed.notify_one();
    }
}

/// A run is not lost with its record: its outcome and its artifacts stand for themselves.
fn lost(store: &Arc<dyn Store>, failure: &Failure) {
    say(&format!("warning: the record of this run could not be kept in {}\n{}", store.root_uri(), failure.render()));
}

/// The time, as records hold it.
pub(crate) fn now() -> String {
    Timestamp::now().to_string()
}
