//! `ashna key`: API keys.

use clap::Subcommand;

use super::{Common, print_answer, service, unquoted};
use crate::{
    config::Config,
    operate::{KeyOperation, Operation},
};

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the keys of a site.
    List {
        /// The site.
        #[arg(long)]
        site: u32,
    },
    /// Create a key; it is shown only once.
    Add {
        /// The site it gives access to.
        #[arg(long)]
        site: u32,
        /// read, server or admin.
        #[arg(long)]
        scope: String,
        /// Name that describes its use.
        #[arg(long, default_value = "")]
        name: String,
        /// When it expires, such as 2027-01-31T00:00:00Z.
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// Revoke a key; it is invalid immediately.
    Revoke {
        /// The site.
        #[arg(long)]
        site: u32,
        /// The key's id in the list.
        #[arg(long)]
        key: i64,
    },
}

pub async fn run(config: &Config, common: &Common, command: Command) -> anyhow::Result<()> {
    let (operation, text): (_, fn(&serde_json::Value) -> String) = match command {
        Command::List { site } => (KeyOperation::List { site }, |answer| {
            let keys = answer["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
            let line = |key: &serde_json::Value| {
                let used = key["last_used_at"].as_str().unwrap_or("never");
                let expires = key["expires_at"].as_str().map(|at| format!(", expires {at}")).unwrap_or_default();
                let (scope, hint, name) = (unquoted(&key["scope"]), unquoted(&key["hint"]), unquoted(&key["name"]));
                format!("{}  {scope}  {hint}…  {name}  used {used}{expires}", key["id"])
            };
            keys.iter().map(line).collect::<Vec<_>>().join("\n")
        }),
        Command::Add { site, scope, name, expires_at } => {
            (KeyOperation::Add { site, scope, name, expires_at }, |answer| unquoted(&answer["key"]))
        }
        Command::Revoke { site, key } => {
            (KeyOperation::Revoke { site, key }, |answer| format!("key {} is revoked", answer["id"]))
        }
    };
    let answer = service::operate(config, &common.data_dir, Operation::Keys(operation)).await?;
    print_answer(common, &answer, &text(&answer))
}
