//! WeChat's own examples are those of
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html>.

mod callback;
mod crypto;
mod log;
mod message;
mod server;
mod signature;

const WECHATS_TOKEN: &str = "AAAAA";
const WECHATS_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const WECHATS_APP: &str = "wxba5fad812f8e6fb9";
const WECHATS_CIPHERTEXT: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8\
    TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2Iu\
    QrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";
const WECHATS_ANSWER: &str =
    "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==";

/// A key whose last character has bits beyond the 32 bytes, as most keys have.
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const APP: &str = fake_wechat::FakeWeChat::APP_ID;
