//! The module map: which module is on which layer, which crate may be used where, and the few exceptions, each with
//! its reason.

/// Modules and their layers. The longest matching path counts, so that the pure part of a module can be on a lower layer.
pub(crate) const LAYERS: &[(&str, u8)] = &[
    // Domain types and what everything needs.
    ("model", 0),
    ("wire", 0),
    ("config", 0),
    ("clock", 0),
    ("telemetry", 0),
    ("tasks", 0),
    // Pure logic: no I/O, no clock, no randomness of its own.
    ("ingest", 1),
    ("decide", 1),
    ("estimate", 1),
    ("experiments", 1),
    ("recommend", 1),
    ("feed", 1),
    ("seed", 1),
    ("segments", 1),
    ("value", 1),
    ("profiles::reducer", 1),
    ("profiles::ignored", 1),
    ("profiles::interest", 1),
    ("profiles::join", 1),
    ("profiles::orders", 1),
    ("profiles::rules", 1),
    ("catalog::snapshot", 1),
    ("catalog::compile", 1),
    ("catalog::comparison", 1),
    ("catalog::condition", 1),
    ("catalog::items", 1),
    ("catalog::merchandising", 1),
    ("catalog::schedule", 1),
    ("checks::browser", 1),
    ("checks::finding", 1),
    ("checks::page", 1),
    ("checks::policy", 1),
    ("delivery::batcher", 1),
    ("offers::ledger", 1),
    ("offers::networks", 1),
    ("reports::attribution::credit", 1),
    ("reports::attribution::markov", 1),
    ("reports::funnel::any_order", 1),
    ("reports::funnel::matcher", 1),
    ("reports::funnel::types", 1),
    ("reports::funnel::tally", 1),
    ("webhooks::backoff", 1),
    ("webhooks::call", 1),
    ("webhooks::event", 1),
    ("webhooks::names", 1),
    // I/O adapters: each talks to one external system, and none imports another.
    ("journal", 2),
    ("dedup", 2),
    ("store", 2),
    ("control", 2),
    ("geo", 2),
    ("salts", 2),
    ("erasures", 2),
    ("engine", 2),
    ("profiles::cache", 2),
    ("profiles::identities", 2),
    ("fetch", 2),
    ("browser", 2),
    ("mail", 2),
    // Services: state between requests, and background work.
    ("access", 3),
    ("checks", 3),
    ("catalog", 3),
    ("customers", 3),
    ("delivery", 3),
    ("finished_days", 3),
    ("learn", 3),
    ("membership", 3),
    ("offers", 3),
    ("profiles", 3),
    ("reports", 3),
    ("webhooks", 3),
    // Request flows: what happens to one request. They never call each other.
    ("collect", 4),
    ("personalize", 4),
    ("privacy", 4),
    ("prune", 4),
    ("removal", 4),
    ("trace", 4),
    // Admin operations, for the command line and the private API.
    ("backup", 5),
    ("import", 5),
    ("operate", 5),
    // HTTP, the composition root, and the commands that start it.
    ("http", 6),
    ("app", 7),
    ("cli", 8),
    ("main", 9),
    ("lib", 9),
];

/// One crate, one module: a path, and the modules that may use it.
pub(crate) const CRATES: &[(&str, &[&str])] = &[
    ("axum", &["http"]),
    ("cookie", &["http"]),
    ("tower_http", &["http"]),
    ("quick_xml", &["feed"]),
    ("clickhouse", &["store"]),
    ("sqlx", &["control"]),
    ("maxminddb", &["geo"]),
    ("woothee", &["ingest::user_agent::agent"]),
    ("moka", &["profiles::cache"]),
    ("libloading", &["engine"]),
    ("lettre", &["mail"]),
    ("totp_rs", &["access"]),
    ("rustls", &["fetch", "store"]),
    ("hyper_rustls", &["store"]),
    ("tokio_rustls", &["fetch"]),
    ("tokio::spawn", &["tasks"]),
    ("tokio::task::spawn", &["tasks"]),
    ("std::env", &["config", "engine"]),
];

/// What pure modules must not use.
pub(crate) const IMPURE: &[&str] = &[
    "crate::clock",
    "crate::tasks",
    "tokio",
    "std::fs",
    "std::net::TcpStream",
    "std::thread",
    "std::env",
    "std::time::SystemTime",
    "std::time::Instant",
];

/// A module, what it may use against the rule, and why.
pub(crate) struct Exception {
    pub module: &'static str,
    pub path: &'static str,
    pub reason: &'static str,
}

/// Imports against the layers.
pub(crate) const ACROSS_LAYERS: &[Exception] = &[
    Exception {
        module: "operate",
        path: "backup",
        reason: "operate lists all admin operations, and a backup is large enough for a module of its own",
    },
    Exception {
        module: "operate",
        path: "import",
        reason: "operate lists all admin operations, and importing is large enough for a module of its own",
    },
    Exception {
        module: "catalog::edit",
        path: "access::new_secret",
        reason: "a new site gets its keys where it is created, and access knows how keys are generated",
    },
    Exception {
        module: "catalog::experiments",
        path: "access::new_secret",
        reason: "a run of an experiment gets its salt like the keys of a site",
    },
];

/// Crates outside of their module.
pub(crate) const CRATES_ELSEWHERE: &[Exception] = &[
    Exception {
        module: "geo",
        path: "std::env::current_exe",
        reason: "like the engine's library, the location database is searched for next to the binary",
    },
    Exception { module: "browser", path: "std::env::temp_dir", reason: "a browser profile is kept for one check only" },
    Exception { module: "geo", path: "std::env::current_dir", reason: "and in the parents of the working directory" },
];

/// The longest file allowed, its tests included, in lines.
pub(crate) const LINES_MAX: usize = 400;

/// File and folder names that say nothing about their contents.
pub(crate) const VAGUE_NAMES: &[&str] =
    &["utils", "util", "utilities", "common", "helpers", "helper", "misc", "manager", "stuff", "shared"];

/// Text that is never committed: postponed work, and paths of a developer's machine.
pub(crate) const FORBIDDEN_TEXT: &[&str] =
    &["TODO", "FIXME", "todo!(", "unimplemented!(", "/root/", "/Users/", "\"/tmp/", "'/tmp/", " /tmp/"];

/// Private vocabulary that was replaced by the field's terms (docs/glossary.md). Whole words, in any case.
pub(crate) const PRIVATE_VOCABULARY: &[&str] = &[
    "doors", "rooms", "errand", "errands", "keepers", "shelf", "shelves", "obituary", "flaw", "flaws", "twin", "twins",
    "ruling", "dice", "anew", "lately", "told", "tells", "nobody", "nobody's", "somebody", "heard", "dearer",
];

/// Stored and public names from before, which stay: JSON values, a route, a table.
pub(crate) const OLD_PUBLIC_NAMES: &[&str] = &[
    "'flaws'",
    "'heard'",
    "'dearer'",
    "evidence.dearer",
    "\"dearer\"",
    "\"flaws\"",
    "\"heard\"",
    "reports/flaws",
    "shelf_rules",
];
