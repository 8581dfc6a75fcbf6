//! The program `ashna`: thin on purpose, everything is in the library.

fn main() {
    ashna::engine::child::run_if_child();
}
