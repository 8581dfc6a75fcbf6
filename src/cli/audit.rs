//! `ashna audit`: the audit log.

use clap::Subcommand;

use super::{Common, print_answer, service, unquoted};
use crate::{config::Config, operate::Operation};

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List entries, newest first.
    List {
        /// Only entries about this site.
        #[arg(long)]
        site: Option<u32>,
        /// Only entries before this id.
        #[arg(long)]
        before: Option<i64>,
        /// Maximum number of entries, 1 to 500.
        #[arg(long)]
        limit: Option<u32>,
    },
}

pub async fn run(config: &Config, common: &Common, command: &Command) -> anyhow::Result<()> {
    let Command::List { site, before, limit } = *command;
    let answer = service::operate(config, &common.data_dir, Operation::ListAudit { site, before, limit }).await?;
    let entries = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |entry: &serde_json::Value| {
        let site = entry["site"].as_u64().map(|site| format!("  site {site}")).unwrap_or_default();
        let (at, who) = (unquoted(&entry["at"]), unquoted(&entry["who"]));
        format!("{}  {at}  {who}  {}  {}{site}", entry["id"], unquoted(&entry["action"]), unquoted(&entry["subject"]))
    };
    print_answer(common, &answer, &entries.iter().map(line).collect::<Vec<_>>().join("\n"))
}
