# shellcheck shell=bash
# The images of the steps and services, built and kept on this machine without a daemon. Sourced by ./dev, which sets `cache` and `checkout`.

# The largest image that is let pass, in bytes of files.
image_limit=40000000
# The Dockerfile says which versions are installed where they are not there yet.
chef_version=$(sed -n 's/.* cargo-chef@\([0-9.]*\)$/\1/p' Dockerfile)
cyclonedx_version=$(sed -n 's/.* cargo-cyclonedx@\([0-9.]*\)$/\1/p' Dockerfile)
# What the stage `builder` of the Dockerfile needs of Debian.
builder_packages=ca-certificates,gcc,libc6-dev,python3-minimal,python3-pip,binutils

# container_tools: buildah, podman and what they run with. Their settings and all images are the project's own, in the cache.
container_tools() {
    # shellcheck disable=SC2154  # set by the caller
    local home="$cache/containers"
    packages "have buildah:buildah" "have podman:podman" "have runc:runc" "test -x /bin/busybox:busybox-static"
    mkdir -p "$home"
    cat >"$home/storage.conf" <<EOF
[storage]
driver = "overlay"
graphroot = "$home/images"
runroot = "$home/run"
EOF
    # cgroups by files, and limits that any caller may set: systemd need not run, and the caller need not be root.
    cat >"$home/containers.conf" <<'EOF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
EOF
    export CONTAINERS_STORAGE_CONF="$home/storage.conf" CONTAINERS_CONF="$home/containers.conf"
}

# cargo_tool NAME VERSION: a program of the crate registry, in the cache; prints its path.
cargo_tool() {
    local root="$cache/$1-$2"
    # The debug profile compiles sooner, and will do for a program that runs for a moment.
    [ -x "$root/bin/$1" ] || cargo install --locked --quiet --debug --root "$root" "$1@$2" >&2
    printf '%s\n' "$root/bin/$1"
}

# builder_image: the stage `builder` from Debian packages and this machine's Rust, where no image can be pulled; prints its name.
builder_image() {
    local sysroot name scratch container
    sysroot=$(rustc --print sysroot)
    name=localhost/faultline/builder:$(printf '%s\n' "$(rustc --version)" "$builder_packages" "$chef_version" "$cyclonedx_version" \
        | sha256sum | cut -c 1-12)
    if ! podman image exists "$name"; then
        note "making the image that the programs are compiled in"
        packages "have mmdebstrap:mmdebstrap"
        scratch=$(mktemp -d)
        mmdebstrap --quiet --variant=essential --include="$builder_packages" bookworm "$scratch/root.tar"
        container=$(buildah from scratch)
        buildah add --quiet "$container" "$scratch/root.tar" / >&2
        buildah add --quiet "$container" "$sysroot/bin" /usr/local/bin >&2
        buildah add --quiet "$container" "$sysroot/lib" /usr/local/lib >&2
        buildah add --quiet "$container" "$(cargo_tool cargo-chef "$chef_version")" /usr/local/bin/ >&2
        buildah add --quiet "$container" "$(cargo_tool cargo-cyclonedx "$cyclonedx_version")" /usr/local/bin/ >&2
        # Crates and XGBoost come from this machine's caches, see `images`.
        buildah config --env PATH=/usr/local/bin:/usr/bin:/bin --env CARGO_HOME=/cargo --env CARGO_NET_OFFLINE=true \
            --env FAULTLINE_CACHE=/cache "$container"
        buildah commit --quiet --rm "$container" "$name" >&2
        rm -rf "$scratch"
    fi
    printf '%s\n' "$name"
}

# step_names: the steps and services, each of which has an image.
step_names() { find steps services -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort; }

# images [STEP...]: builds the images of these steps, or of all, and says how large they are.
images() {
    local steps=("$@") step xgboost builder size
    build
    container_tools
    [ ${#steps[@]} -gt 0 ] || mapfile -t steps < <(step_names)
    for step in "${steps[@]}"; do
        [ -d "steps/$step" ] || [ -d "services/$step" ] || fail 2 "there is no step or service $step" "known: $(step_names | tr '\n' ' ')"
    done
    builder=$(builder_image)
    cargo fetch --locked --quiet
    xgboost=$(dirname "$(scripts/fetch-xgboost)")
    BUILD_FLAGS="--isolation=chroot --pull=never --build-arg=BUILDER=$builder \
        --volume=${CARGO_HOME:-$HOME/.cargo}/registry:/cargo/registry:O --volume=$xgboost:/cache/$(basename "$xgboost"):ro"
    export BUILD_FLAGS
    note "compiling the programs"
    # shellcheck disable=SC2086  # words
    quietly "$cache/images.log" buildah build --layers $BUILD_FLAGS --target=programs --tag=localhost/faultline/programs .
    for step in "${steps[@]}"; do
        quietly "$cache/images.log" scripts/build-image "$step" "localhost/faultline/$step"
        size=$(podman image inspect --format '{{.Size}}' "localhost/faultline/$step")
        printf '%-36s %6.1f MB\n' "localhost/faultline/$step" "$((size / 100000))e-1"
        [ "$size" -le "$image_limit" ] || fail 70 "the image of $step has $size bytes" "at most $image_limit are let pass"
    done
    # Layers that no name leads to any more. A build that was broken off holds on to its own.
    buildah rmi --prune >/dev/null 2>&1 || note "layers of a broken build are kept; 'buildah rm --all' lets go of them"
    cat >.dev/containers.env <<EOF
export CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF
export CONTAINERS_CONF=$CONTAINERS_CONF
EOF
    note "to run with these images: . .dev/containers.env, then .dev/bin/faultline run ... --engine podman"
}

# quietly LOG COMMAND...: shows what the command printed only when it fails.
quietly() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        fail 70 "this failed: $*" "the lines above say why; all of them are in $log"
    }
}
