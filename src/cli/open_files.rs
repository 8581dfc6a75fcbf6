//! The limit of open files: many systems begin with 1,024, which connections alone may use up.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Below it the log says what to do.
const ENOUGH: u64 = 4096;

/// Raises the limit as far as the system lets this process, and returns what it is then.
pub fn raise() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    if before.current != before.maximum
        && let Err(error) = setrlimit(Resource::Nofile, wanted)
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    // None: without a limit.
    let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if open_files < ENOUGH {
        tracing::warn!(
            open_files,
            "few files may be open, and with them few connections: raise the limit (ulimit -Hn, or LimitNOFILE of systemd)"
        );
    }
    open_files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_may_be() {
        let open_files = raise();
        assert_eq!(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX), open_files);
    }
}
