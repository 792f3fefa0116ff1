//! A small image for tests of what runs containers.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Many small programs in one, linked statically.
const BUSYBOX: &str = "/bin/busybox";
const IMAGE: &str = "localhost/faultline-testkit/busybox";
const DOCKERFILE: &str = "\
FROM scratch
COPY busybox /bin/busybox
RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]
ENV PATH=/bin OF_IMAGE=image GREETING=image
USER 65532:65532
";

/// The name of an image with a shell and small programs, for the user 65532, which is made where it is not there yet; `None`, and a
/// notice on stderr, where `podman`, `buildah` or a static `busybox` is missing.
///
/// # Panics
/// When one is missing and the environment has `CI=true`; when the image cannot be built.
#[must_use]
pub fn busybox_image() -> Option<&'static str> {
    let succeeds = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let is_there = |program: &str| succeeds(program, &["--version"]);
    if !is_there("podman") || !is_there("buildah") || !Path::new(BUSYBOX).exists() {
        let notice =
            format!("podman, buildah or {BUSYBOX} is not here: install podman, buildah, runc and busybox-static");
        assert!(env::var("CI").as_deref() != Ok("true"), "{notice}");
        eprintln!("skipped: {notice}");
        return None;
    }
    if !succeeds("podman", &["image", "exists", IMAGE]) {
        let context = tempfile::tempdir().expect("a folder");
        fs::write(context.path().join("Dockerfile"), DOCKERFILE).expect("the Dockerfile is written");
        fs::copy(BUSYBOX, context.path().join("busybox")).expect("busybox is copied");
        let output = Command::new("buildah")
            .args(["build", "--isolation=chroot", "--pull=never", "--tag", IMAGE, "."])
            .current_dir(context.path())
            .output()
            .expect("buildah starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    Some(IMAGE)
}
