//! What events, labels and fields mean, in English and in Chinese; and the metrics' meanings in Chinese.

use super::{Both, Name};

pub(super) const COLUMNS: &[Both] = &[
    ["metric", "指标"],
    ["kind", "类型"],
    ["further label", "其他标签"],
    ["says", "含义"],
    ["event", "事件"],
    ["level", "级别"],
    ["fields", "字段"],
    ["when, and what to do", "何时出现，如何处理"],
    ["counts in", "计入的指标"],
    ["span", "span"],
    ["label or field", "标签或字段"],
    ["values", "取值"],
];

pub(super) const METRICS: &[Both] = &[
    ["Tokens minted here", "本进程获取的令牌数"],
    ["Mints that failed; a second try belongs to the first", "获取失败的次数；自动重试的那一次不另计"],
    ["Tokens taken from the store instead of minted", "没有重新获取、直接取自存储的令牌数"],
    ["Callers that had to wait for a token", "需要等待令牌的调用次数"],
    ["Those of them that joined a fetch under way", "其中加入了正在进行的获取的次数"],
    ["Answers in which WeChat rejected the token", "微信判令牌失效的响应数"],
    ["Rejected requests sent a second time", "令牌失效后重发的请求数"],
    ["Rejected requests without a second answer", "令牌失效后没有得到第二个响应的请求数"],
    ["Refreshes refused because a budget was spent", "因预算用完而被拒绝的刷新次数"],
    [
        "Times it looked as if another program minted for this app; once an hour at most",
        "疑似有别的程序也在为这个账号获取令牌；每小时最多计一次",
    ],
    ["Outages of the store, each counted once", "存储故障的次数，每次故障只计一次"],
    ["Tokens minted too late, and thrown away", "获取得太晚、因而作废的令牌数"],
    [
        "How long a mint took that went well, second and forced tries included",
        "一次成功的获取用了多久，包括重试和强制刷新",
    ],
    ["How long ago a token was minted that WeChat rejected", "被判失效的令牌是多久以前获取的"],
    [
        "What is left of the present token's life, as of the last second in which somebody asked for it",
        "当前令牌的剩余有效期，以最近一次有人使用它的那一秒为准",
    ],
];

// === events ===

pub(super) const MINTED: Both = [
    "There is a new token. Normal about every two hours for each app.",
    "得到了新令牌。正常情况下每个账号大约两小时一次。",
];
pub(super) const MINT_FAILED: Both = [
    "No token could be had, and nobody asks again for `pause_ms`. `error` says what to do; a good token that is still there is \
     served on.",
    "获取令牌失败，在 `pause_ms` 内不再尝试。`error` 说明如何处理；手里仍然有效的令牌继续使用。",
];
pub(super) const SHARED: Both =
    ["Another process had minted the token already.", "别的进程已经获取了令牌，直接使用它的。"];
pub(super) const WAITED: Both =
    ["A request found no good token, and waited for one.", "请求到来时没有可用的令牌，等到了一个。"];
pub(super) const COALESCED: Both =
    ["It waited for a fetch that another request had begun.", "等待的是另一个请求已经发起的获取。"];
pub(super) const REJECTED: Both = [
    "WeChat ended the token before its time (`errcode` 40001, 42001, 40014). It is replaced, and the request sent again. Now and \
     then is normal; every few minutes is another program that mints.",
    "令牌提前失效（`errcode` 为 40001、42001 或 40014）。随即刷新并重发请求。偶尔出现是正常的；每隔几分钟就有一次，说明有别的程序也在获取令牌。",
];
pub(super) const REJECTED_AGAIN: Both = [
    "The same news from the other requests that carried the same token.",
    "带着同一个令牌的其他请求，也得到了同样的响应。",
];
pub(super) const REPLAYED: Both =
    ["A rejected request went out again, with a better token.", "令牌失效的请求已换上新令牌重发。"];
