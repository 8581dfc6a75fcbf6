//! `ashna site`: sites.

use clap::Subcommand;

use super::{Common, plain, reach, tell};
use crate::{config::Config, operate::Operation};

/// What to do.
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
        /// Its exact name, so that no other one is removed by mistake.
        #[arg(long)]
        name: String,
    },
    /// Print the secret with which the site's servers sign user ids.
    Secret {
        /// The site.
        #[arg(long)]
        site: u32,
    },
}

pub async fn run(config: &Config, common: &Common, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { name, origins } => {
            let answer = reach::operate(config, &common.data_dir, Operation::AddSite { name, origins }).await?;
            let text = format!("site {}, write key {}", answer["site_id"], plain(&answer["write_key"]));
            tell(common, &answer, &text)
        }
        Command::Remove { site, name } => {
            let answer = reach::operate(config, &common.data_dir, Operation::RemoveSite { site, name }).await?;
            tell(common, &answer, &format!("site {site} is removed; its events are erased in the background"))
        }
        Command::Secret { site } => {
            let answer = reach::operate(config, &common.data_dir, Operation::SiteSecret { site }).await?;
            tell(common, &answer, &plain(&answer["secret"]))
        }
        Command::List => {
            let answer = reach::operate(config, &common.data_dir, Operation::ListSites).await?;
            let lines: Vec<String> = answer
                .as_array()
                .map(|sites| sites.iter().map(|s| format!("{}  {}", s["site_id"], plain(&s["name"]))).collect())
                .unwrap_or_default();
            tell(common, &answer, &lines.join("\n"))
        }
    }
}
