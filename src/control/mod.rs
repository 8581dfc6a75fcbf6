//! The control plane's own small database (SQLite).
