//! Faults in front of the real disk, and a recorder of what reached it.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{Condvar, Mutex},
};

/// What happened, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum Step {
    /// A write of so many bytes began.
    Write(usize),
    /// A sync returned.
    Synced,
    /// A test saw an answer.
    Acknowledged,
}

#[derive(Debug, Default)]
struct State {
    steps: Vec<Step>,
    /// The next write stops after so many bytes with this error number.
    write: Option<(usize, i32)>,
    /// Zeros cannot be written ahead, for this error number.
    lengthening: Option<i32>,
    /// How often that was asked for.
    lengthenings: usize,
    /// The next sync fails with this error number.
    sync: Option<i32>,
    /// Syncs wait while this is set.
    held: bool,
    /// One waits.
    waits: bool,
    free: Option<u64>,
}

/// A disk that a test can make fail.
#[derive(Debug, Default)]
pub(in crate::journal) struct Faults {
    state: Mutex<State>,
    released: Condvar,
}

impl Faults {
    pub(in crate::journal) fn before_write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.steps.push(Step::Write(bytes.len()));
        match state.write.take() {
            Some((written, errno)) => {
                file.write_all_at(&bytes[..written.min(bytes.len())], offset)?;
                Err(io::Error::from_raw_os_error(errno))
            }
            None => Ok(()),
        }
    }

    pub(in crate::journal) fn before_lengthening(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.lengthenings += 1;
        state.lengthening.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    pub(in crate::journal) fn before_sync(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        while state.held {
            state.waits = true;
            state = self.released.wait(state).unwrap();
        }
        state.sync.take().map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    pub(in crate::journal) fn after_sync(&self) {
        self.record(Step::Synced);
    }

    pub(in crate::journal) fn free_bytes(&self) -> Option<u64> {
        self.state.lock().unwrap().free
    }

    pub(in crate::journal) fn record(&self, step: Step) {
        self.state.lock().unwrap().steps.push(step);
    }

    /// What happened since this was last asked.
    pub(in crate::journal) fn steps(&self) -> Vec<Step> {
        std::mem::take(&mut self.state.lock().unwrap().steps)
    }

    pub(in crate::journal) fn fail_next_write(&self, after_bytes: usize, error: rustix::io::Errno) {
        self.state.lock().unwrap().write = Some((after_bytes, error.raw_os_error()));
    }

    pub(in crate::journal) fn fail_lengthening(&self, error: rustix::io::Errno) {
        self.state.lock().unwrap().lengthening = Some(error.raw_os_error());
    }

    pub(in crate::journal) fn lengthenings(&self) -> usize {
        self.state.lock().unwrap().lengthenings
    }

    pub(in crate::journal) fn fail_next_sync(&self, error: rustix::io::Errno) {
        self.state.lock().unwrap().sync = Some(error.raw_os_error());
    }

    pub(in crate::journal) fn set_free_bytes(&self, free: Option<u64>) {
        self.state.lock().unwrap().free = free;
    }

    pub(in crate::journal) fn holds_one(&self) -> bool {
        self.state.lock().unwrap().waits
    }

    pub(in crate::journal) fn hold_syncs(&self, held: bool) {
        let mut state = self.state.lock().unwrap();
        (state.held, state.waits) = (held, false);
        drop(state);
        self.released.notify_all();
    }
}
