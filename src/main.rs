//! The full build: hardens the heap, runs the command line, returns the exit status.

use std::process::ExitCode;

/// Wipes every block of the heap as it is freed, copies inside libraries included.
#[global_allocator]
static HEAP: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    ExitCode::from(breakglass::cli::main())
}
