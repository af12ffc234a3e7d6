//! Memory pages that are locked. Each mapping holds one secret. The kernel never writes the mapping to swap or to a
//! core dump. The mapping is wiped before it is unmapped.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ptr;
use std::slice;
use std::sync::{Mutex, PoisonError};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap_anonymous, munmap};
use zeroize::Zeroize;

/// The address and the length of every mapping that exists now. With this table, [`wipe_all`] can wipe the secrets of
/// all threads.
static LIVE: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// Pages that hold one secret of `len` bytes and nothing else.
pub struct Pages {
    start: *mut u8,
    mapped: usize,
    len: usize,
}

// SAFETY: only this value uses the mapping, and Rust's borrowing rules for this value protect each access.
unsafe impl Send for Pages {}
// SAFETY: a shared reference to this value gives only read access (`&[u8]`) to the mapping.
unsafe impl Sync for Pages {}

impl Pages {
    /// Maps and locks `len` zero bytes.
    ///
    /// # Panics
    /// Panics if the kernel does not map or lock memory. [`super::harden`] checks beforehand that memory can be
    /// locked.
    pub fn zeroed(len: usize) -> Self {
        Self::try_zeroed(len).expect("the kernel should map and lock memory for a secret")
    }

    /// Maps and locks `len` zero bytes like [`Pages::zeroed`], but returns the kernel's error instead of panicking.
    pub fn try_zeroed(len: usize) -> rustix::io::Result<Self> {
        let page = rustix::param::page_size();
        let mapped = len.max(1).next_multiple_of(page);
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address of the new private mapping, so the mapping overlaps no other memory.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), mapped, prot, MapFlags::PRIVATE) }?;
        let pages = Self { start: start.cast(), mapped, len };
        live().insert(pages.start as usize, mapped);
        // SAFETY: the range is the mapping that the call above created. These calls change the mapping's attributes,
        // not its content.
        unsafe {
            mlock(start, mapped)?;
            madvise(start, mapped, Advice::LinuxDontDump)?;
            madvise(start, mapped, Advice::LinuxWipeOnFork)?;
        }
        Ok(pages)
    }

    /// Returns the secret's bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `start` is mapped for at least `len` bytes while `self` lives.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }

    /// Returns the secret's bytes for writing.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: `start` is mapped for at least `len` bytes while `self` lives, and `&mut self` makes the access
        // exclusive.
        unsafe { slice::from_raw_parts_mut(self.start, self.len) }
    }

    /// Shortens the secret to its first `len` bytes and wipes the rest.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.as_mut_slice()[len..].zeroize();
            self.len = len;
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let mut live = live();
        self.as_mut_slice().zeroize();
        live.remove(&(self.start as usize));
        // SAFETY: this value owns the mapping, and nothing borrows from it any more.
        let _ = unsafe { munmap(self.start.cast(), self.mapped) };
    }
}

/// Wipes every secret of the process. A process calls this function if it exits without waiting for its other threads.
/// After this call, the other threads read only zeros.
pub fn wipe_all() {
    let live = live();
    for (&start, &mapped) in live.iter() {
        let start = ptr::with_exposed_provenance_mut::<u8>(start);
        for offset in 0..mapped {
            // SAFETY: the range is in the table, so it stays mapped until the lock is released. Another thread might
            // use the secret during these volatile writes. This race is accepted, because the process is ending.
            unsafe { ptr::write_volatile(start.add(offset), 0) };
        }
    }
}

fn live() -> std::sync::MutexGuard<'static, BTreeMap<usize, usize>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_start_with_zeros_and_keep_the_bytes_that_are_written() {
        let mut pages = Pages::zeroed(5000);
        assert!(pages.as_slice().iter().all(|&b| b == 0));
        pages.as_mut_slice()[4999] = 7;
        assert_eq!(pages.as_slice()[4999], 7);
        pages.truncate(3);
        assert_eq!(pages.as_slice().len(), 3);
    }
}
