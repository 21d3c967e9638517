#!/usr/bin/env bash
# How much of the code the tests cover, by file and in all: `coverage/run.sh`. It builds everything once more.
#
# Lines that only other processes run (the hub's program, the examples) count as far as those are built with it, too.
set -euo pipefail
cd "$(dirname "$0")/.."

# The newest LLVM of Debian's that reads what this compiler writes.
export LLVM_COV=${LLVM_COV:-/usr/bin/llvm-cov-19} LLVM_PROFDATA=${LLVM_PROFDATA:-/usr/bin/llvm-profdata-19}
cargo llvm-cov nextest --workspace --all-features --exclude doc-tests --no-fail-fast --status-level fail \
    --ignore-filename-regex '(^|/)(tests|benches|examples)/|tests\.rs$' --summary-only
