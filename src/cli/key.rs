//! `ashna key`: keys for programs.

use clap::Subcommand;

use super::{Common, plain, reach, tell};
use crate::{
    config::Config,
    operate::{KeyOrder, Operation},
};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the keys of a site.
    List {
        /// The site.
        #[arg(long)]
        site: u32,
    },
    /// Make a key; it is shown this once.
    Add {
        /// The site it opens.
        #[arg(long)]
        site: u32,
        /// read, server or admin.
        #[arg(long)]
        scope: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        name: String,
        /// When it ends by itself, such as 2027-01-31T00:00:00Z.
        #[arg(long, value_name = "MOMENT")]
        expires_at: Option<String>,
    },
    /// Revoke a key: it opens nothing from this moment on.
    Revoke {
        /// The site.
        #[arg(long)]
        site: u32,
        /// The key's number in the list.
        #[arg(long)]
        key: i64,
    },
}

pub async fn run(config: &Config, common: &Common, command: Command) -> anyhow::Result<()> {
    let (order, text): (_, fn(&serde_json::Value) -> String) = match command {
        Command::List { site } => (KeyOrder::List { site }, |answer| {
            let keys = answer["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
            let line = |key: &serde_json::Value| {
                let used = key["last_used_at"].as_str().unwrap_or("never");
                let expires = key["expires_at"].as_str().map(|at| format!(", ends {at}")).unwrap_or_default();
                let (scope, hint, name) = (plain(&key["scope"]), plain(&key["hint"]), plain(&key["name"]));
                format!("{}  {scope}  {hint}…  {name}  used {used}{expires}", key["id"])
            };
            keys.iter().map(line).collect::<Vec<_>>().join("\n")
        }),
        Command::Add { site, scope, name, expires_at } => {
            (KeyOrder::Add { site, scope, name, expires_at }, |answer| plain(&answer["key"]))
        }
        Command::Revoke { site, key } => {
            (KeyOrder::Revoke { site, key }, |answer| format!("key {} is revoked", answer["id"]))
        }
    };
    let answer = reach::operate(config, &common.data_dir, Operation::Keys(order)).await?;
    tell(common, &answer, &text(&answer))
}
