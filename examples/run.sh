#!/usr/bin/env bash
# Runs the examples, those named or all of them, and compares what they print with `expected/`. Ports, process ids, durations
# and tokens' hashes differ from run to run, and are named there.
#
# `UPDATE=1 examples/run.sh NAME` writes what is expected anew.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."

# No account of anybody's is asked for a token here.
unset "${!WECHAT_@}" "${!WECOM_@}"
# Eight workers make a thousand calls at once.
ulimit -Sn 8192 2>/dev/null || true

names() {
    for example in examples/*.rs hub/examples/*.rs; do basename "$example" .rs; done
    for example in examples/*/src/main.rs; do basename "${example%/src/main.rs}"; done
}

# The program of an example, which is a package of its own, or a file of a package.
program() {
    local package file
    if [ -f "examples/$1/Cargo.toml" ]; then
        package=$(sed -n 's/^name = "\(.*\)"/\1/p' "examples/$1/Cargo.toml" | head -n 1)
        file=$package
        set -- --bins
    else
        package=tower-wechat
        if [ -f "hub/examples/$1.rs" ]; then package=wechat-hub; fi
        file=examples/$1
        set -- --example "$1"
    fi
    # `test.sh` has built them already.
    [ -n "${BUILT:-}" ] || cargo build --quiet --all-features --package "$package" "$@" || return
    echo "${CARGO_TARGET_DIR:-target}/debug/$file"
}

steady() {
    perl -pe '
        s/\b[0-9a-f]{8}\b/$name{$&} ||= "HASH" . ++$count/ge;
        s/(127\.0\.0\.1|localhost):\d+/$1:PORT/g;
        s/-\d+(\/hub\.sock|\.$)/-PID$1/;
        s/\b\d+ ms\b/N ms/;
        s/\b7[12]\d\d s\b/N s/;
        s/\/tmp\//TMP\//g;
    '
}

failed=
for name in ${*:-$(names)}; do
    printf -- '-- %s\n' "$name"
    # A build that fails must not leave the program of an earlier one to run.
    program=$(program "$name") || { failed+=" $name"; continue; }
    printed=$(timeout 120 "$program" < /dev/null | steady) || failed+=" $name"
    if [ -n "${UPDATE:-}" ]; then printf '%s\n' "$printed" > "examples/expected/$name.txt"; fi
    diff -u "examples/expected/$name.txt" - <<< "$printed" || failed+=" $name"
done
[ -z "$failed" ] || { echo "these did not print what is expected:$failed"; exit 1; }
