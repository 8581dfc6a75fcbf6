//! The fault table: acknowledged events are stored once under every fault. In each row clients send under
//! load, and resend what was not acknowledged, while one fault is repeated; then acknowledged, stored and
//! duplicate events are counted and both invariants checked.
//!
//! Three rounds per row by default; `ASHNA_FAULT_ROUNDS=50` for a campaign (`load/run.sh faults 50`).

mod campaign;
mod clock;
mod disk;
mod engine;
mod full_disk;
mod kills;
mod overload;
mod segments;
pub mod sender;
