//! `ashna quarantine`: what the warehouse refused, and once more.

use clap::Subcommand;

use super::{Common, plain, reach, tell};
use crate::{config::Config, operate::Operation};

/// What to do with it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the events that the warehouse refused, with the reasons.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Send them once more, as after a table was mended; what is refused again stays.
    Replay {
        /// At most so many.
        #[arg(long, default_value_t = 100_000)]
        limit: usize,
    },
}

pub async fn run(config: &Config, common: &Common, command: &Command) -> anyhow::Result<()> {
    match *command {
        Command::List { limit } => {
            let answer = reach::operate(config, &common.data_dir, Operation::ListQuarantine { limit }).await?;
            let entries = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
            let mut lines = vec![format!("{} in quarantine", answer["quarantined"])];
            for entry in entries {
                let what = if entry["event"].is_null() {
                    format!("{} unreadable", entry["records"])
                } else {
                    format!("site {} {}", entry["site_id"], plain(&entry["event"]))
                };
                lines.push(format!("{}  {what}  {}", plain(&entry["at"]), plain(&entry["reason"])));
            }
            tell(common, &answer, &lines.join("\n"))
        }
        Command::Replay { limit } => {
            let answer = reach::operate(config, &common.data_dir, Operation::ReplayQuarantine { limit }).await?;
            tell(common, &answer, &format!("{} stored, {} refused again", answer["replayed"], answer["refused"]))
        }
    }
}
