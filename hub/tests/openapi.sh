#!/usr/bin/env bash
# Holds `hub/openapi.yaml` against a running hub, with schemathesis: what the description says is what the hub does, and what it
# does not say is refused as it says.
#
# usage: hub/tests/openapi.sh [EXAMPLES [SEED]]   questions of each kind; 100 unless said otherwise. The same questions each time,
#                                                 or those that the seed gives: `random` for others each time.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly SCHEMATHESIS=4.32.5
seed=${2:-10}
if [ "$seed" = random ]; then
    seed=$RANDOM$RANDOM
fi
venv=target/schemathesis-$SCHEMATHESIS
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install "schemathesis==$SCHEMATHESIS"
fi

# `test.sh` has built the programs already.
[ -n "${BUILT:-}" ] || cargo build --quiet --package fake-wechat --package wechat-hub
bin=${CARGO_TARGET_DIR:-target}/debug
folder=$(mktemp -d)
pids=()
# Ends what was started here, by its id.
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$folder"' EXIT

# Waits for the line that a program says when it listens, and gives what stands behind these words.
address() {
    for _ in $(seq 200); do
        sed -n "s|.*$2||p" "$1" | grep . && return
        sleep 0.05
    done
    echo "it does not listen: $(cat "$1")" >&2
    return 1
}

"$bin/fake-wechat" >"$folder/wechat" &
pids+=($!)
wechat=$(address "$folder/wechat" "fake-wechat listens on ")
app_secret=$(address "$folder/wechat" "secret ")

secret=0123456789abcdef0123456789abcdef
hash=$(printf %s "$secret" | sha256sum | cut -d' ' -f1)
WECHAT_HUB_LISTEN_TCP=127.0.0.1:0 WECHAT_HUB_APP_ID=wx0123456789abcdef WECHAT_HUB_APP_SECRET=$app_secret \
    WECHAT_HUB_APP_BASE_URL=$wechat WECHAT_HUB_CLIENT_NAME=all WECHAT_HUB_CLIENT_SECRET_SHA256=$hash \
    WECHAT_HUB_CLIENT_RIGHTS=token,refresh "$bin/wechat-hub" serve >"$folder/hub" 2>"$folder/log" &
pids+=($!)
hub=$(address "$folder/hub" "listening on ")

# The app is one that is there, and then nobody's.
for app in wx0123456789abcdef nobody; do
    cat >"$folder/schemathesis.toml" <<CONFIG
[parameters]
"path.app" = "$app"
"query.wait" = 1
# 422: no token lives as long as is asked.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 404, 422]
CONFIG
    "$venv/bin/schemathesis" --config-file "$folder/schemathesis.toml" run hub/openapi.yaml --url "$hub" \
        --header "Authorization: Bearer $secret" --checks all --max-examples "${1:-100}" --seed "$seed" --no-color
done
