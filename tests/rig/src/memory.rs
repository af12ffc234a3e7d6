//! Searches all readable memory of a process for secrets, while the process runs or at its end.
//!
//! The search looks for every eight consecutive bytes of a secret. A search for the complete secret would miss secrets
//! in freed blocks, because an allocator overwrites the beginning of a freed block. A search without a hit counts only
//! if the same search finds a control.

mod trace;
mod windows;

pub use trace::{Ending, Tracing, trace_exit};

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use windows::Windows;

/// The number of bytes that are read from memory at once.
const CHUNK: usize = 1 << 20;

/// A piece of a secret that was found in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The secret's name.
    pub name: String,
    /// The address of the piece in memory.
    pub address: u64,
    /// The offset of the piece in the secret.
    pub offset: usize,
    /// The length of the piece in bytes, eight or more.
    pub len: usize,
    /// The mapping's name in /proc/PID/maps: `[heap]`, `[stack]`, a file, or nothing.
    pub mapping: String,
}

/// The result of one search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    pub hits: Vec<Hit>,
    /// The number of memory mappings that were searched.
    pub mappings: usize,
    /// The number of bytes that were searched.
    pub searched: u64,
    /// Mappings that are listed as readable but cannot be read, such as `[vvar]` or secretmem.
    pub unreadable: Vec<String>,
}

impl Finding {
    /// Returns whether a piece of the secret with this name was found.
    pub fn found(&self, name: &str) -> bool {
        self.hits.iter().any(|hit| hit.name == name)
    }
}

/// Searches a running process, without stopping it.
///
/// # Errors
///
/// Returns an error if the process's memory cannot be read.
pub fn search_now(pid: u32, secrets: &[(&str, &[u8])]) -> io::Result<Finding> {
    search(Path::new(&format!("/proc/{pid}")), &Windows::new(secrets))
}

/// Searches the memory of a process or thread, given its directory in /proc.
fn search(process: &Path, windows: &Windows) -> io::Result<Finding> {
    let maps = std::fs::read_to_string(process.join("maps"))?;
    let memory = File::open(process.join("mem"))?;
    let mut finding = Finding::default();
    let mut buffer = vec![0; CHUNK + windows::OVERLAP];
    for mapping in maps.lines().filter_map(Mapping::parse) {
        match mapping.search(&memory, windows, &mut buffer, &mut finding) {
            Ok(()) => finding.mappings += 1,
            Err(_) => finding.unreadable.push(mapping.name.into()),
        }
    }
    Ok(finding)
}

/// A readable mapping from /proc/PID/maps. Files that are mapped read-only are skipped, because no process can write a
/// secret there. Libraries also contain many words that are on sheets.
struct Mapping<'a> {
    start: u64,
    end: u64,
    name: &'a str,
}

impl<'a> Mapping<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let rights = fields.next().filter(|rights| rights.starts_with('r'))?;
        let name = fields.nth(3).unwrap_or("").trim_start();
        if name.starts_with('/') && !rights.contains('w') {
            return None;
        }
        let hex = |text| u64::from_str_radix(text, 16).ok();
        Some(Self { start: hex(start)?, end: hex(end)?, name })
    }

    fn search(
        &self,
        memory: &File,
        windows: &Windows,
        buffer: &mut [u8],
        finding: &mut Finding,
    ) -> io::Result<()> {
        let mut at = self.start;
        let mut carried = 0;
        while at < self.end {
            let want = usize::try_from(self.end - at).map_or(CHUNK, |left| left.min(CHUNK));
            let read = memory.read_at(&mut buffer[carried..carried + want], at)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let filled = carried + read;
            let base = at - carried as u64;
            windows.search(&buffer[..filled], base, self.name, &mut finding.hits);
            finding.searched += read as u64;
            at += read as u64;
            // The last bytes of a chunk are searched again with the next chunk, because a window of eight bytes can
            // span both chunks.
            carried = filled.min(windows::OVERLAP);
            buffer.copy_within(filled - carried..filled, 0);
        }
        Ok(())
    }
}
