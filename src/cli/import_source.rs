//! The file that `ashna import` reads, and its target.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use super::FileFormat;

/// The file and its target.
#[derive(Debug, Args)]
pub struct Options {
    /// Format of the file.
    pub(super) format: FileFormat,
    /// The file; `-` for standard input.
    pub(super) file: PathBuf,
    /// Target site.
    #[arg(long)]
    pub(super) site: u32,
    /// Only reads and checks the file; for customers, orders and consents.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Opens a file, or standard input for `-`; returns its length if known, else 0.
pub(super) fn open_source(file: &Path) -> anyhow::Result<(Box<dyn Read + Send>, u64)> {
    if file.as_os_str() == "-" {
        return Ok((Box::new(std::io::stdin()), 0));
    }
    let source = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let length = source.metadata().map_or(0, |metadata| metadata.len());
    Ok((Box::new(source), length))
}
