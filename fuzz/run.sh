#!/usr/bin/env bash
# Runs each fuzz target for this many seconds, two at a time: fuzz/run.sh 60
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds for each target?}
command -v cargo-fuzz >/dev/null || cargo install --locked --quiet cargo-fuzz

# Without a sanitizer, which only nightly has; the crate has no unsafe code for one to look at.
cargo fuzz build -s none 2>&1 | tail -n 1

fuzz() {
    # What is found goes to target/, so that the corpus stays as small as it was committed.
    local found="fuzz/target/corpus/$1" log="fuzz/target/$1.log"
    mkdir -p "$found"
    if cargo fuzz run -s none "$1" "$found" "fuzz/corpus/$1" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=5 -print_final_stats=1 >"$log" 2>&1; then
        echo "$1: $(sed -n 's/^stat::number_of_executed_units: //p' "$log") runs, nothing found"
    else
        echo "$1: FAILED"
        tail -n 40 "$log"
        return 1
    fi
}

export -f fuzz
export seconds
cargo fuzz list | xargs -P 2 -I{} bash -euc 'fuzz {}'
