#!/usr/bin/env bash
# Installs wechatpy into the folder that is the argument.
set -euo pipefail
cd "$(dirname "$0")"
target=$1

cmp -s requirements.txt "$target/requirements.txt" && exit
python3 -m venv --clear "$target/venv"
"$target/venv/bin/pip" --quiet --disable-pip-version-check install --no-deps --requirement requirements.txt
cp requirements.txt "$target"
