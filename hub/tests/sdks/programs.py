"""The programs that take part, each a process of its own that is ended by its id: the platform and the hub."""

import hashlib
import json
import os
import pathlib
import secrets
import subprocess
import tempfile
import threading
import urllib.request

APP_ID = "wx0123456789abcdef"
HUNG = 60  # Seconds after which a program that does not answer is killed.
TOKEN_MS, API_MS = 50, 10  # How long the platform's answers take, so that concurrent calls do meet.

# No proxy of this machine's owner comes between programs on loopback.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
ENVIRONMENT["NO_PROXY"] = ENVIRONMENT["no_proxy"] = "127.0.0.1,localhost"

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Trouble(Exception):
    """A program that does not do what it should."""


class Program:
    """A process that is asked by lines and answers by lines."""

    def __init__(self, command, folder=None, environment=()):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env={**ENVIRONMENT, **dict(environment)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def __enter__(self):
        return self

    def say(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # Its answer will be missing.

    def hear(self):
        killer = threading.Timer(HUNG, self.process.kill)
        killer.start()
        line = self.process.stdout.readline()
        killer.cancel()
        if not line:
            self.process.kill()
            code = self.process.wait()
            what = f"hung for {HUNG} s" if code == -9 else f"ended with {code}"
            raise Trouble(f"it {what}. {self.last_errors()}")
        return line.rstrip("\n")

    def hear_until(self, start):
        while not (line := self.hear()).startswith(start):
            pass
        return line.removeprefix(start)

    def last_errors(self):
        self.errors.seek(0)
        return " / ".join(self.errors.read().splitlines()[-5:])

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()


class Platform(Program):
    """`fake-wechat`, and its control calls."""

    def __init__(self, binaries):
        latency = ["--token-latency", TOKEN_MS, "--api-latency", API_MS]
        super().__init__([binaries / "fake-wechat", "--app-id", APP_ID, *latency])
        self.url = self.hear_until("fake-wechat listens on ")
        self.secret = self.hear_until("secret ")

    def control(self, call):
        with _direct.open(urllib.request.Request(f"{self.url}/_fake/{call}", method="POST"), timeout=HUNG) as answer:
            return json.load(answer)

    def look(self, call):
        with _direct.open(f"{self.url}/_fake/{call}", timeout=HUNG) as answer:
            return json.load(answer)

    def mints(self):
        return self.look("counters")["mints"]

    def seen(self, path):
        return [request for request in self.look("seen?last=10000")["requests"] if request["path"] == path]


class Hub(Program):
    """`wechat-hub serve` for one app, with a client for each right, and one that has both."""

    RIGHTS = {"proxy": ["proxy"], "token": ["token"], "both": ["token", "proxy"]}

    def __init__(self, binaries, platform):
        self.folder = tempfile.TemporaryDirectory()
        self.secrets = {client: secrets.token_hex(16) for client in self.RIGHTS}
        config = pathlib.Path(self.folder.name) / "hub.toml"
        config.touch(0o600)
        config.write_text(self._config(platform))
        super().__init__([binaries / "wechat-hub", "serve", "--config", config])
        self.url = self.hear_until("listening on ")

    def _config(self, platform):
        return f"""
            [listen]
            tcp = "127.0.0.1:0"
            [[app]]
            id = "{APP_ID}"
            secret = "{platform.secret}"
            base_url = "{platform.url}"
            keep_warm = false
        """ + "".join(
            f"""
            [[client]]
            name = "{client}"
            secret_sha256 = "{hashlib.sha256(secret.encode()).hexdigest()}"
            apps = ["{APP_ID}"]
            rights = {json.dumps(self.RIGHTS[client])}
            """
            for client, secret in self.secrets.items()
        )

    def __exit__(self, *raised):
        super().__exit__(*raised)
        self.folder.cleanup()
