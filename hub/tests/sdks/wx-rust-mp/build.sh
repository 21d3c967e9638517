#!/bin/sh
# Builds TARGET/debug/driver; nothing to do, and no network, if it is there already.
set -eu
target=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
exec cargo build --quiet --locked --target-dir "$target"
