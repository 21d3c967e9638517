use super::{WECHATS_ANSWER, WECHATS_CIPHERTEXT, WECHATS_TOKEN};
use crate::signature::{is_signed, sign};

#[test]
fn wechats_own_examples() {
    let token = WECHATS_TOKEN;
    assert_eq!(sign([token, "1714036504", "1514711492"]), "f464b24fc39322e44b38aa78f5edd27bd1441696");
    assert_eq!(sign([token, "1714037059", "486452656"]), "899cf89e464efb63f54ddac96b0a0a235f53aa78");
    let of_message = [token, "1714112445", "415670741", WECHATS_CIPHERTEXT];
    assert!(is_signed(of_message, "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"));
    let of_answer = [token, "1713424427", "415670741", WECHATS_ANSWER];
    assert!(is_signed(of_answer, "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"));
}

#[test]
fn nothing_else_is_a_signature() {
    let texts = ["AAAAA", "1714036504", "1514711492"];
    let good = sign(texts);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad.replace_range(at..=at, if &good[at..=at] == "0" { "1" } else { "0" });
        assert!(!is_signed(texts, &bad), "{bad}");
        assert!(!is_signed(texts, &good[..at]));
    }
    assert!(!is_signed(texts, &format!("{good}0")));
    assert!(!is_signed(["AAAAB", "1714036504", "1514711492"], &good));
}
