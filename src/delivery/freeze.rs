//! The state that a backup begins with: tables, checkpoint and quarantine at one moment, between two batches.
//!
//! Every record below the checkpoint's position is then in the frozen tables or in the quarantine, and none above it is
//! in either, except those of ranges that the checkpoint knows as pending: they are compared before they are sent again.

use std::{fs, io, path::Path};

use super::{
    quarantine::Quarantine,
    replay::Replay,
    service::{Delivery, blocking},
    types::{Command, FreezeRequest, FrozenState, ReplayError},
};

impl Replay {
    /// Freezes the state for a backup.
    ///
    /// # Errors
    /// If a batch is in flight or the warehouse fails: try again; if the files cannot be linked.
    pub async fn freeze(&self, request: FreezeRequest) -> Result<FrozenState, ReplayError> {
        self.send(|result| Command::Freeze(request, result)).await
    }
}

impl Delivery {
    pub(super) async fn freeze(&mut self, request: FreezeRequest) -> Result<FrozenState, ReplayError> {
        if !self.in_flight.is_empty() {
            return Err(ReplayError::Busy);
        }
        let tables = match &request.tables {
            Some(name) => self.store.freeze_tables(name).await?,
            None => Vec::new(),
        };
        let quarantine = std::sync::Arc::clone(&self.quarantine);
        let linked = blocking(move || quarantine.link_files(&request.quarantine)).await?;
        Ok(FrozenState {
            checkpoint: self.checkpoint.text()?,
            delivered: self.checkpoint.progress().delivered,
            tables,
            quarantine: linked,
        })
    }
}

impl Quarantine {
    /// Links both files into `target`; returns their names and lengths. They are only appended to, or replaced.
    pub(super) fn link_files(&self, target: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut linked = Vec::new();
        for path in self.paths() {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            match fs::hard_link(path, target.join(name)) {
                Ok(()) => linked.push((name.to_owned(), fs::metadata(target.join(name))?.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(linked)
    }
}
