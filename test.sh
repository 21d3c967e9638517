#!/usr/bin/env bash
# Runs every check of the project, and installs what it needs for that.
#
# `./test.sh --all` then runs the slow proofs, too, which take longer than all the rest:
# - 200 rounds of random kills and of random losses of Redis's last second, in place of 20 (`CHAOS_ROUNDS`)
# - every test that is ignored otherwise: a Redis that comes back to a hundred thousand accounts, an hour of ten thousand
#   accounts on one Redis, ten thousand connections to a hub
# - combinations of two features, two minutes of fuzzing for each target, and what other crates cost beside ours
# - the hub's benchmarks: beside nginx, as a proxy too, and how fast workers hear of a new token
# - whether the public API is still that of the last release (`cargo semver-checks`), and how much of the code the tests cover
set -euo pipefail
cd "$(dirname "$0")"

case "$*" in
    "") all=false ;;
    --all) all=true ;;
    *) echo "usage: $0 [--all]" >&2; exit 2 ;;
esac

# A thousand callers and the server that they call are one process in the tests.
ulimit -Sn 8192 2>/dev/null || true

# The tests' servers are on this machine, and a proxy would look for them on its own.
export NO_PROXY="localhost,127.0.0.1${NO_PROXY:+,$NO_PROXY}"

# What comes next, and how many minutes it has taken so far.
step() { printf '\n== %s (%d:%02d)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# A Debian package, unless its command is there.
need_package() {
    command -v "$1" >/dev/null && return
    step "installing $2"
    as_root apt-get update -qq
    # The tests start servers of their own; the package's service is not wanted.
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq "$2" >/dev/null
}

# A tool that cargo installs, unless it is there. Further arguments are for cargo. They need not be fast, but here soon.
need_cargo() {
    command -v "$1" >/dev/null && return
    step "installing $1"
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --quiet --debug "$@"
}

# Runs this with Python, or with one that can make virtual environments, if there is one.
with_python() { if command -v python3 >/dev/null; then "$@"; else echo "skipped: there is no python3"; fi; }
with_venv() {
    if python3 -c 'import ensurepip, venv' 2>/dev/null; then "$@"; else echo "skipped: no python3 here makes virtual environments"; fi
}

need_package redis-server redis-server
need_package faketime faketime
need_package valgrind valgrind
# An example calls through the hub with it.
need_package curl curl
# The hub's status page is looked at in a browser, in Chinese as well.
need_package chromium chromium
need_package fc-list fontconfig
fc-list :lang=zh | grep -q . || need_package no-such-command fonts-noto-cjk
# Alerts and dashboard are tried with a real Prometheus.
need_package promtool prometheus
# One of the crates that the book compares needs OpenSSL.
need_package pkg-config pkg-config
[ -e /usr/include/openssl/ssl.h ] || need_package no-such-command libssl-dev
need_cargo cargo-nextest
need_cargo cargo-hack
need_cargo cargo-deny
need_cargo cargo-fuzz
need_cargo mdbook --no-default-features --features search

step "formatting"
cargo fmt --all --check
cargo fmt --manifest-path benches/compare/Cargo.toml --check
for package in api doc-tests/peers hub/tests/sdks/wx-rust-mp; do cargo fmt --manifest-path "$package/Cargo.toml" --check; done

step "spelling"
spelling() {
    local venv=target/typos-1.52.0
    [ -x "$venv/bin/typos" ] || { python3 -m venv "$venv" && "$venv/bin/pip" --quiet --disable-pip-version-check install typos==1.52.0; }
    "$venv/bin/typos"
}
with_venv spelling

step "pages: both languages say the same, links lead somewhere, code is code"
with_python python3 doc-tests/check

step "clippy, warnings denied"
cargo clippy --quiet --workspace --all-features --all-targets -- -D warnings

step "tests, all features"
cargo nextest run --workspace --all-features --no-fail-fast --status-level fail --final-status-level slow

step "programs and examples"
# Together with the tests, so that nothing is built a second time with other features.
cargo build --quiet --workspace --all-features --bins --examples --tests
# For the scripts below, which would build them by themselves.
export BUILT=1

step "tests of the documentation"
cargo test --quiet --workspace --all-features --doc

step "documentation, broken links denied"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --all-features --no-deps

step "the book, in both languages"
with_python python3 doc-tests/book.py

step "quick starts of the README, each with the dependencies that it names; copies of the programs to start from"
with_python python3 doc-tests/quick_start.py "${CARGO_TARGET_DIR:-target}"

step "code that needs crates of others"
cargo check --quiet --locked --manifest-path doc-tests/peers/Cargo.toml --target-dir target/peers

step "the public API is the one that was accepted, and each item of it has an example"
api/check.sh
with_python python3 doc-tests/examples.py "${CARGO_TARGET_DIR:-target}"/doc/{fake_wechat,tower_wechat,wechat_hub}.json

step "single flight and slot, every interleaving (loom)"
cargo test --quiet --release --manifest-path loom/Cargo.toml

$all && : "${FUZZ_SECONDS:=120}"
step "fuzzing, ${FUZZ_SECONDS:=25} seconds for each target"
fuzz/run.sh "$FUZZ_SECONDS"

step "each feature by itself"
for package in tower-wechat fake-wechat wechat-hub; do
    RUSTFLAGS="-D warnings" cargo hack check --quiet --package "$package" --lib --each-feature --target-dir target/hack
done

step "the hub does what its OpenAPI description says"
with_venv hub/tests/openapi.sh "${OPENAPI_EXAMPLES:-100}"

step "SDKs of others work behind the hub"
with_venv hub/tests/sdks/run.sh

step "dashboard and alerts, against a real Prometheus of real hubs"
with_python observability/check.sh

step "licences, bans and sources of dependencies"
cargo deny --log-level error check licenses bans sources

step "instructions and allocations of a request, against those that were accepted"
benches/instructions.sh

step "FakeWeChat in other languages"
fake-wechat/samples/run.sh

step "examples print what is expected"
examples/run.sh

if $all; then
    step "what crates of others cost, before and after, is as the book says"
    cargo run --quiet --locked --manifest-path doc-tests/peers/Cargo.toml --target-dir target/peers > target/peers/printed
    with_python doc-tests/peers/check.py < target/peers/printed

    step "combinations of two features"
    RUSTFLAGS="-D warnings" cargo hack check --quiet --lib --feature-powerset --depth 2 --exclude-features default,full \
        --target-dir target/hack

    step "200 rounds of random kills and losses"
    CHAOS_ROUNDS=200 cargo nextest run --profile slow --all-features --no-fail-fast --test-threads 1 --status-level pass \
        --test cluster -E 'test(killed_at_random_moments) | test(the_last_second_of_redis)'

    step "tests that are ignored otherwise"
    ulimit -Sn 16384 2>/dev/null || true
    cargo nextest run --profile slow --workspace --all-features --no-fail-fast --test-threads 1 --status-level pass \
        --run-ignored only

    step "the hub beside nginx, and how fast workers hear of a new token"
    need_package nginx nginx-light
    need_package wrk wrk
    need_package h2load nghttp2-client
    cargo bench --quiet --profile dist --package wechat-hub

    step "the public API beside that of the last release"
    need_cargo cargo-semver-checks
    api/semver.sh

    step "how much of the code the tests cover"
    need_package llvm-cov-19 llvm-19
    need_cargo cargo-llvm-cov
    coverage/run.sh
fi

step "all is well"
