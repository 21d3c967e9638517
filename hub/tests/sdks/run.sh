#!/usr/bin/env bash
# Has SDKs of others, installed with fixed versions into target/sdks, work with WeChat through the hub.
#
# usage: hub/tests/sdks/run.sh [--only SDK] [--mode alone|proxy|token] [--out FILE]...
set -euo pipefail
cd "$(dirname "$0")/../../.."

export NO_PROXY="localhost,127.0.0.1${NO_PROXY:+,$NO_PROXY}"

hub/tests/sdks/check_docs.py
# `test.sh` has built the programs already.
[ -n "${BUILT:-}" ] || cargo build --quiet --package fake-wechat --package wechat-hub
exec hub/tests/sdks/run.py "$@"
