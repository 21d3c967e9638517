#!/usr/bin/env bash
# Prints every comparison as Markdown, for BENCHMARKS.md. It takes some minutes; let the machine do nothing else.
set -euo pipefail
cd "$(dirname "$0")"
command -v valgrind >/dev/null || { echo "valgrind is missing; Debian has it in its package valgrind" >&2; exit 1; }
# Nothing here is to leave this machine.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

cargo build --quiet --release --locked
target=${CARGO_TARGET_DIR:-target}/release

printf '%s cores, %s; %s; %s; Linux %s.\n' "$(nproc)" "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)" \
    "$(rustc --version)" "$(valgrind --version)" "$(uname -r | cut -d . -f 1,2)"
for part in counts throughput herd size; do
    echo
    timeout 600 "$target/$part"
done
