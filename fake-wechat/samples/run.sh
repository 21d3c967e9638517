#!/usr/bin/env bash
# Runs the samples of the documentation, a test in each language against the program, with the languages that are on this
# machine. `doc-tests/check` sees to it that the code on the pages is that of the samples.
set -euo pipefail
cd "$(dirname "$0")"

# A proxy would look for the program on a machine of its own.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

root=$(cd ../.. && pwd)
# Relative to the root, as cargo has it.
target=$(cd "$root" && mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
# `test.sh` has built it already.
[ -n "${BUILT:-}" ] || (cd "$root" && cargo build --quiet --package fake-wechat)
export PATH="$target/debug:$PATH"

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
export PYTHONDONTWRITEBYTECODE=1 GOFLAGS="-count=1 ${GOFLAGS:-}"

sample() {
    local folder=$1 command=$2
    shift
    if ! command -v "$command" >/dev/null; then
        echo "$folder: skipped, there is no $command"
    elif (cd "$folder" && timeout 120 "$@") >"$scratch/$folder" 2>&1; then
        echo "$folder: passed"
    else
        echo "$folder: FAILED"
        cat "$scratch/$folder"
        return 1
    fi
}

sample python python3 -m unittest
sample node node --test
sample go go test ./...
sample java java BotTest.java
