//! The full build: installs an allocator that wipes freed memory, and runs the command line.

use std::process::ExitCode;

/// Wipes every heap block when it is freed, including blocks that libraries allocated.
#[global_allocator]
static HEAP: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    ExitCode::from(breakglass::cli::main())
}
