//! Steps in containers: what they see, how they end, and that nothing of them is left. Podman and an image are real.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use faultline_tekton::{End, Engine, Launch, Limits, Mount, PodmanEngine, PodmanOptions, StepEnd};
use faultline_testkit::containers::busybox_image;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// A step's files, and the engine that runs it.
struct Scene {
    folder: TempDir,
    engine: PodmanEngine,
    image: &'static str,
}

impl Scene {
    /// `None` where no containers can be run; `environment` is the engine's.
    fn new(environment: &[(&str, &str)], mounts: Vec<Mount>) -> Option<Self> {
        let image = busybox_image()?;
        let environment =
            environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        let engine = PodmanEngine::new(environment, PodmanOptions { network: "none".into(), mounts }).unwrap();
        Some(Self { folder: tempfile::tempdir().unwrap(), engine, image })
    }

    fn launch(&self, text: &str) -> Launch {
        let folder = self.folder.path().join("attempt");
        let scratch = self.folder.path().join("scratch");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(&scratch).unwrap();
        Launch {
            task_run: "r-t".into(),
            step: "s".into(),
            image: Some(self.image.into()),
            program: "sh".into(),
            args: vec!["-c".into(), text.into()],
            log: self.folder.path().join("log"),
            folder,
            scratch,
            ..Launch::default()
        }
    }

    async fn run(&self, launch: &Launch, deadline: Option<Duration>) -> (io::Result<StepEnd>, String) {
        let (_sender, cancel) = watch::channel(false);
        let deadline = deadline.map(|time| Instant::now() + time);
        let end = self.engine.execute(launch, Limits { deadline, cancel, grace: Duration::from_millis(200) }).await;
        (end, fs::read_to_string(&launch.log).unwrap_or_default())
    }

    async fn sh(&self, text: &str) -> (io::Result<StepEnd>, String) {
        self.run(&self.launch(text), None).await
    }
}

/// Ends once the step has said that it has started.
async fn has_started(launch: &Launch) {
    while !fs::read_to_string(&launch.log).unwrap_or_default().contains("started") {
        sleep(Duration::from_millis(20)).await;
    }
}

