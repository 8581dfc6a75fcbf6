//! `ashna visitor`: a copy of everything that is stored of one, or the end of it.

use clap::Subcommand;

use super::{Common, reach, say, tell};
use crate::{config::Config, operate::Operation};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print everything that is stored of a visitor, as one JSON document.
    Export {
        /// The visitor's id: 32 hexadecimal digits.
        id: String,
        /// The site.
        #[arg(long)]
        site: u32,
    },
    /// Remove everything that is stored of a visitor.
    Erase {
        /// The visitor's id: 32 hexadecimal digits.
        id: String,
        /// The site.
        #[arg(long)]
        site: u32,
    },
}

pub async fn run(config: &Config, common: &Common, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Export { id, site } => {
            let operation = Operation::ExportVisitor { site, visitor: id };
            say(&reach::operate(config, &common.data_dir, operation).await?.to_string())
        }
        Command::Erase { id, site } => {
            let operation = Operation::EraseVisitor { site, visitor: id };
            let answer = reach::operate(config, &common.data_dir, operation).await?;
            tell(common, &answer, &format!("{} events are erased", answer["erased_events"]))
        }
    }
}
