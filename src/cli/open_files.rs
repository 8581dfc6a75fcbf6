//! Limit of open files: many systems default to 1,024, which connections alone can use up.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Below this limit a warning is logged.
const WARN_BELOW: u64 = 4096;

/// Raises the limit to the maximum allowed for this process, and returns the new limit.
pub fn raise() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    if before.current != before.maximum
        && let Err(error) = setrlimit(Resource::Nofile, wanted)
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    // `None` means unlimited.
    let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if open_files < WARN_BELOW {
        tracing::warn!(
            open_files,
            "the limit of open files is low, which limits connections: raise it (ulimit -Hn, or LimitNOFILE of systemd)"
        );
    }
    open_files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_the_maximum() {
        let open_files = raise();
        assert_eq!(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX), open_files);
    }
}
