#!/usr/bin/env bash
# Checks the alerts and the dashboard: observability/check.sh
#
# promtool reads and tests the rules. Then there is a real run: a fake WeChat, two hubs and a Prometheus that asks them, with
# everything happening to them that the dashboard and the alerts tell of (run.py).
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if ! command -v promtool >/dev/null || ! command -v prometheus >/dev/null; then
    echo "-- installing prometheus"
    as_root apt-get update -qq
    # No service of it is wanted.
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq prometheus >/dev/null
fi

echo "-- the rules"
promtool check rules observability/alerts.yml
(cd observability && promtool test rules alerts_test.yml)

echo "-- the programs"
# `test.sh` has built them already.
[ -n "${BUILT:-}" ] || cargo build --quiet --package wechat-hub --package fake-wechat
exec python3 observability/run.py "${CARGO_TARGET_DIR:-target}/debug"