/// The containers that this process started and that are there.
fn containers(of: u32) -> String {
    let filter = format!("--filter=name=faultline-{of}-");
    let output = Command::new("podman").args(["ps", "--all", "--quiet", &filter]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn output_exit_code_and_use_are_kept() {
    let Some(scene) = Scene::new(&[], Vec::new()) else { return };
    let (end, log) =
        scene.sh("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo out; echo err >&2; exit 7").await;
    let StepEnd { end, usage } = end.unwrap();
    assert_eq!((end, log.as_str()), (End::Exited(7), "out\nerr\n"));
    assert!(usage.cpu > Duration::ZERO && usage.peak_memory_bytes > 100_000, "{usage:?}");
    assert_eq!(containers(std::process::id()), "");
    assert_eq!(fs::read_dir(scene.folder.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn it_can_change_nothing_but_its_own_folders() {
    let Some(scene) = Scene::new(&[], Vec::new()) else { return };
    let text = "id -u; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; \
                for path in /here /bin/here /etc/here /run/here /var/here /dev/shm/../here; do touch $path 2>/dev/null && echo $path; done; \
                echo kept > $0/result; touch /tmp/scratch; true";
    let mut launch = scene.launch(text);
    launch.args.push(launch.folder.display().to_string());
    let (end, log) = scene.run(&launch, None).await;
    assert_eq!(end.unwrap().end, End::Exited(0), "{log}");
    let lines: Vec<_> = log.lines().map(|line| line.replace('\t', "")).collect();
    assert_ne!(lines[0], "0");
    assert_eq!(lines[1..], ["CapEff:0000000000000000", "CapBnd:0000000000000000", "NoNewPrivs:1"]);
    assert_eq!(fs::read_to_string(launch.folder.join("result")).unwrap(), "kept\n");
    assert!(launch.scratch.join("scratch").exists());
}

#[tokio::test]
async fn variables_of_the_step_stand_above_those_of_the_engine_and_the_image() {
    let Some(scene) = Scene::new(&[("SECRET", "of engine"), ("GREETING", "engine")], Vec::new()) else { return };
    let mut launch = scene.launch("echo $SECRET $GREETING $OF_IMAGE $HOME $CARGO_MANIFEST_DIR; tr '\\0' '\\n' </proc/1/environ | cut -d= -f1 | sort | tr '\\n' ' '");
    launch.env = vec![("GREETING".into(), "step".into()), ("HOME".into(), "/of/step".into())];
    launch.optional_env = vec!["NOT_SET_ANYWHERE".into(), "CARGO_MANIFEST_DIR".into()];
    let (end, log) = scene.run(&launch, None).await;
    assert_eq!(end.unwrap().end, End::Exited(0), "{log}");
    let home = env!("CARGO_MANIFEST_DIR");
    let names = "CARGO_MANIFEST_DIR GREETING HOME HOSTNAME OF_IMAGE PATH SECRET TERM container ";
    assert_eq!(log, format!("of engine step image /of/step {home}\n{names}"));
}

#[tokio::test]
async fn secrets_are_not_in_the_list_of_processes() {
    let Some(scene) = Scene::new(&[("SECRET", "of-the-engine")], Vec::new()) else { return };
    let mut launch = scene.launch("echo $SECRET $PASSWORD; sleep 1");
    launch.env = vec![("PASSWORD".into(), "of-the-step".into())];
    let (mut seen, mut sees_podman) = (Vec::new(), false);
    let running = scene.run(&launch, None);
    tokio::pin!(running);
    let (end, log) = loop {
        tokio::select! {
            ended = &mut running => break ended,
            () = sleep(Duration::from_millis(50)) => {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    let line = String::from_utf8_lossy(&line).replace('\0', " ");
                    sees_podman |= line.contains("--env=PASSWORD ") && line.contains("--env=SECRET ");
                    seen.extend(Some(line).filter(|line| line.contains("of-the-engine") || line.contains("of-the-step")));
                }
            }
        }
    };
    assert_eq!((end.unwrap().end, log.as_str()), (End::Exited(0), "of-the-engine of-the-step\n"));
    assert!(sees_podman && seen.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn what_is_mounted_is_seen_at_its_path() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "seen").unwrap();
    let mount = |is_read_only| vec![Mount { path: outside.path().to_owned(), is_read_only }];
    let Some(scene) = Scene::new(&[], mount(true)) else { return };
    // The folder is for its owner alone; the user inside is another one.
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let text = format!("cat {0}/file; touch {0}/new 2>/dev/null || echo ' only'", outside.path().display());
    assert_eq!(scene.sh(&text).await.1, "seen only\n");
    let Some(scene) = Scene::new(&[], mount(false)) else { return };
    assert_eq!(scene.sh(&text).await.1, "seen");
    assert!(outside.path().join("new").exists());
}

#[tokio::test]
async fn what_ignores_the_polite_signal_is_killed() {
    let Some(scene) = Scene::new(&[], Vec::new()) else { return };
    let launch = scene.launch("trap '' TERM; echo started; while :; do sleep 1; done");
    let (end, log) = scene.run(&launch, Some(Duration::from_secs(3))).await;
    assert_eq!((end.unwrap().end, log.as_str()), (End::TimedOut, "started\n"));
    assert_eq!(containers(std::process::id()), "");
}

#[tokio::test]
async fn what_listens_to_the_polite_signal_may_end_by_itself() {
    let Some(scene) = Scene::new(&[], Vec::new()) else { return };
    let launch = scene.launch("trap 'echo bye; exit 3' TERM; echo started; while :; do sleep 0.05; done");
    let (sender, cancel) = watch::channel(false);
    let limits = Limits { deadline: None, cancel, grace: Duration::from_secs(30) };
    let printed = || fs::read_to_string(&launch.log).unwrap_or_default();
    let running = scene.engine.execute(&launch, limits);
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => unreachable!("{ended:?}: {}", printed()),
        () = has_started(&launch) => sender.send_replace(true),
    };
    let end = running.await;
    assert_eq!((end.unwrap().end, printed().as_str()), (End::Cancelled, "started\nbye\n"));
}

#[tokio::test]
async fn a_dropped_run_takes_its_container_along() {
    let Some(scene) = Scene::new(&[], Vec::new()) else { return };
    let launch = scene.launch("echo started; sleep 300");
    let running = async {
        has_started(&launch).await;
        containers(std::process::id())
    };
    tokio::select! {
        _ = scene.run(&launch, None) => unreachable!("it sleeps"),
        running = running => assert_ne!(running, ""),
    }
    assert_eq!(containers(std::process::id()), "");
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let Some(scene) = Scene::new(&[], Vec::new()) else { return };
    let start = scene.launch("");
    let message = async |launch: Launch| scene.run(&launch, None).await.0.unwrap_err().to_string();
    let no_program = message(Launch { program: "no-such-program".into(), ..start.clone() }).await;
    assert!(no_program.starts_with("start `no-such-program` in a container of the image `localhost/"), "{no_program}");
    assert!(no_program.contains("not found"), "{no_program}");
    let no_image = message(Launch { image: Some("localhost/no/such:image".into()), ..start.clone() }).await;
    assert!(
        no_image.contains("image `localhost/no/such:image`: ") && no_image.contains("image not known"),
        "{no_image}"
    );
    let unnamed = message(Launch { image: None, ..start.clone() }).await;
    assert_eq!(unnamed, "the step `s` names no image");
    let colon = message(Launch { folder: "/a:b".into(), ..start }).await;
    assert_eq!(colon, "/a:b cannot be mounted: Podman takes no path with a colon");
    assert_eq!(containers(std::process::id()), "");
}

#[tokio::test]
async fn an_exit_code_of_podman_may_be_the_step_s_own() {
    let Some(scene) = Scene::new(&[], Vec::new()) else { return };
    assert_eq!(scene.sh("sleep 0.2; exit 127").await.0.unwrap().end, End::Exited(127));
}

/// The containers of a process that is killed while this file's own test `sleeps_when_it_is_told_to` runs in it.
#[test]
fn a_killed_runner_leaves_no_container() {
    if busybox_image().is_none() {
        return;
    }
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .args(["sleeps_when_it_is_told_to", "--exact", "--nocapture"])
        .env("FAULTLINE_TEST_SLEEPS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("a container", || !containers(runner.id()).is_empty());
    runner.kill().unwrap();
    runner.wait().unwrap();
    wait_until("its end", || containers(runner.id()).is_empty());
}

#[tokio::test]
async fn sleeps_when_it_is_told_to() {
    if std::env::var_os("FAULTLINE_TEST_SLEEPS").is_none() {
        return;
    }
    let Some(scene) = Scene::new(&[], Vec::new()) else { return };
    scene.sh("sleep 300").await.0.unwrap();
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let patience = std::time::Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(std::time::Instant::now() < patience, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn steps_run_side_by_side() {
    let Some(scene) = Scene::new(&[], Vec::new()) else { return };
    let launch = |name: &str| {
        let mut launch = scene.launch("sleep 0.3; echo done");
        launch.log = scene.folder.path().join(name);
        launch
    };
    let (one, two) = (launch("one"), launch("two"));
    let (one, two) = tokio::join!(scene.run(&one, None), scene.run(&two, None));
    for (end, log) in [one, two] {
        assert_eq!((end.unwrap().end, log.as_str()), (End::Exited(0), "done\n"));
    }
}
