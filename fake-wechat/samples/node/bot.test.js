import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, test } from "node:test";

// A client that asks for another token when WeChat rejects the one it has, and calls once more: the code under test.
class Bot {
  constructor(url, appId, secret) {
    Object.assign(this, { url, appId, secret });
  }

  async call(path) {
    let found;
    for (let attempt = 0; attempt < 2; attempt++) {
      this.token ??= await this.fetch();
      found = await (await fetch(`${this.url}${path}?access_token=${this.token}`)).json();
      if (![40001, 40014, 42001].includes(found.errcode)) break;
      this.token = undefined;
    }
    return found;
  }

  async fetch() {
    const asked = { grant_type: "client_credential", appid: this.appId, secret: this.secret };
    const answer = await fetch(`${this.url}/cgi-bin/stable_token`, { method: "POST", body: JSON.stringify(asked) });
    return (await answer.json()).access_token;
  }
}

let wechat, url, appId, secret;

beforeEach(async () => {
  wechat = spawn("fake-wechat", ["--until-eof"], { stdio: ["pipe", "pipe", "inherit"] });
  const said = [];
  for await (const line of createInterface({ input: wechat.stdout })) {
    said.push(line.split(" ").at(-1));
    if (said.length === 3) break;
  }
  [url, appId, secret] = said;
});

afterEach(() => wechat.kill());

const fake = async (order, method = "POST") => (await fetch(`${url}/_fake/${order}`, { method })).json();

test("survives a revoke", async () => {
  const bot = new Bot(url, appId, secret);
  assert.equal((await bot.call("/cgi-bin/user/get")).total, 3);
  await fake("revoke");
  assert.equal((await bot.call("/cgi-bin/user/get")).total, 3);
  const counters = await fake("counters", "GET");
  assert.equal(counters.mints, 2);
  assert.deepEqual(counters.api_errors, { 40001: 1 });
});
