#!/usr/bin/env python3
"""A real run of two hubs under a Prometheus, in which everything happens that the catalogue, the alerts and the dashboard tell of.

Nothing may be told that the catalogue does not list; every rule and every panel must have data. check.sh starts it.
"""

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlencode

import catalogue
from scene import BOT, CLASSIC, SECRET, STABLE, WEB, Fake, Hub, Program, ask, at_once, until

HERE = Path(__file__).resolve().parent

# What a hub does not do, or not on its own.
NOT_SAID = {
    "no TLS came about": "this hub has no TLS address",
    "no TLS came about in time": "this hub has no TLS address",
    "a request has": "requests of a hub have no placeholder: a test of the crate provokes it",
    "Redis may evict": "this hub has no Redis: a test of the crate provokes it",
}

# These need only what happens here; the others wait for minutes, which promtool's tests do.
MUST_FIRE = {
    "WeChatMintedTooLate",
    "WeChatRefreshesAreFutile",
    "WeChatBudgetSpent",
    "WeChatRejectionsReachCallers",
    "WeChatForeignMinter",
    "WeChatStoreFailed",
}


def main(programs):
    folder = Path(tempfile.mkdtemp(prefix="wechat-observability-"))
    folder.chmod(0o700)
    running = []
    began = time.monotonic()
    try:
        run(programs, folder, running)
    finally:
        for program in reversed(running):
            program.end()
        shutil.rmtree(folder)
    print(f"-- all is well, after {time.monotonic() - began:.0f} s")


def run(programs, folder, running):
    def start(kind, *arguments, **how):
        running.append(kind(programs, folder, *arguments, **how))
        return running[-1]

    stable, classic = fakes = [start(Fake, STABLE), start(Fake, CLASSIC)]
    hub = start(Hub, "first", fakes)
    # Six connections, and a variable that is none of the hub's.
    other = start(Hub, "second", fakes, files=70, WECHAT_HUB_LISTEN_TPC="127.0.0.1:0")
    prometheus = Prometheus(folder, [hub, other])
    running.append(prometheus)
    until("both are ready", lambda: all("wechat_hub_ready 1" in each.metrics() for each in (hub, other)))
    time.sleep(2)

    print("-- what happens")
    everyday(hub, other, stable)
    refused(hub)
    replaced(hub, stable)
    futile(hub, classic)
    crowd(hub, other)
    late(hub, other, stable)
    without_store(hub, folder, stable)
    failing(hub, stable)
    reloads(hub)
    environment(programs, folder, running)

    # A scrape or two, and an evaluation.
    time.sleep(3)
    print("-- metrics")
    metrics(hub)
    print("-- alerts")
    alerts(prometheus)
    print("-- dashboard")
    dashboard(prometheus)
    for program in (hub, other):
        program.end()
    print("-- events")
    events([hub, other, *[each for each in running if each not in (hub, other) and isinstance(each, Alone)]])


# === what happens ===


def everyday(hub, other, stable):
    present = hub.token(STABLE)
    poll = f"?newer_than={present['generation']}&wait=20"
    with at_once(1, lambda: hub.token(STABLE, poll)):
        until("it polls", lambda: 'wechat_hub_long_polls{client="bot"} 1' in hub.metrics())
        answered(hub, "total")
        # WeChat ends the token; nobody hears of it but in the metrics.
        stable.do("revoke")
        answered(hub, "total")
    other.token(STABLE, "?min_ttl=60")
    # One token for all who come at once, and wait.
    stable.do("latency", milliseconds=300, at="tokens")
    stable.do("revoke")
    with at_once(4, lambda: hub.call(STABLE)):
        pass
    stable.do("latency", milliseconds=0, at="tokens")
    # Asked for a second time, it is verified; and the day has two of that.
    for _ in range(4):
        hub.of_sdk(STABLE, BOT)
    # A call with a user's token, one that WeChat refuses, and one that breaks off.
    ask(hub.url, "GET", "/sns/userinfo?access_token=a-users-own&openid=o1")
    stable.do("fail_next", errcode=45009, at="apis")
    answered(hub, "45009")
    stable.do("fail", fault="reset", at="apis")
    answered(hub, "wechat-hub")
    stable.do("heal")


def answered(hub, text):
    answer = hub.call(STABLE)
    assert text in answer, answer


def refused(hub):
    for _ in range(8):
        assert hub.token(STABLE, secret="wrong") == 401
    assert hub.token(STABLE, secret=WEB) == 403
    assert hub.token("wxothers") == 404


def replaced(hub, stable):
    """The endpoint hands the rejected token out again, so that the hub forces; then another program does."""
    stable.do("revoke_unnoticed")
    answered(hub, "total")
    for _ in range(2):
        stable.do("advance", seconds=60)
        body = {"grant_type": "client_credential", "appid": STABLE, "secret": SECRET, "force_refresh": True}
        ask(stable.url, "POST", "/cgi-bin/stable_token", json.dumps(body))
        stable.do("advance", seconds=60)
        answered(hub, "total")


