import json
import subprocess
import unittest
import urllib.request


class Bot:
    """A client that asks for another token when WeChat rejects the one it has, and calls once more: the code under test."""

    def __init__(self, url, app_id, secret):
        self.url, self.app_id, self.secret, self.token = url, app_id, secret, None

    def call(self, path):
        for _ in range(2):
            self.token = self.token or self.fetch()
            with urllib.request.urlopen(f"{self.url}{path}?access_token={self.token}", timeout=1) as answer:
                found = json.load(answer)
            if found.get("errcode") not in (40001, 40014, 42001):
                break
            self.token = None
        return found

    def fetch(self):
        asked = {"grant_type": "client_credential", "appid": self.app_id, "secret": self.secret}
        with urllib.request.urlopen(f"{self.url}/cgi-bin/stable_token", json.dumps(asked).encode(), 1) as answer:
            found = json.load(answer)
        if "access_token" not in found:
            raise ValueError(f"no token: {found}")
        return found["access_token"]


class BotTest(unittest.TestCase):
    def setUp(self):
        self.wechat = subprocess.Popen(
            ["fake-wechat", "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.wechat.communicate)
        lines = [self.wechat.stdout.readline() for _ in range(3)]
        self.url, self.app_id, self.secret = (line.split()[-1] for line in lines)

    def fake(self, order, method="POST"):
        order = urllib.request.Request(f"{self.url}/_fake/{order}", method=method)
        with urllib.request.urlopen(order, timeout=10) as answer:
            return json.load(answer)

    def test_survives_a_revoke(self):
        bot = Bot(self.url, self.app_id, self.secret)
        self.assertEqual(bot.call("/cgi-bin/user/get")["total"], 3)
        self.fake("revoke")
        self.assertEqual(bot.call("/cgi-bin/user/get")["total"], 3)
        counters = self.fake("counters", "GET")
        self.assertEqual((counters["mints"], counters["api_errors"]), (2, {"40001": 1}))


if __name__ == "__main__":
    unittest.main()
