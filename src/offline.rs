//! The offline build: the same command line without network code. This build is for the offline machine on which
//! custodians are enrolled and vaults are sealed.

use std::process::ExitCode;

const _: () = assert!(
    !cfg!(feature = "cloud"),
    "breakglass-offline has no network code: build it with --no-default-features --features offline"
);

/// Wipes every heap block when it is freed, including blocks that libraries allocated.
#[global_allocator]
static HEAP: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    ExitCode::from(breakglass::cli::main())
}
