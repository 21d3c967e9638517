import http.client
import threading
import unittest

import test_bot


class RecipesTest(test_bot.BotTest):
    def setUp(self):
        super().setUp()
        self.bot = test_bot.Bot(self.url, self.app_id, self.secret)

    def test_expires_while_it_runs(self):
        self.bot.call("/cgi-bin/user/get")
        self.fake("advance?seconds=7200")
        self.assertEqual(self.bot.call("/cgi-bin/user/get")["total"], 3)
        self.assertEqual(self.fake("counters", "GET")["api_errors"], {"42001": 1})

    def test_the_day_s_quota_is_spent(self):
        self.fake("fail?errcode=45009&at=tokens")
        with self.assertRaisesRegex(ValueError, "45009"):
            self.bot.call("/cgi-bin/user/get")
        self.assertEqual(self.fake("counters", "GET")["token_requests"], 1)

    def test_the_address_is_not_allowed(self):
        self.fake("fail?errcode=40164&at=tokens")
        with self.assertRaisesRegex(ValueError, "invalid ip 127.0.0.1"):
            self.bot.call("/cgi-bin/user/get")

    def test_the_token_endpoint_hangs(self):
        self.fake("fail_next?fault=hang&at=tokens")
        with self.assertRaises(TimeoutError):
            self.bot.call("/cgi-bin/user/get")

    def test_an_answer_is_cut_off(self):
        self.fake("fail_next?fault=cut_off")
        with self.assertRaises(http.client.IncompleteRead):
            self.bot.call("/cgi-bin/user/get")
        self.assertEqual(self.fake("counters", "GET")["api_requests"], 1)

    def test_two_callers_ask_at_the_same_time(self):
        self.fake("hold?at=tokens")
        callers = [threading.Thread(target=self.bot.call, args=["/cgi-bin/user/get"]) for _ in range(2)]
        for caller in callers:
            caller.start()
        self.fake("wait?at=tokens&requests=2", "GET")
        self.fake("release?at=tokens")
        for caller in callers:
            caller.join()
        # Where callers share a question, wait for 1 and expect 1.
        self.assertEqual(self.fake("counters", "GET")["token_requests"], 2)


if __name__ == "__main__":
    unittest.main()
