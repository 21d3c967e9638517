//! Prints, in Markdown, how many instructions and allocations each layer adds to a request.

use tower_wechat_compare::{
    case::Case,
    measure::{Cost, Costs},
    who::Who,
};

fn main() {
    let pairs: Vec<_> = Case::ALL
        .into_iter()
        .flat_map(|case| Who::ALL.map(|who| (case, who)))
        .filter(|(case, who)| who.does(*case))
        .collect();
    let costs = Costs::of(&pairs);
    let (scans, requests): (Vec<_>, Vec<_>) = Case::ALL.into_iter().partition(|case| case.scans());

    println!(
        "| instructions / allocations added | ours | goal | `wechat-mp-sdk` | `AddAuthorization` | without a layer |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for case in requests {
        let added = |who: Who| if who.does(case) { show(costs.added(case, who)) } else { String::new() };
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            case.description(),
            added(Who::Ours),
            goal(case),
            added(Who::MpSdk),
            added(Who::AddAuthorization),
            show(costs.whole(case, Who::Bare)),
        );
    }
    println!();
    println!(
        "| instructions to read an answer | ours | `serde_json`, all ignored | `serde_json`, one field | ours / all ignored | goal |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for case in scans {
        let ours = costs.added(case, Who::Ours).instructions;
        let ignored = costs.whole(case, Who::SerdeIgnored).instructions;
        let field = costs.whole(case, Who::SerdeField).instructions;
        println!(
            "| {} | {} | {} | {} | {} | ≤ 1.00 |",
            case.description(),
            number(ours),
            number(ignored),
            number(field),
            hundredths(ours, ignored),
        );
    }
}

fn show(cost: Cost) -> String {
    format!("{} / {}", number(cost.instructions), cost.allocations)
}

fn goal(case: Case) -> String {
    let Some(goal) = case.goal() else {
        return String::new();
    };
    let allocations = goal.allocations.map_or(String::new(), |allocations| format!(" / ≤ {allocations}"));
    format!("≤ {}{allocations}", number(goal.instructions))
}

/// With a space before each three digits.
fn number(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn hundredths(part: i64, whole: i64) -> String {
    let hundredths = part * 100 / whole;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
