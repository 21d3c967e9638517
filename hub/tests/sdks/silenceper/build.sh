#!/usr/bin/env bash
# Builds the driver with silenceper/wechat into the folder that is the argument.
set -euo pipefail
cd "$(dirname "$0")"

go build -o "$1/driver" .
