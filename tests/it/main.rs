//! The whole service from outside: the real binary with the real engine.

mod faults;
mod service;
mod sync;
