//! The program `wechat-hub`.

fn main() -> std::process::ExitCode {
    wechat_hub::program::main()
}
