"""Drives wechatpy: a command on each line of standard input, its outcome as JSON on standard output."""

import collections
import concurrent.futures
import json
import os
import sys

import wechatpy
from requests.adapters import HTTPAdapter
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatException
from wechatpy.oauth import WeChatOAuth

app_id, secret = os.environ["WECHAT_APP_ID"], os.environ["WECHAT_SECRET"]
base, token_base = os.environ["WECHAT_BASE_URL"], os.environ.get("WECHAT_TOKEN_BASE_URL")


class To(HTTPAdapter):
    """Sends what is for WeChat to another address."""

    def __init__(self, address):
        super().__init__()
        self.address = address

    def send(self, request, **options):
        request.url = request.url.replace("https://api.weixin.qq.com", self.address)
        return super().send(request, **options)


def through_proxy(hub):
    client = WeChatClient(app_id, secret)
    client._http.mount("https://api.weixin.qq.com/", To(hub))
    return client


def with_token(hub):
    client = WeChatClient(app_id, secret)
    client._http.mount("https://api.weixin.qq.com/cgi-bin/token", To(hub))
    # Its calls go straight to WeChat, which is at `base` here.
    client._http.mount("https://api.weixin.qq.com/", To(base))
    return client


def logins(hub):
    oauth = WeChatOAuth(app_id, secret, redirect_uri="")
    oauth._http.mount("https://api.weixin.qq.com/", To(hub))
    return oauth


client = with_token(token_base) if token_base else through_proxy(base)
oauth = logins(base)


def brief(error):
    """What went wrong, without the URL that the texts of `requests` have in them."""
    if not isinstance(error, WeChatException):
        return type(error).__name__
    return f"errcode {error.errcode}" if error.errcode else f"HTTP status {error.response.status_code}"


def followers(_):
    try:
        client.user.get_followers()
    except Exception as error:
        return brief(error)


def calls(count):
    with concurrent.futures.ThreadPoolExecutor(int(count)) as threads:
        errors = collections.Counter(filter(None, threads.map(followers, range(int(count)))))
    failed = sum(errors.values())
    return {"ok": int(count) - failed, "failed": failed, "errors": errors}


def upload(path):
    with open(path, "rb") as picture:
        return {"ok": True, "media_id": client.media.upload("image", picture)["media_id"]}


def download(media_id, path):
    answer = client.media.download(media_id)
    with open(path, "wb") as picture:
        picture.write(answer.content)
    return {"ok": True}


def web_login(code):
    return {"ok": True, "openid": oauth.fetch_access_token(code)["openid"]}


def mini_login(code):
    return {"ok": True, "openid": client.wxa.code_to_session(code)["openid"]}


def say(outcome):
    print(json.dumps(outcome), flush=True)


COMMANDS = {each.__name__: each for each in (calls, upload, download, web_login, mini_login)}

say({"ready": True, "sdk": f"wechatpy {wechatpy.__version__}", "token_url_apart": True})
for line in sys.stdin:
    command, *arguments = line.split()
    try:
        say(COMMANDS[command](*arguments))
    except Exception as error:
        say({"ok": False, "error": brief(error)})