def futile(hub, classic):
    """Every new token is rejected, too."""
    classic.do("fail", errcode=40001, at="apis")
    for _ in range(8):
        hub.call(CLASSIC)
    classic.do("heal")


def crowd(hub, other):
    # What the other one hears of late would end the polls at once.
    same = lambda: hub.token(CLASSIC)["generation"] == other.token(CLASSIC)["generation"]
    until("both have the same token", same)
    present = other.token(CLASSIC)["generation"]
    with at_once(6, lambda: other.token(CLASSIC, f"?newer_than={present}&wait=8")):
        until("all are busy", lambda: 'wechat_hub_long_polls{client="bot"} 6' in other.metrics())
        quietly(lambda: other.token(CLASSIC))
        other.says("all of `connections` are busy")
    # And none at all, for want of file descriptors.
    before = resource.prlimit(other.pid, resource.RLIMIT_NOFILE, (3, 70))
    with at_once(1, lambda: quietly(lambda: other.token(CLASSIC))):
        other.says("a connection cannot be taken")
        resource.prlimit(other.pid, resource.RLIMIT_NOFILE, before)


def quietly(work):
    try:
        work()
    except (OSError, HTTPException):
        pass


def late(hub, other, stable):
    """A hub stands still while it mints, and the other one takes over."""
    present = hub.token(STABLE)["generation"]
    before = stable.counters()["token_requests"]
    stable.do("revoke")
    stable.do("latency", milliseconds=1000, at="tokens")
    with at_once(1, lambda: hub.refresh(STABLE, present)):
        # Before it renews its right to mint, for which it would lock the store.
        until("it mints", lambda: stable.counters()["token_requests"] > before)
        hub.signal(signal.SIGSTOP)
        try:
            assert other.refresh(STABLE, present) == 200
        finally:
            hub.signal(signal.SIGCONT)
    stable.do("latency", milliseconds=0, at="tokens")
    hub.says("minted too late")


def without_store(hub, folder, stable):
    store = folder / "store"
    store.rename(folder / "away")
    store.write_text("no folder")
    stable.do("revoke")
    answered(hub, "total")
    hub.says("the token store failed")
    store.unlink()
    (folder / "away").rename(store)


def failing(hub, stable):
    """No token is to be had."""
    stable.do("fail", errcode=40125, at="tokens")
    assert hub.refresh(STABLE, hub.token(STABLE)["generation"]) == 503
    hub.says("could not mint a token")


def reloads(hub):
    hub.signal(signal.SIGHUP)
    hub.says("the configuration was taken over")
    hub.says("SIGHUP ends the pause after a failure")
    until("the pauses stay", lambda: hub.signal(signal.SIGHUP) or "pauses after failures stay" in Path(hub.log).read_text())
    hub.write(tcp="127.0.0.1:1")
    hub.signal(signal.SIGHUP)
    hub.says("but for what needs a restart")
    hub.write(more="[[client]]\nname = 1\n")
    hub.signal(signal.SIGHUP)
    hub.says("was not taken over")


class Alone(Program):
    """A hub that is configured by its environment alone."""

    def __init__(self, programs, folder, stable):
        variables = {
            "RUST_LOG": "wechat_hub=trace,tower_wechat=trace",
            "NO_PROXY": "127.0.0.1",
            "WECHAT_HUB_LISTEN_UNIX": str(folder / "hub.sock"),
            "WECHAT_HUB_APP_ID": STABLE,
            "WECHAT_HUB_APP_SECRET": SECRET,
            "WECHAT_HUB_APP_BASE_URL": stable.url,
            "WECHAT_HUB_CLIENT_NAME": "web",
            "WECHAT_HUB_CLIENT_SECRET_SHA256": "0" * 64,
            "WECHAT_HUB_CLIENT_RIGHTS": "proxy",
        }
        command = [programs / "wechat-hub", "serve", "--log-format", "json"]
        super().__init__(folder / "alone.log", *command, env=variables)
        self.line()


def environment(programs, folder, running):
    running.append(Alone(programs, folder, running[0]))
    until("it says so", lambda: "key of the passes" in Path(running[-1].log).read_text())
    running[-1].end()


# === what was told ===


def metrics(hub):
    text = hub.metrics()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    known = catalogue.metrics()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    for name, kind in kinds.items():
        assert name in known, f"{name} is not in the catalogue"
        assert kind == known[name].kind, f"{name} is a {kind}"
        # The cache and the hub both tell this one, each in its words.
        of_both = name == "tower_wechat_token_expiry_seconds"
        assert of_both or helps[name] == known[name].help, f"{name}: {helps.get(name)}"
    for series in re.findall(r"^([a-z_]+)(?:\{(.*)\})? ", text, re.MULTILINE):
        name = series[0] if series[0] in known else re.sub("_(bucket|sum|count)$", "", series[0])
        labels = set(re.findall(r'([a-z_]+)="', series[1])) - {"le", "quantile"}
        assert labels == known[name].labels, f"{series}: {known[name].labels}"
    missing = set(known) - set(kinds)
    assert not missing, f"it does not tell {missing}"
    print(f"{len(kinds)} metrics, all of the catalogue and none beside it")


