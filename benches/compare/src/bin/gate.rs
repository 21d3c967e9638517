//! Compares what the layer adds to a request with what is accepted: `gate FILE [--accept]`. Fails where it adds more.

use std::{env, fs, process::Command, process::ExitCode};

use tower_wechat_compare::{
    accepted::{Accepted, Change},
    case::Case,
    measure::{Cost, Costs},
    who::Who,
};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let file = arguments.next().expect("gate FILE [--accept]");
    let accept = match arguments.next().as_deref() {
        None => false,
        Some("--accept") => true,
        Some(other) => panic!("{other}?"),
    };
    let costs = Costs::of(&Case::ALL.map(|case| (case, Who::Ours)));
    let costs = Case::ALL.map(|case| (case, costs.added(case, Who::Ours)));
    let now = Accepted::new(compiler(), processor(), &costs);
    if accept {
        fs::write(&file, now.print()).unwrap();
        print!("{}", now.print());
        return ExitCode::SUCCESS;
    }
    let before = Accepted::parse(&fs::read_to_string(&file).unwrap()).expect("lines that are known");
    compare(&before, &now, &costs)
}

fn compare(before: &Accepted, now: &Accepted, costs: &[(Case, Cost)]) -> ExitCode {
    println!("{:<14} {:>20} {:>20}", "", "instructions", "allocations");
    println!("{:<14} {:>10} {:>9} {:>10} {:>9}", "case", "accepted", "now", "accepted", "now");
    let mut bad = false;
    for (case, cost) in costs {
        let change = before.change(*case, *cost);
        bad |= matches!(change, Change::Rose | Change::New);
        let accepted = before.cost(*case);
        let show = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
        println!(
            "{:<14} {:>10} {:>9} {:>10} {:>9}  {}",
            case.name(),
            show(accepted.map(|cost| cost.instructions)),
            cost.instructions,
            show(accepted.map(|cost| cost.allocations)),
            cost.allocations,
            match change {
                Change::New => "IS NOT IN THE FILE",
                Change::Rose => "ROSE",
                Change::Fell => "fell",
                Change::Same => "",
            },
        );
    }
    println!("3 % more instructions or one more allocation is too much.");
    println!("The accepted numbers were made with {}, on {}.", before.compiler, before.processor);
    for (what, then, today) in
        [("compiler", &before.compiler, &now.compiler), ("processor", &before.processor, &now.processor)]
    {
        if then != today {
            println!("THE {} IS ANOTHER: {today}. That changes counts too.", what.to_uppercase());
        }
    }
    println!("To accept what there is now: benches/instructions.sh --accept");
    if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc is there");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What `memchr` and the C library choose their code by.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let vectors = if std::arch::is_x86_feature_detected!("avx2") { " with AVX2" } else { " without AVX2" };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = "";
    format!("{}{vectors}", env::consts::ARCH)
}
