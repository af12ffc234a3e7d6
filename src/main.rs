//! Allocator, parse, run; the exit status.

use std::process::ExitCode;

/// Wipes every block of the heap as it is freed: the copies inside libraries too.
#[global_allocator]
static HEAP: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    ExitCode::from(breakglass::cli::main())
}
