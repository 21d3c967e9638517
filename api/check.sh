#!/usr/bin/env bash
# Compares the public API of each package with the one in this folder. `UPDATE=1 api/check.sh` accepts what has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')

cargo build --quiet --manifest-path api/Cargo.toml --target-dir "$target/api"

changed=
for package in fake-wechat tower-wechat wechat-hub; do
    # rustdoc writes JSON on nightly only, unless it is told to take this for one.
    RUSTC_BOOTSTRAP=1 cargo rustdoc --quiet --package "$package" --lib --all-features -- \
        -Z unstable-options --output-format json
    api=$("$target/api/debug/api" "$target/doc/${package//-/_}.json")
    if [ -n "${UPDATE:-}" ]; then printf '%s\n' "$api" > "api/$package.txt"; fi
    diff -u "api/$package.txt" - <<< "$api" || changed+=" $package"
done
[ -z "$changed" ] || { echo "the public API has changed:$changed (UPDATE=1 $0 accepts that)"; exit 1; }
