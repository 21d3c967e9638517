//! All texts of the status page, in both languages. `{}` is where something is put in, in order.

macro_rules! texts {
    ($($name:ident: $english:literal, $chinese:literal;)*) => {
        /// The texts of one language.
        pub(super) struct Texts {
            $(pub(super) $name: &'static str,)*
        }

        pub(super) static ENGLISH: Texts = Texts { $($name: $english,)* };
        pub(super) static CHINESE: Texts = Texts { $($name: $chinese,)* };
    };
}

texts! {
    tag: "en", "zh-CN";
    title: "WeChat hub", "微信中控服务器";

    // === the whole ===
    all_well: "All is well", "一切正常";
    attention: "{} of {} apps need attention", "{} / {} 个账号需要处理";
    ending: "Ending", "正在退出";
    as_of: "{} UTC", "{} UTC";
    lost: "The hub does not answer. What you see is old.", "中控服务器没有响应，以下内容已过时。";
    connections: "Connections", "连接数";
    idle: "idle", "空闲";
    long_polls: "Long polls", "长轮询";
    mints_today: "Mints, 24 h", "24 小时获取";
    failures_today: "Failed, 24 h", "24 小时失败";

    // === an app ===
    apps: "Apps", "账号";
    no_apps: "The configuration has no apps.", "配置中没有账号。";
    good: "Good", "正常";
    near_end: "Near its end", "即将到期";
    none: "No token", "没有令牌";
    held_back: "Held back", "暂停获取";
    warm: "kept warm", "提前获取";
    on_demand: "on demand", "按需获取";
    token: "token", "令牌";
    age: "{} old", "已用 {}";
    left: "{} left", "剩余 {}";
    no_token_warm: "There is none yet; the hub keeps trying.", "还没有令牌，中控服务器会不断重试。";
    no_token_on_demand: "It is fetched when somebody asks.", "有请求时才获取。";
    mints: "Mints by hour", "每小时获取次数";
    no_mints: "No mints in the last 24 hours.", "最近 24 小时没有获取。";
    mints_shown: "Mints in the last 24 hours: {}", "最近 24 小时获取次数：{}";
    hours_ago: "24 h ago", "24 小时前";
    now: "now", "现在";
    cold: "cold", "首次";
    ahead: "ahead", "提前";
    rejected: "rejected", "失效";
    forced: "forced", "强制";
    budget: "Refreshes left", "剩余刷新次数";
    budget_futile: "{} if they do not help", "没有用的最多 {}";
    failures: "Failed mints, 24 h", "24 小时获取失败";
    outages: "Store outages, 24 h", "24 小时存储故障";
    store_down: "down now", "当前不可用";

    // === trouble ===
    last_error: "Last error", "最近错误";
    ago: "{} ago", "{}前";
    over: "a token came after it", "之后已获取到令牌";
    no_mint_for: "No mint for {}", "{}内不再获取";
    code: "errcode", "errcode";
    for_support: "Name the rid to the platform's support.", "向平台客服反馈时请提供 rid。";

    // === what to do ===
    fix_secret: "Compare the app secret with the one in the platform's console; somebody may have reset it.",
        "请核对平台后台的 AppSecret，可能已被重置。";
    fix_app: "Check the app id, and that it belongs to this platform.",
        "请检查 AppID，并确认它属于这个平台。";
    fix_address: "Put the hub's address on the IP allow-list in the platform's console.",
        "请在平台后台把中控服务器的 IP 加入白名单。";
    fix_quota: "The quota of token calls is used up. Find out who else fetches tokens for this app.",
        "获取令牌的额度已用完，请找出还有谁在为这个账号获取令牌。";
    fix_frozen: "The account or its secret is frozen or barred: its owner finds the reason in the platform's console.",
        "账号或密钥被冻结或限制，请账号所有者在平台后台查看原因。";
    fix_confirm: "An administrator of the account must confirm the call in WeChat.",
        "需要账号的管理员在微信中确认这次调用。";
    fix_network: "The hub cannot reach the platform: look at the network, DNS and proxy of its host.",
        "中控服务器连不上平台，请检查主机的网络、DNS 和代理。";
    fix_nothing: "Nothing to do: the hub tries again by itself.",
        "无需处理，中控服务器会自动重试。";
    fix_rejections: "Tokens are rejected soon after they were minted: find out which API rejects them, and whether another program mints for this app.",
        "令牌获取后很快失效，请检查是哪个接口判的，以及是否有别的程序也在为这个账号获取令牌。";
    fix_store: "The shared store cannot be used: look whether it runs and can be reached.",
        "共享的存储不可用，请检查它是否在运行、能否连上。";
    fix_said: "The text says what to do.", "请按下面的文字处理。";
    fix_unknown: "Look the code up in the platform's list of error codes.",
        "请在平台的错误码列表中查询这个错误码。";

    // === clients ===
    clients: "Clients", "客户端";
    no_clients: "The configuration has no clients.", "配置中没有客户端。";
    client: "Client", "客户端";
    rights: "Rights", "权限";
    last_seen: "Last seen", "最近请求";
    never: "never", "从未";
    just_now: "just now", "刚刚";

    // === units ===
    days: "{} d", "{} 天";
    hours: "{} h", "{} 小时";
    minutes: "{} min", "{} 分钟";
    seconds: "{} s", "{} 秒";
}

/// Puts values into a text, in order.
pub(super) fn fill(text: &str, values: &[&str]) -> String {
    values.iter().fold(text.to_owned(), |text, value| text.replacen("{}", value, 1))
}
