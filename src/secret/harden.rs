//! Hardens the process: disables core files, makes the process non-dumpable, checks that memory can be locked, finds
//! unencrypted swap, and wipes the stack of finished calls.

use std::fs;
use std::hint::black_box;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, dumpable_behavior, set_dumpable_behavior, setrlimit,
};
use zeroize::Zeroize as _;

use super::Pages;
use crate::error::{Error, Result};

/// The maximum size of the locked memory that a command needs at one time, in bytes. The locked memory holds two
/// copies of the largest payload, and the shares.
const LOCKED_BYTES: usize = 3 * 1024 * 1024;

/// Hardens the process: no other program can read the process's memory, and the kernel writes no core file.
///
/// # Errors
/// Fails if the kernel refuses a setting or does not lock memory. After such an error, the process must not handle
/// secrets.
pub fn harden() -> Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(|e| refused("disable core dumps", e))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| refused("make itself non-dumpable", e))?;
    match dumpable_behavior() {
        Ok(DumpableBehavior::NotDumpable) => {}
        Ok(_) => {
            return Err(refused(
                "make itself non-dumpable",
                "the kernel still reports the process as dumpable",
            ));
        }
        Err(e) => return Err(refused("make itself non-dumpable", e)),
    }
    Pages::try_zeroed(LOCKED_BYTES).map_err(|e| {
        refused("lock memory for secrets", e).next("raise the limit: ulimit -l 4096, or run as root")
    })?;
    Ok(())
}

fn refused(what: &str, why: impl std::fmt::Display) -> Error {
    Error::failed(format!("this process cannot {what}: {why}; it will not handle secrets"))
}

/// Returns the active swap areas that are not encrypted. A swap area in compressed memory (zram) does not count.
pub fn unencrypted_swap() -> Vec<String> {
    let table = fs::read_to_string("/proc/swaps").unwrap_or_default();
    table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .filter(|area| !is_protected(area))
        .map(str::to_owned)
        .collect()
}

fn is_protected(area: &str) -> bool {
    let device = fs::canonicalize(area).unwrap_or_else(|_| area.into());
    let Some(name) = device.file_name().and_then(|name| name.to_str()) else { return false };
    let uuid = fs::read_to_string(format!("/sys/class/block/{name}/dm/uuid")).unwrap_or_default();
    name.starts_with("zram") || uuid.starts_with("CRYPT-")
}

/// Wipes 256 KiB of the stack below the caller's stack frame, because finished calls might have left secrets there.
#[inline(never)]
#[allow(clippy::large_stack_arrays, reason = "the array covers the stack of the finished calls")]
pub fn wipe_stack() {
    let mut below = [0_u8; 256 * 1024];
    below.zeroize();
    black_box(&below);
}
