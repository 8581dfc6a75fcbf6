//! `ashna audit`: who did what.

use clap::Subcommand;

use super::{Common, plain, reach, tell};
use crate::{config::Config, operate::Operation};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what was done, the newest first.
    List {
        /// About this site alone.
        #[arg(long)]
        site: Option<u32>,
        /// Before the entry with this number.
        #[arg(long)]
        before: Option<i64>,
        /// At most so many, 1 to 500.
        #[arg(long)]
        limit: Option<u32>,
    },
}

pub async fn run(config: &Config, common: &Common, command: &Command) -> anyhow::Result<()> {
    let Command::List { site, before, limit } = *command;
    let answer = reach::operate(config, &common.data_dir, Operation::ListAudit { site, before, limit }).await?;
    let entries = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |entry: &serde_json::Value| {
        let site = entry["site"].as_u64().map(|site| format!("  site {site}")).unwrap_or_default();
        let (at, who) = (plain(&entry["at"]), plain(&entry["who"]));
        format!("{}  {at}  {who}  {}  {}{site}", entry["id"], plain(&entry["action"]), plain(&entry["subject"]))
    };
    tell(common, &answer, &entries.iter().map(line).collect::<Vec<_>>().join("\n"))
}
