//! A store that records every request, and can kill its process at one of them: the hook of the kill tests.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::{Action, StoreError};
use crate::store::{ObjectMeta, PutMode, Store, Written};
use crate::url::StoreUrl;

/// Names the file that the points are appended to, and so switches the hook on.
const TRACE_VARIABLE: &str = "FAULTLINE_FAULT_POINTS";
/// `PROGRAM:N`: that program kills itself (SIGKILL) when it reaches its point number N.
const KILL_VARIABLE: &str = "FAULTLINE_KILL_AT";

/// Points are counted through all stores of a process.
static POINTS: AtomicU64 = AtomicU64::new(0);

/// Where to record, and where to die.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    trace: PathBuf,
    program: String,
    kill_at: Option<u64>,
}

impl Plan {
    /// The plan of the environment; `None` where the hook is off.
    pub(crate) fn from_env() -> Result<Option<Self>, StoreError> {
        let Some(trace) = std::env::var_os(TRACE_VARIABLE) else { return Ok(None) };
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or("unknown");
        Self::new(trace.into(), program, std::env::var(KILL_VARIABLE).ok().as_deref()).map(Some)
    }

    fn new(trace: PathBuf, program: &str, kill: Option<&str>) -> Result<Self, StoreError> {
        let kill_at = match kill {
            None => None,
            Some(text) => {
                let point = text.split_once(':').and_then(|(name, point)| Some((name, point.parse().ok()?)));
                let (name, point) = point.ok_or_else(|| StoreError::Invalid {
                    action: Action::Open,
                    uri: trace.display().to_string(),
                    reason: format!("the environment has {KILL_VARIABLE}={text}"),
                    hint: format!("expected PROGRAM:N, for example {KILL_VARIABLE}=validate:3"),
                })?;
                (name == program).then_some(point)
            }
        };
        Ok(Self { trace, program: program.to_owned(), kill_at })
    }

    /// Records one point as `PROGRAM N EVENT URI`, then dies when it is the one.
    fn reach(&self, event: &str, uri: &str) -> std::io::Result<()> {
        let point = POINTS.fetch_add(1, Ordering::SeqCst) + 1;
        let mut file = OpenOptions::new().create(true).append(true).open(&self.trace)?;
        // One write: the lines of programs that run side by side do not mix.
        file.write_all(format!("{} {point} {event} {uri}\n", self.program).as_bytes())?;
        if self.kill_at == Some(point) {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
        }
        Ok(())
    }
}

/// A store under a plan.
#[derive(Debug)]
pub(crate) struct FaultPoints {
    inner: Arc<dyn Store>,
    plan: Plan,
}

impl FaultPoints {
    pub(crate) fn new(inner: Arc<dyn Store>, plan: Plan) -> Self {
        Self { inner, plan }
    }

    fn reach(&self, action: Action, event: &str, key: &str) -> Result<(), StoreError> {
        let uri = self.uri_of(key);
        self.plan.reach(event, &uri).map_err(|source| StoreError::Io {
            action,
            uri,
            path: self.plan.trace.display().to_string(),
            source,
        })
    }

    async fn write<T>(
        &self,
        action: Action,
        verb: &str,
        key: &str,
        write: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.reach(action, &format!("before {verb}"), key)?;
        let result = write.await;
        self.reach(action, &format!("after {verb}"), key)?;
        result
    }
}

#[async_trait]
impl Store for FaultPoints {
    fn root(&self) -> &StoreUrl {
        self.inner.root()
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.reach(Action::Read, "get", key)?;
        self.inner.get(key).await
    }

    async fn get_to_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        self.reach(Action::Read, "get", key)?;
        self.inner.get_to_file(key, path).await
    }

    async fn put(&self, key: &str, content: Bytes, mode: PutMode) -> Result<(), StoreError> {
        self.write(Action::Write, "put", key, self.inner.put(key, content, mode)).await
    }

    async fn put_file(&self, key: &str, path: &Path) -> Result<Written, StoreError> {
        self.write(Action::Write, "put", key, self.inner.put_file(key, path)).await
    }

    async fn take_file(&self, key: &str, path: &Path, known: Option<Written>) -> Result<Written, StoreError> {
        self.write(Action::Write, "put", key, self.inner.take_file(key, path, known)).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        self.reach(Action::Inspect, "head", key)?;
        self.inner.head(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, StoreError> {
        self.reach(Action::List, "list", prefix)?;
        self.inner.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.write(Action::Delete, "delete", key, self.inner.delete(key)).await
    }

    async fn now(&self, prefix: &str) -> Result<SystemTime, StoreError> {
        self.inner.now(prefix).await
    }

    fn local_path(&self, key: &str) -> Option<PathBuf> {
        self.inner.local_path(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    #[tokio::test]
    async fn every_request_is_recorded_and_writes_twice() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("points");
        let plan = Plan::new(trace.clone(), "validate", None).unwrap();
        let store = FaultPoints::new(Arc::new(MemoryStore::open("points")), plan);
        store.put("k", Bytes::from_static(b"x"), PutMode::CreateNew).await.unwrap();
        store.put("k", Bytes::from_static(b"x"), PutMode::CreateNew).await.unwrap_err();
        store.get("k").await.unwrap();
        store.delete("k").await.unwrap();
        let text = std::fs::read_to_string(trace).unwrap();
        let events: Vec<_> = text.lines().map(|line| line.splitn(3, ' ').nth(2).unwrap()).collect();
        let uri = "memory://points/k";
        let expected = ["before put", "after put", "before put", "after put", "get", "before delete", "after delete"];
        assert_eq!(events, expected.map(|event| format!("{event} {uri}")));
        assert!(text.lines().all(|line| line.starts_with("validate ")));
    }

    #[test]
    fn only_the_named_program_dies() {
        let plan = |kill| Plan::new("t".into(), "train", Some(kill));
        assert_eq!(plan("train:4").unwrap().kill_at, Some(4));
        assert_eq!(plan("load:4").unwrap().kill_at, None);
        for bad in ["", "4", "train:", "train:x"] {
            assert!(plan(bad).unwrap_err().hint().contains("PROGRAM:N"), "{bad}");
        }
    }
}