def events(programs):
    known, spans = catalogue.events(), catalogue.spans()
    seen = set()
    lines = [line for program in programs for line in Path(program.log).read_text().splitlines()]
    for text in lines:
        line = json.loads(text)
        found = [event for event in known if event.is_line(line)]
        assert found, f"it is not in the catalogue: {text}"
        seen.update(event.text for event in found)
        for span in line.get("spans", []):
            assert set(span) - {"name"} <= spans[span["name"]], f"the span is not in the catalogue: {text}"
        for secret in (SECRET, BOT, WEB, "access_token=", "http://"):
            assert secret not in text.replace("`access_token=`", ""), f"{secret} in {text}"
    missing = {event.text for event in known} - seen
    excused = {text for text in missing if any(text.startswith(begin) for begin in NOT_SAID)}
    assert missing == excused, f"nobody has said {missing - excused}"
    print(f"{len(lines)} lines, all in the catalogue; {len(seen)} of its {len(known)} events; not here:")
    for text in sorted(missing):
        reason = next(reason for begin, reason in NOT_SAID.items() if text.startswith(begin))
        print(f"   {text[:40]!r}…: {reason}")


class Prometheus(Program):
    def __init__(self, folder, hubs):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        targets = [hub.admin.removeprefix("http://") for hub in hubs]
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(HERE / "alerts.yml")],
            "scrape_configs": [{"job_name": "wechat-hub", "static_configs": [{"targets": targets}]}],
        }
        # JSON is YAML, too.
        (folder / "prometheus.yml").write_text(json.dumps(config))
        super().__init__(
            folder / "prometheus.log",
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        )
        until("Prometheus answers", self.answers)

    def answers(self):
        try:
            return ask(self.url, "GET", "/-/ready")[0] == 200
        except OSError:
            return False

    def api(self, path, **query):
        status, body = ask(self.url, "GET", f"/api/v1/{path}?{urlencode(query)}")
        assert status == 200, f"{query}: {body}"
        return json.loads(body)["data"]

    def has_data(self, expression):
        return any(each["value"][1] != "NaN" for each in self.api("query", query=expression)["result"])


def alerts(prometheus):
    until("every rule was evaluated", lambda: all(rule["health"] == "ok" for rule in rules(prometheus)))
    tests, runbook = (HERE / "alerts_test.yml").read_text(), []
    for rule in rules(prometheus):
        for name in set(re.findall(r"\b(?:tower_wechat|wechat_hub)_[a-z_]+|\bup\b", rule["query"])):
            assert prometheus.has_data(name), f"{rule['name']}: there is no {name}"
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, rule["name"]
        assert f"alertname: {rule['name']}\n" in tests, f"{rule['name']} has no test"
        runbook.append(rule["annotations"]["runbook"])
    check_anchors(runbook)
    firing = lambda: {rule["name"] for rule in rules(prometheus) if rule["state"] == "firing"}
    until(f"{MUST_FIRE - firing()} fire", lambda: MUST_FIRE <= firing())
    print(f"{len(rules(prometheus))} rules, with data; firing: {', '.join(sorted(firing()))}")


def rules(prometheus):
    return [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]


def check_anchors(links):
    for language in ("docs", "docs/zh-CN"):
        page = HERE.parent / language / "operating/runbook.md"
        if not page.exists():
            continue
        text = page.read_text()
        anchors = set(re.findall(r'id="([^"]+)"|\{#([^}]+)\}', text))
        anchors = {anchor for both in anchors for anchor in both if anchor}
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        anchors |= {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings}
        for link in links:
            assert link.split("#")[1] in anchors, f"{page} has no #{link.split('#')[1]}"


def dashboard(prometheus):
    board = json.loads((HERE / "grafana-dashboard.json").read_text())
    variables = {"$account": ".*", "$app": ".*", "$__rate_interval": "1m"}
    assert {each["name"] for each in board["templating"]["list"]} == {"datasource", "app", "account"}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    expressions = 0
    for panel in board["panels"]:
        assert panel["type"] in {"row", "stat", "table", "timeseries"}, panel["type"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24 and place["h"] > 0, panel["title"]
        for target in panel.get("targets", []):
            assert target["datasource"]["uid"] == "${datasource}", panel["title"]
            expression = target["expr"]
            for name, value in variables.items():
                expression = expression.replace(name, value)
            assert "$" not in expression, expression
            assert prometheus.has_data(expression), f"{panel['title']}: no data for {expression}"
            expressions += 1
    for variable in board["templating"]["list"][1:]:
        query = variable["query"]["query"]
        label = re.fullmatch(r"label_values\((\w+), (\w+)\)", query)
        if label:
            query = f"count by ({label[2]}) ({label[1]})"
        else:
            query = re.fullmatch(r"query_result\((.*)\)", query)[1].replace("$app", ".*")
        assert prometheus.has_data(query), f"${variable['name']}: no data for {query}"
    told = json.dumps(board)
    untold = [name for name in catalogue.metrics() if name not in told]
    assert not untold, f"the dashboard does not show {untold}"
    print(f"{expressions} expressions, all with data, and every metric of the catalogue is in one")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
