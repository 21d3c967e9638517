//! What events, labels and fields mean, in English and in Chinese; and the metrics' meanings in Chinese.

use super::{Both, Name};

pub(super) const COLUMNS: &[Both] = &[
    ["metric", "指标"],
    ["kind", "类型"],
    ["labels", "标签"],
    ["says", "含义"],
    ["event", "事件"],
    ["level", "级别"],
    ["fields", "字段"],
    ["when, and what to do", "何时出现，如何处理"],
    ["label or field", "标签或字段"],
    ["values", "取值"],
];

pub(super) const METRICS: &[Both] = &[
    ["Tokens handed out", "发出的令牌数"],
    ["Passes handed out", "发出的通行令牌数"],
    ["Calls of APIs that were answered", "得到响应的接口调用数"],
    ["Calls of the hub's own that made sure of a token", "中控服务器自己为确认令牌是否有效而发起的调用数"],
    ["Requests refused", "被拒绝的请求数"],
    [
        "Connections to the hub's listeners, without those to its admin address",
        "中控服务器监听地址上的连接数，不含管理地址",
    ],
    ["Those of them on which no request is being answered", "其中空闲的连接数"],
    [
        "What /readyz says: 1 once every app that is kept warm has a token, else 0",
        "即 /readyz 的结果：所有 keep_warm 的账号都有令牌时为 1，否则为 0",
    ],
    ["Questions that wait for a later token", "正在等待新令牌的长轮询数"],
    [
        "When the client last asked for anything, since 1970; absent before the first time",
        "客户端最近一次请求的时间（Unix 时间）；从未请求过则没有",
    ],
    [
        "1 for each app: which account it is in the other metrics, and its platform",
        "每个账号恒为 1：AppID 在其他指标里对应哪个 account，属于哪个平台",
    ],
    ["What is left of the present token's life; zero without one", "当前令牌的剩余有效期；没有令牌时为 0"],
    ["Refreshes in answer to rejections that the budget has left", "预算里还剩多少次因失效而进行的刷新"],
    ["How many of them may bring a token that is rejected, too", "其中还允许多少次刷新后仍然失效"],
    [
        "1 while a failure or a spent budget forbids to replace the token, else 0",
        "因获取失败或预算用完而不能更换令牌时为 1，否则为 0",
    ],
    ["1 if the store could not be used the last time, else 0", "最近一次使用存储失败时为 1，否则为 0"],
];

// === events ===

pub(super) const REFUSED: Both = [
    "A request was refused: a wrong secret (401), a right, an app or a path that the client lacks (403, 404), too many requests (429), no \
     token to be had (503).",
    "请求被拒绝：密钥错误（401）；客户端没有这项权限，或不能用这个账号或路径（403、404）；请求过多（429）；没有可用的令牌（503）。",
];
pub(super) const ANSWERED: Both =
    ["A call through the hub had its answer.", "经过中控服务器的调用得到了响应。"];
pub(super) const CALL_REFUSED: Both = [
    "WeChat answered a call through the hub with an error code. The client got that answer.",
    "经过中控服务器的调用，微信返回了错误码；响应已原样交给客户端。",
];
pub(super) const NO_ANSWER: Both = [
    "A call through the hub broke off before its answer. The client was told so with status 502.",
    "调用在得到响应之前中断，客户端收到状态码 502。",
];
pub(super) const VERIFIED: Both = [
    "A client asked for a token that it had already, and the hub tried it with a call of its own first.",
    "客户端再次来要它已有的令牌，中控服务器先用一次调用确认令牌是否有效。",
];
pub(super) const NO_VERIFICATION_LEFT: Both = [
    "Clients ask for tokens that they have more often than `a_day` allows to verify. Find the client that does not keep its token.",
    "客户端反复来要已有的令牌，超过了 `a_day` 允许的确认次数。请找出没有缓存令牌的客户端。",
];
pub(super) const CONNECTED: Both = ["A connection was taken.", "接受了一个连接。"];
pub(super) const NO_ROOM: Both = [
    "There were as many connections as `[limits] connections` allows, and none was idle.",
    "连接数达到 `[limits] connections`，且没有空闲连接可以关闭。",
];
pub(super) const NOT_TAKEN: Both = [
    "The operating system gave no connection, such as for want of file descriptors: raise their limit.",
    "操作系统无法给出连接，例如文件描述符用尽：请调高上限。",
];
pub(super) const NO_TLS: Both = [
    "A TLS handshake failed, such as for a client that does not know the certificate.",
    "TLS 握手失败，例如客户端不信任证书。",
];
pub(super) const NO_TLS_IN_TIME: Both =
    ["A TLS handshake took longer than `header_timeout`.", "TLS 握手超过了 `header_timeout`。"];
