//! The `ashna` binary; all code is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ashna::engine::child::run_if_child();
    ashna::cli::main()
}
