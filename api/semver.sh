#!/usr/bin/env bash
# Whether the public API of each package is still that of its last release, by `cargo semver-checks`: the newest tag `PACKAGE-v*`.
# Until there is one, it is compared with the commit in `baseline`.
set -euo pipefail
cd "$(dirname "$0")/.."

for package in fake-wechat tower-wechat wechat-hub; do
    baseline=$(git tag --list "$package-v*" --sort=-version:refname | head -n 1)
    baseline=${baseline:-$(cat api/baseline)}
    if git cat-file -e "$baseline^{commit}" 2>/dev/null; then
        cargo semver-checks --package "$package" --all-features --baseline-rev "$baseline"
    else
        echo "$package: skipped, this clone does not have $baseline"
    fi
done
