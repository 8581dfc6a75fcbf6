//! Operation: settings, logs, proxies, metrics, and an unusable warehouse.

mod files;
mod logs;
mod metrics;
mod proxies;
mod settings;
mod stand_in;
mod tls;
mod warehouse;
