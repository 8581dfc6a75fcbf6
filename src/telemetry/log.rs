//! The log on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Checks a log filter.
///
/// # Errors
/// When a part of it is neither a level nor `TARGET=LEVEL`. `EnvFilter` would take any other word for a target, and
/// silence all other targets.
pub fn check_filter(filter: &str) -> Result<(), String> {
    let invalid = |part: &str| {
        Err(format!(
            "must be error, warn, info, debug, trace, or filters such as warn,ashna::delivery=debug, not \"{part}\""
        ))
    };
    if filter.trim().is_empty() {
        return invalid(filter);
    }
    for part in filter.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level).trim();
        if !LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known)) {
            return invalid(part);
        }
    }
    EnvFilter::try_new(filter).map(drop).or_else(|_| invalid(filter))
}

/// Starts the log on standard error, as text (colored only on a terminal) or as one JSON object per line.
pub fn start_log(filter: &str, as_json: bool) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| "warn".into());
    // A log that cannot be written, as on a full disk, must not do harm: reporting the error on the same
    // standard error would panic in the task that logs.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    let log = log.with_writer(std::io::stderr);
    // A second call, as in tests, keeps the first log.
    let _ = if as_json {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    } else if std::io::stderr().is_terminal() {
        // Colors, unless NO_COLOR is set.
        log.with_target(false).try_init()
    } else {
        log.with_target(false).with_ansi(false).try_init()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_would_silence_the_log_is_refused() {
        let check = |filter: &str, valid: bool| assert_eq!(check_filter(filter).is_ok(), valid, "{filter}");
        check("warn", true);
        check("INFO", true);
        check("warn,ashna::access=debug", true);
        check("warn,ashna::delivery = debug", false);
        check("off", true);
        check("", false);
        check("nonsense", false);
        check("warn,nonsense", false);
        check("ashna=loud", false);
        check("warn,[", false);
    }
}
