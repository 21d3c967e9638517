//! The command line.

use clap::{Parser, ValueEnum};

/// Tells people of a WeCom corp something. Settings are in the environment: `WECOM_CORP_ID`, and for each agent
/// `WECOM_…_AGENT_ID` and `WECOM_…_SECRET`.
#[derive(Debug, Parser)]
pub struct Options {
    /// Who says it
    #[arg(long, value_enum)]
    pub agent: Agent,
    /// Who is told: a user id, several with `|` between them, or `@all` for all who see the agent
    #[arg(long, value_name = "USER", value_parser = filled)]
    pub to: String,
    /// What is said; WeCom cuts it off after 2048 bytes. Put `--` before one that may begin with a `-`
    // So that a mistyped option is not taken for the message.
    #[arg(value_parser = filled)]
    pub message: String,
}

/// An unset `$ONCALL` in a script makes an empty text.
fn filled(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("it is empty") } else { Ok(text.to_owned()) }
}

/// The agents of the corp. Add yours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Agent {
    Ops,
    News,
}

impl Agent {
    pub const ALL: [Self; 2] = [Self::Ops, Self::News];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ops => "ops",
            Self::News => "news",
        }
    }
}
