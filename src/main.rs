//! The program: everything is in the library.

use std::process::ExitCode;

use rootwalk::Memory;

/// A sixth of what a look-up costs went into the system's allocator, and a tenth of the cache (docs/performance.md).
#[global_allocator]
static ALLOCATOR: Memory = Memory;

fn main() -> ExitCode {
    rootwalk::cli::main()
}
