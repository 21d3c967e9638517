#!/usr/bin/env bash
# Installs co-wechat-api and co-wechat-oauth into the folder that is the argument, beside a copy of the driver.
set -euo pipefail
cd "$(dirname "$0")"
target=$1

cp driver.js "$target"
[ -d "$target/node_modules" ] && cmp -s package-lock.json "$target/package-lock.json" && exit
cp package.json package-lock.json "$target"
npm ci --prefix "$target" --silent --no-audit --no-fund --ignore-scripts
