//! The plan of the house: which room is on which layer, which crate lives where, and the few
//! exceptions, each with its reason.

/// Rooms and their layers; the longest fitting name counts, so a room's pure part can lie lower.
pub(crate) const LAYERS: &[(&str, u8)] = &[
    // Words.
    ("model", 0),
    ("wire", 0),
    ("config", 0),
    ("clock", 0),
    ("telemetry", 0),
    ("tasks", 0),
    // Thinking: pure.
    ("ingest", 1),
    ("decide", 1),
    ("estimate", 1),
    ("recommend", 1),
    ("feed", 1),
    ("seed", 1),
    ("profiles::reducer", 1),
    ("profiles::ignored", 1),
    ("profiles::interest", 1),
    ("profiles::join", 1),
    ("catalog::snapshot", 1),
    ("catalog::compile", 1),
    ("catalog::condition", 1),
    ("catalog::items", 1),
    ("catalog::merchandising", 1),
    ("checks::browser", 1),
    ("checks::finding", 1),
    ("checks::page", 1),
    ("checks::policy", 1),
    ("delivery::batcher", 1),
    ("reports::funnel::any_order", 1),
    ("reports::funnel::matcher", 1),
    ("reports::funnel::tally", 1),
    // Doing: each speaks to one thing outside, and none to another.
    ("journal", 2),
    ("dedup", 2),
    ("store", 2),
    ("control", 2),
    ("geo", 2),
    ("salts", 2),
    ("engine", 2),
    ("profiles::cache", 2),
    ("profiles::identities", 2),
    ("fetch", 2),
    ("browser", 2),
    ("mail", 2),
    // Keepers of what lives between requests, and work in the background.
    ("access", 3),
    ("checks", 3),
    ("catalog", 3),
    ("delivery", 3),
    ("learn", 3),
    ("profiles", 3),
    ("reports", 3),
    // Stories: what happens to one request. They never call each other.
    ("collect", 4),
    ("personalize", 4),
    ("privacy", 4),
    ("removal", 4),
    // Errands: what the commands and the private API ask for.
    ("import", 5),
    ("operate", 5),
    // The door, the composition root, and the commands that start it.
    ("http", 6),
    ("app", 7),
    ("cli", 8),
    ("main", 9),
    ("lib", 9),
];

/// One crate, one room: a path and the rooms it lives in.
pub(crate) const CRATES: &[(&str, &[&str])] = &[
    ("axum", &["http"]),
    ("cookie", &["http"]),
    ("tower_http", &["http"]),
    ("quick_xml", &["feed"]),
    ("clickhouse", &["store"]),
    ("sqlx", &["control"]),
    ("maxminddb", &["geo"]),
    ("woothee", &["ingest::enrich::user_agent"]),
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

/// What a pure room has no business with.
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

/// A module path, what it may name against the rule, and why.
pub(crate) struct Exception {
    pub room: &'static str,
    pub path: &'static str,
    pub reason: &'static str,
}

/// Imports against the layers.
pub(crate) const ACROSS_LAYERS: &[Exception] = &[
    Exception {
        room: "operate",
        path: "import",
        reason: "operate lists all errands, and importing is the one long enough for a room of its own",
    },
    Exception {
        room: "catalog::edit",
        path: "access::new_secret",
        reason: "a new site gets its keys where it is made, and access is the room that knows how keys are drawn",
    },
];

/// Crates away from home.
pub(crate) const CRATES_ELSEWHERE: &[Exception] = &[
    Exception {
        room: "geo",
        path: "std::env::current_exe",
        reason: "like the engine's library, the place database is looked for beside the binary",
    },
    Exception { room: "browser", path: "std::env::temp_dir", reason: "a visit's profile is kept for that visit only" },
    Exception { room: "geo", path: "std::env::current_dir", reason: "and above the working directory" },
];

/// No file is longer, its tests included.
pub(crate) const LINES_MAX: usize = 400;

/// Names of drawers.
pub(crate) const DRAWERS: &[&str] =
    &["utils", "util", "utilities", "common", "helpers", "helper", "misc", "manager", "stuff", "shared"];

/// Words that are never committed: things left for later, and paths of the machine they were written on.
pub(crate) const UNSAID: &[&str] =
    &["TODO", "FIXME", "todo!(", "unimplemented!(", "/root/", "/Users/", "\"/tmp/", "'/tmp/", " /tmp/"];
