#!/usr/bin/env bash
# Counts the instructions and allocations that the layer adds to a request, and fails where they are more than
# benches/instructions.txt accepts: benches/instructions.sh [--accept]
set -euo pipefail
cd "$(dirname "$0")"
command -v valgrind >/dev/null || { echo "valgrind is missing; Debian has it in its package valgrind" >&2; exit 1; }
# The first token of a client that is compared comes from this machine.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

cd compare
cargo build --quiet --release --locked
exec "${CARGO_TARGET_DIR:-target}/release/gate" ../instructions.txt "$@"
