//! `ashna quarantine`: lists and replays events that the warehouse refused.

use clap::Subcommand;

use super::{Common, print_answer, service, unquoted};
use crate::{config::Config, operate::Operation};

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the events that the warehouse refused, with the reasons.
    List {
        /// Maximum number.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Send them again, for example after a table was repaired; events refused again stay.
    Replay {
        /// Maximum number.
        #[arg(long, default_value_t = 100_000)]
        limit: usize,
    },
}

pub async fn run(config: &Config, common: &Common, command: &Command) -> anyhow::Result<()> {
    match *command {
        Command::List { limit } => {
            let answer = service::operate(config, &common.data_dir, Operation::ListQuarantine { limit }).await?;
            let entries = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
            let mut lines = vec![format!("{} in quarantine", answer["quarantined"])];
            for entry in entries {
                let subject = if entry["event"].is_null() {
                    format!("{} unreadable", entry["records"])
                } else {
                    format!("site {} {}", entry["site_id"], unquoted(&entry["event"]))
                };
                lines.push(format!("{}  {subject}  {}", unquoted(&entry["at"]), unquoted(&entry["reason"])));
            }
            print_answer(common, &answer, &lines.join("\n"))
        }
        Command::Replay { limit } => {
            let answer = service::operate(config, &common.data_dir, Operation::ReplayQuarantine { limit }).await?;
            print_answer(
                common,
                &answer,
                &format!("{} stored, {} refused again", answer["replayed"], answer["refused"]),
            )
        }
    }
}