pub(super) const TAKEN_OVER: Both = ["After SIGHUP.", "收到 SIGHUP 之后。"];
pub(super) const TAKEN_OVER_IN_PART: Both = [
    "After SIGHUP: listeners, the store and the pass key are as they were until the hub is started again.",
    "收到 SIGHUP 之后：监听地址、存储和通行令牌密钥要重启才会改变。",
];
pub(super) const NOT_TAKEN_OVER: Both = [
    "After SIGHUP: the configuration has a fault, which is named with its line.",
    "收到 SIGHUP 之后：配置有错误，会指出在哪一行。",
];
pub(super) const RETRIED: Both = [
    "After SIGHUP, for each app that may not ask because of a failure. How it goes is in the next line of the app.",
    "收到 SIGHUP 之后，每个因失败而暂停获取的账号各一条。结果见该账号的下一条日志。",
];
pub(super) const PAUSES_STAY: Both = [
    "After SIGHUP, if it came too often: the quota of token calls is kept for what needs it. The hub asks when its pause is over.",
    "SIGHUP 来得过于频繁：为节省获取令牌的额度，暂停照旧，到时间后中控服务器会自己再试。",
];
pub(super) const UNKNOWN_VARIABLE: Both =
    ["At the start. Its name may be misspelt.", "启动时。变量名可能写错了。"];
pub(super) const FEW_DESCRIPTORS: Both = [
    "At the start: the limit of file descriptors is lower than `connections` needs.",
    "启动时：文件描述符上限低于 `connections` 的需要。",
];
pub(super) const PASS_KEY_NOT_KEPT: Both = [
    "At the start, without a configuration file. After a restart clients need new passes, and get them by asking.",
    "启动时，没有配置文件。重启后客户端需要新的通行令牌，再来要一次即可。",
];
pub(super) const ENDING: Both = ["After SIGTERM or SIGINT.", "收到 SIGTERM 或 SIGINT 之后。"];
pub(super) const ENDED: Both = ["All of that is done.", "以上都已完成。"];

// === labels and fields ===

/// With the values that they can have, where those are few words.
pub(super) const NAMES: &[Name] = &[
    (
        "client",
        &[],
        [
            "The client's name in the configuration. Empty where a call with an app's own token may be of several.",
            "配置里的客户端名。调用带的是账号真正的令牌，而且可能来自几个客户端时，为空。",
        ],
    ),
    ("app", &[], ["The app's id.", "账号的 AppID 或 CorpID。"]),
    ("account", &[], ["The account of the layer's metrics.", "中间件层指标里的 `account`。"]),
    ("platform", &["wechat", "wecom"], ["Whose API it is.", "所属平台：微信或企业微信。"]),
    (
        "outcome",
        &["forwarded", "replayed", "not-replayed"],
        [
            "What the hub did for a call: its token was taken; it was rejected, and the call sent again; or not sent again. In events with \
             `errcode` and the reason.",
            "中控服务器做了什么：令牌有效，直接转发；令牌失效并已重发；令牌失效而未重发。事件里还有 `errcode` 和原因。",
        ],
    ),
    ("status", &[], ["The HTTP status, as protocol v1 has it.", "HTTP 状态码（按协议 v1）。"]),
    (
        "peer",
        &[],
        [
            "Who is at the other end: an address, or a process on the Unix socket.",
            "对端：网络地址，或 Unix socket 上的进程。",
        ],
    ),
    ("path", &[], ["The path of the call, without its query.", "调用的路径，不含参数。"]),
    ("errcode", &[], ["WeChat's code.", "微信的错误码。"]),
    ("rid", &[], ["WeChat's id of the request.", "微信给出的请求 id。"]),
    ("hint", &[], ["WeCom's id of the request.", "企业微信给出的请求标识。"]),
    ("rejected", &["true", "false"], ["Whether the token was rejected.", "令牌是否已失效。"]),
    ("error", &[], ["What happened.", "发生了什么。"]),
];
