"""The programs of a run, and what happens to them."""

import hashlib
import http.client
import json
import os
import resource
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

STABLE, CLASSIC, SECRET = "wxstable", "wxclassic", "0123456789abcdef0123456789abcdef"
BOT, WEB = "the-secret-of-the-bot-0000000000", "the-secret-of-the-web-0000000000"


def ask(base, method, path, body=None, secret=None, timeout=20):
    """Status and body of one request on a connection of its own."""
    url = urlsplit(base)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def until(what, holds, longest=20):
    end = time.monotonic() + longest
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"not within {longest} s: {what}")
        time.sleep(0.05)


class Program:
    """A process, which is ended with this."""

    def __init__(self, log, *command, **how):
        self.log = log
        with open(log, "w") as file:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True, **how)
        self.pid = self.process.pid

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"it has ended: {Path(self.log).read_text()}")
        return line.split()[-1]

    def signal(self, which):
        self.process.send_signal(which)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Fake(Program):
    def __init__(self, programs, folder, app):
        command = [programs / "fake-wechat", "--app-id", app, "--app-secret", SECRET]
        super().__init__(folder / f"{app}.log", *command)
        self.app, self.url = app, self.line()

    def do(self, what, **how):
        status, body = ask(self.url, "POST", f"/_fake/{what}?{urlencode(how)}")
        assert status == 200, body

    def counters(self):
        return json.loads(ask(self.url, "GET", "/_fake/counters")[1])


class Hub(Program):
    """A hub over both fakes, with a store that it shares."""

    def __init__(self, programs, folder, name, fakes, files=4096, **variables):
        self.folder = folder / name
        self.folder.mkdir()
        self.config = self.folder / "hub.toml"
        self.fakes = fakes
        self.write()
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        variables |= {"RUST_LOG": "wechat_hub=trace,tower_wechat=trace", "NO_PROXY": "127.0.0.1"}
        command = [programs / "wechat-hub", "serve", "--log-format", "json", "--config", self.config]
        super().__init__(self.folder / "log", *command, env=variables, preexec_fn=limit)
        self.url, self.admin = self.line(), self.line()

    def write(self, tcp="127.0.0.1:0", more=""):
        apps = "".join(
            f'[[app]]\nid = "{fake.app}"\nkind = "{fake.app[2:]}"\nsecret = "{SECRET}"\nbase_url = "{fake.url}"\n'
            for fake in self.fakes
        )
        client = lambda name, secret, apps, rights: (
            f'[[client]]\nname = "{name}"\nsecret_sha256 = "{hashlib.sha256(secret.encode()).hexdigest()}"\n'
            f"apps = {json.dumps(apps)}\nrights = {json.dumps(rights)}\n"
        )
        text = (
            f'[listen]\ntcp = "{tcp}"\n[admin]\ntcp = "127.0.0.1:0"\n'
            f'[store]\nkind = "file"\ndir = "../store"\n[verify]\nat_most_every = "0s"\na_day = 2\n'
            + apps
            + client("bot", BOT, [STABLE, CLASSIC], ["token", "refresh"])
            + client("web", WEB, [STABLE, CLASSIC], ["proxy"])
            + more
        )
        self.config.touch(0o600)
        self.config.write_text(text)

    # What its clients do.

    def token(self, app, query="", secret=BOT):
        status, body = ask(self.url, "GET", f"/v1/apps/{app}/token{query}", secret=secret)
        return json.loads(body) if status == 200 else status

    def refresh(self, app, generation):
        return ask(self.url, "POST", f"/v1/apps/{app}/refresh", json.dumps({"rejected": generation}), BOT)[0]

    def of_sdk(self, app, secret):
        """The token, or the pass, that an SDK gets."""
        query = urlencode({"grant_type": "client_credential", "appid": app, "secret": secret})
        return json.loads(ask(self.url, "GET", f"/cgi-bin/token?{query}")[1]).get("access_token")

    def call(self, app, path="/cgi-bin/user/get"):
        """A call through the hub, by an SDK."""
        return ask(self.url, "GET", f"{path}?access_token={self.of_sdk(app, WEB)}")[1]

    # What it tells.

    def metrics(self):
        return ask(self.admin, "GET", "/metrics")[1]

    def says(self, text):
        until(f"it says {text!r}", lambda: text in Path(self.log).read_text())


@contextmanager
def at_once(count, work):
    """Does this in so many threads meanwhile."""
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(20)
