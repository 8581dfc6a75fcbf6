//! `ashna visitor`: exports or erases everything stored about a visitor.

use clap::Subcommand;

use super::{Common, print_answer, print_line, service};
use crate::{config::Config, operate::Operation};

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print everything stored about a visitor as one JSON document.
    Export {
        /// The visitor's id: 32 hexadecimal digits.
        id: String,
        /// The site.
        #[arg(long)]
        site: u32,
    },
    /// Erase everything stored about a visitor.
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
            print_line(&service::operate(config, &common.data_dir, operation).await?.to_string())
        }
        Command::Erase { id, site } => {
            let operation = Operation::EraseVisitor { site, visitor: id };
            let answer = service::operate(config, &common.data_dir, operation).await?;
            print_answer(common, &answer, &format!("{} events are erased", answer["erased_events"]))
        }
    }
}
