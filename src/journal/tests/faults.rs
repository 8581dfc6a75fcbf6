//! Fault injection in front of the real disk, and a recorder of the calls.

use std::{fs::File, io, os::unix::fs::FileExt};

use parking_lot::{Condvar, Mutex};

/// What happened, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum Step {
    /// A write of so many bytes began.
    Write(usize),
    /// A sync returned.
    Synced,
    /// An append returned to the test.
    Acknowledged,
}

#[derive(Debug, Default)]
struct FaultState {
    steps: Vec<Step>,
    /// The next write stops after so many bytes with this error number.
    write: Option<(usize, i32)>,
    /// Writing zeros fails with this error number.
    write_zeros: Option<i32>,
    /// How often zeros were to be written.
    write_zeros_calls: usize,
    /// The next sync fails with this error number.
    sync: Option<i32>,
    /// Syncs wait while this is set.
    held: bool,
    /// A sync is waiting.
    is_held: bool,
    free: Option<u64>,
}

/// A disk that a test can make fail.
#[derive(Debug, Default)]
pub(in crate::journal) struct Faults {
    state: Mutex<FaultState>,
    released: Condvar,
}

impl Faults {
    pub(in crate::journal) fn before_write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.steps.push(Step::Write(bytes.len()));
        match state.write.take() {
            Some((written, errno)) => {
                file.write_all_at(&bytes[..written.min(bytes.len())], offset)?;
                Err(io::Error::from_raw_os_error(errno))
            }
            None => Ok(()),
        }
    }

    pub(in crate::journal) fn before_write_zeros(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.write_zeros_calls += 1;
        state.write_zeros.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    pub(in crate::journal) fn before_sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        while state.held {
            state.is_held = true;
            self.released.wait(&mut state);
        }
        state.sync.take().map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    pub(in crate::journal) fn after_sync(&self) {
        self.record(Step::Synced);
    }

    pub(in crate::journal) fn free_bytes(&self) -> Option<u64> {
        self.state.lock().free
    }

    pub(in crate::journal) fn record(&self, step: Step) {
        self.state.lock().steps.push(step);
    }

    /// The steps since the last call.
    pub(in crate::journal) fn steps(&self) -> Vec<Step> {
        std::mem::take(&mut self.state.lock().steps)
    }

    pub(in crate::journal) fn fail_next_write(&self, after_bytes: usize, error: rustix::io::Errno) {
        self.state.lock().write = Some((after_bytes, error.raw_os_error()));
    }

    pub(in crate::journal) fn fail_write_zeros(&self, error: rustix::io::Errno) {
        self.state.lock().write_zeros = Some(error.raw_os_error());
    }

    pub(in crate::journal) fn write_zeros_calls(&self) -> usize {
        self.state.lock().write_zeros_calls
    }

    pub(in crate::journal) fn fail_next_sync(&self, error: rustix::io::Errno) {
        self.state.lock().sync = Some(error.raw_os_error());
    }

    pub(in crate::journal) fn set_free_bytes(&self, free: Option<u64>) {
        self.state.lock().free = free;
    }

    pub(in crate::journal) fn is_sync_held(&self) -> bool {
        self.state.lock().is_held
    }

    pub(in crate::journal) fn hold_syncs(&self, held: bool) {
        let mut state = self.state.lock();
        (state.held, state.is_held) = (held, false);
        drop(state);
        self.released.notify_all();
    }
}
