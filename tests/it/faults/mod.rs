//! The fault table: what was acknowledged is stored, once, whatever breaks. In every row clients send
//! under load, and send again what was not acknowledged, while one thing goes wrong again and again;
//! then acknowledged, stored and duplicates are counted, and both laws checked.
//!
//! Three rounds a row by default; `ASHNA_FAULT_ROUNDS=50` for a campaign (`load/run.sh faults 50`).

mod campaign;
mod clock;
mod disk;
mod engine;
mod full_disk;
mod kills;
mod overload;
mod segments;
pub mod sender;
