//! `ashna retention`.

use clap::{Args, Subcommand};

use super::{Common, print_answer, service, unquoted};
use crate::{config::Config, operate::Operation};

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep events for so many days; older ones are removed twice a day.
    Set {
        #[command(flatten)]
        rule: Rule,
        /// How long they are kept.
        #[arg(long)]
        days: u32,
    },
    /// Keep events forever.
    Clear {
        #[command(flatten)]
        rule: Rule,
    },
    /// List the rules of a site.
    List {
        /// The site.
        #[arg(long)]
        site: u32,
    },
    /// Remove now what is older than the rules of a site allow.
    Apply {
        /// The site.
        #[arg(long)]
        site: u32,
    },
}

/// Which rule.
#[derive(Debug, Args)]
pub struct Rule {
    /// The site.
    #[arg(long)]
    site: u32,
    /// Only events of this name; without it all that have no rule of their own.
    #[arg(long, value_name = "NAME", default_value = "")]
    kind: String,
}

pub async fn run(config: &Config, common: &Common, command: Command) -> anyhow::Result<()> {
    let operation = match command {
        Command::Set { rule, days } => Operation::SetRetention { site: rule.site, event: rule.kind, days: Some(days) },
        Command::Clear { rule } => Operation::SetRetention { site: rule.site, event: rule.kind, days: None },
        Command::List { site } => Operation::ListRetention { site },
        Command::Apply { site } => Operation::ApplyRetention { site },
    };
    let answer = service::operate(config, &common.data_dir, operation).await?;
    let rules = answer["rules"].as_array().into_iter().flatten();
    let mut lines: Vec<String> = rules
        .map(|rule| {
            let event = unquoted(&rule["event"]);
            format!("{:>6} days  {}", rule["days"], if event.is_empty() { "all other events" } else { &event })
        })
        .collect();
    if !answer["events"].is_null() {
        lines.push(format!("{} events are removed", answer["events"]));
    } else if lines.is_empty() {
        lines.push("events are kept forever".to_owned());
    }
    print_answer(common, &answer, &lines.join("\n"))
}
