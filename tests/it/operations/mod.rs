//! What those who run the service rely on: settings, logs, proxies, metrics, and a warehouse that cannot be used.

mod files;
mod logs;
mod metrics;
mod proxies;
mod settings;
mod stand_in;
mod tls;
mod warehouse;