pub(super) const NOT_REPLAYED: Both = [
    "The caller got WeChat's rejection: the request could not be sent again, or there was no better token. `why` has the reason.",
    "调用方收到了微信的失效响应：请求无法重发，或者没有更新的令牌。原因见 `why`。",
];
pub(super) const BUDGET_SPENT: Both = [
    "WeChat rejects one token after the other. Refreshing helps against nothing here, and is refused for `wait_ms`, so that the \
     day's quota is not used up. Find out why it rejects them.",
    "微信接连把令牌判为失效。刷新已无济于事，在 `wait_ms` 内不再刷新，以免耗尽当天的调用额度。请查明令牌为何失效。",
];
pub(super) const FOREIGN_MINTER: Both = [
    "The tokens die as they do when a second program mints for the app. `advice` says what to do about it.",
    "从令牌失效的规律看，像是有另一个程序也在为这个账号获取令牌。处理办法见 `advice`。",
];
pub(super) const STORE_FAILED: Both = [
    "The store cannot be used. Tokens that are there are served on. Then each process mints stable tokens for itself; classic ones are not \
     minted without the store.",
    "存储不可用。手里的令牌继续使用；到期后稳定版由各进程自己获取，普通令牌没有存储就不会获取。",
];
pub(super) const FENCED: Both = [
    "This process was too slow or stood still while it minted, and another one took over. Its own token is thrown away.",
    "本进程在获取期间过慢或被挂起，别的进程已经接手，它得到的令牌作废。",
];
pub(super) const PASSED_THROUGH: Both = [
    "A request went out as it was. The first thing to look at where WeChat answers 41001.",
    "请求原样发出，没有加令牌。微信返回 41001 时先看这里。",
];
pub(super) const PLACEHOLDER: Both = [
    "Said once in a process: code builds URLs with a placeholder for the token. Take it out.",
    "每个进程只提示一次：代码在 URL 里留了令牌占位符，请去掉。",
];
pub(super) const MAY_EVICT: Both = [
    "Said when the server is connected to. Tokens that Redis evicts are minted again, each at the cost of a mint.",
    "连接 Redis 时提示。被淘汰的令牌要重新获取，每次消耗一次调用额度。",
];

pub(super) const FETCH: Both = [
    "One fetch of a token: the mint, or what another process has minted. It has no parent, since it belongs to no single request; it \
     follows from the span of the request that came first.",
    "一次令牌获取：自己获取，或取用别的进程获取的令牌。它没有父 span，因为它不属于任何一个请求；它 follows_from 最先到来的那个请求的 span。",
];

// === labels and fields ===

/// With the values that they can have, where those are few words.
pub(super) const NAMES: &[Name] = &[
    (
        "account",
        &[],
        [
            "The account, as a hash of token endpoint and app (`AccountKey`). The same in metrics and events.",
            "账号，是由令牌接口和 AppID 算出的哈希（`AccountKey`）。在指标和事件里相同。",
        ],
    ),
    ("app", &[], ["The app's id. In events only.", "账号的 AppID 或 CorpID。只出现在事件里。"]),
    (
        "cause",
        &["cold", "ahead", "rejected", "forced"],
        [
            "Why a token was minted: there was none, it was near its end, WeChat had rejected it, or a normal mint had brought the \
             rejected one again.",
            "获取令牌的原因：还没有令牌；即将到期；被微信判为失效；普通获取又返回了那个失效的令牌，因而强制刷新。",
        ],
    ),
    ("errcode", &[], ["WeChat's code.", "微信的错误码。"]),
    (
        "why",
        &[],
        [
            "For a request that was not sent again, one word of `NotReplayed`: `refresh_failed`, `backed_off`, `body_too_large`, \
             `replay_memory_full`, `body_failed`, `answer_incomplete`, `service_not_ready`, `refused`, `timed_out`, `uri`. For one that \
             went out without a token, a sentence.",
            "请求未重发的原因，取值见 `NotReplayed`：`refresh_failed`、`backed_off`、`body_too_large`、`replay_memory_full`、`body_failed`、\
             `answer_incomplete`、`service_not_ready`、`refused`、`timed_out`、`uri`。请求未加令牌时是一句说明。",
        ],
    ),
    (
        "rid",
        &[],
        [
            "WeChat's id of the request, for its support and for the log search in the console.",
            "微信给出的请求 id，在微信开发者平台用“API 诊断”排查，或向微信官方反馈时使用。",
        ],
    ),
    ("hint", &[], ["WeCom's id of the request.", "企业微信给出的请求标识。"]),
    ("error", &[], ["What happened and what to do.", "发生了什么，怎么处理。"]),
    ("generation", &[], ["Which token: a later one has a higher number.", "第几代令牌：越新数字越大。"]),
    ("life_s", &[], ["How long the new token lives, in seconds.", "新令牌的有效期，秒。"]),
    ("took_ms", &[], ["How long the mint took, in milliseconds.", "获取用时，毫秒。"]),
    ("pause_ms", &[], ["How long nobody asks again, in milliseconds.", "退避多久，毫秒。"]),
    (
        "wait_ms",
        &[],
        ["How long until the budget has a refresh again, in milliseconds.", "预算恢复还需多久，毫秒。"],
    ),
    (
        "age_s",
        &[],
        ["How long ago the rejected token was minted, in seconds.", "失效的令牌是多少秒前获取的。"],
    ),
    ("advice", &[], ["What to do about the other program.", "怎样处理另一个程序。"]),
    (
        "host",
        &[],
        [
            "Where the request goes. Its path and query are not shown.",
            "请求发往的主机。不显示路径和查询参数。",
        ],
    ),
    ("policy", &[], ["Redis's `maxmemory-policy`.", "Redis 的 `maxmemory-policy`。"]),
];
