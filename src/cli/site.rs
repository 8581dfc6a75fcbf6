//! `ashna site`: manages sites.

use clap::Subcommand;

use super::{Common, print_answer, service, unquoted};
use crate::{config::Config, operate::Operation};

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a site.
    Add {
        /// Its name.
        #[arg(long)]
        name: String,
        /// An origin of its pages, such as <https://shop.example>; may be given several times.
        #[arg(long = "origin", required = true)]
        origins: Vec<String>,
    },
    /// List the sites.
    List,
    /// Remove a site with its keys, items, offers and, in the background, its events.
    Remove {
        /// The site.
        #[arg(long)]
        site: u32,
        /// Its exact name, as confirmation.
        #[arg(long)]
        name: String,
    },
    /// Print the secret that the site's servers use to sign user ids.
    Secret {
        /// The site.
        #[arg(long)]
        site: u32,
    },
}

pub async fn run(config: &Config, common: &Common, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { name, origins } => {
            let answer = service::operate(config, &common.data_dir, Operation::AddSite { name, origins }).await?;
            let text = format!("site {}, write key {}", answer["site_id"], unquoted(&answer["write_key"]));
            print_answer(common, &answer, &text)
        }
        Command::Remove { site, name } => {
            let answer = service::operate(config, &common.data_dir, Operation::RemoveSite { site, name }).await?;
            print_answer(common, &answer, &format!("site {site} is removed; its events are erased in the background"))
        }
        Command::Secret { site } => {
            let answer = service::operate(config, &common.data_dir, Operation::SiteSecret { site }).await?;
            print_answer(common, &answer, &unquoted(&answer["secret"]))
        }
        Command::List => {
            let answer = service::operate(config, &common.data_dir, Operation::ListSites).await?;
            let lines: Vec<String> = answer
                .as_array()
                .map(|sites| sites.iter().map(|s| format!("{}  {}", s["site_id"], unquoted(&s["name"]))).collect())
                .unwrap_or_default();
            print_answer(common, &answer, &lines.join("\n"))
        }
    }
}
