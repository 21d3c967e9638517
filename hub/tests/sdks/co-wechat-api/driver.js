// Drives co-wechat-api: a command on each line of standard input, its outcome as JSON on standard output.
'use strict';

const { writeFile } = require('fs/promises');
const readline = require('readline');

const WechatAPI = require('co-wechat-api');
const WechatOAuth = require('co-wechat-oauth');

const { WECHAT_APP_ID: appId, WECHAT_SECRET: secret, WECHAT_BASE_URL: base, WECHAT_TOKEN_BASE_URL: tokenBase } = process.env;

// The SDK's class, with what it sends to `from` sent to `to`.
const moved = (Base, from, to) => class extends Base {
  request(url, ...rest) {
    return super.request(url.replace(from, to), ...rest);
  }
};

function throughProxy(hub) {
  const API = moved(WechatAPI, /^https?:\/\/(file\.)?api\.weixin\.qq\.com/, hub);
  const OAuth = moved(WechatOAuth, 'https://api.weixin.qq.com', hub);
  return { API, OAuth };
}

// Its calls go straight to WeChat, which is at `base` here.
function withToken(hub, WechatAPI) {
  const API = moved(WechatAPI, 'https://api.weixin.qq.com/cgi-bin/token', `${hub}/cgi-bin/token`);
  return API;
}

const { API: Moved, OAuth } = throughProxy(base);
const API = tokenBase ? withToken(tokenBase, Moved) : Moved;

const api = new API(appId, secret);
const oauth = new OAuth(appId, secret);

// What went wrong, without the URL that the SDK's texts have in them.
const brief = (error) => (typeof error.code === 'number' ? `errcode ${error.code}` : error.code || error.name);

const commands = {
  async calls(count) {
    const outcomes = await Promise.allSettled(Array.from({ length: Number(count) }, () => api.getFollowers()));
    const failed = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => brief(reason));
    const errors = {};
    for (const error of failed) errors[error] = (errors[error] || 0) + 1;
    return { ok: outcomes.length - failed.length, failed: failed.length, errors };
  },

  async upload(path) {
    return { ok: true, media_id: (await api.uploadImageMedia(path)).media_id };
  },

  async download(mediaId, path) {
    await writeFile(path, await api.getMedia(mediaId));
    return { ok: true };
  },

  async web_login(code) {
    return { ok: true, openid: (await oauth.getAccessToken(code)).data.openid };
  },

  async mini_login(code) {
    return { ok: true, openid: (await api.code2Session(code)).openid };
  },
};

const say = (outcome) => process.stdout.write(`${JSON.stringify(outcome)}\n`);

async function main() {
  const { version } = require('co-wechat-api/package.json');
  say({ ready: true, sdk: `co-wechat-api ${version}`, token_url_apart: true });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...rest] = line.split(' ');
    say(await commands[command](...rest).catch((error) => ({ ok: false, error: brief(error) })));
  }
}

// A connection that is kept open must not hold up the end.
main().then(() => process.exit(0));
