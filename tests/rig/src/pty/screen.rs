//! What a terminal showed, read as it comes so that the command never blocks.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A terminal's output, and how far a person has read it.
pub(super) struct Screen {
    shared: Arc<(Mutex<Shown>, Condvar)>,
    read: usize,
}

#[derive(Default)]
struct Shown {
    raw: Vec<u8>,
    ended: bool,
}

impl Screen {
    /// Reads `output` to its end, on a thread of its own.
    pub fn follow(mut output: File) -> Self {
        let shared = Arc::<(Mutex<Shown>, Condvar)>::default();
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal without a far end fails with EIO instead of ending.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                lock(&writer.0).raw.extend(&buffer[..n]);
                writer.1.notify_all();
            }
            lock(&writer.0).ended = true;
            writer.1.notify_all();
        });
        Self { shared, read: 0 }
    }

    /// What came from the last match to the end of `text`, none if that does not come in time.
    pub fn find(&mut self, text: &str, patience: Duration) -> Option<String> {
        let read = self.read;
        let end_in = |shown: &Shown| {
            let plain = plain(&shown.raw);
            let at = plain[read..].windows(text.len().max(1)).position(|w| w == text.as_bytes());
            at.map(|at| (plain, read + at + text.len()))
        };
        let waiting = |shown: &mut Shown| !shown.ended && end_in(shown).is_none();
        let wait = self.shared.1.wait_timeout_while(lock(&self.shared.0), patience, waiting);
        let (shown, _) = wait.unwrap_or_else(PoisonError::into_inner);
        let (plain, end) = end_in(&shown)?;
        self.read = end;
        Some(String::from_utf8_lossy(&plain[read..end]).into_owned())
    }

    /// Everything shown, readable.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&plain(&lock(&self.shared.0).raw)).into_owned()
    }

    /// Everything shown, to the byte.
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.shared.0).raw.clone()
    }

    /// Waits until the terminal's far end is closed everywhere.
    pub fn wait_ended(&self, patience: Duration) {
        let wait = self.shared.1.wait_timeout_while(lock(&self.shared.0), patience, |shown| !shown.ended);
        drop(wait);
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without carriage returns and escape sequences, of which the last may not have come whole.
fn plain(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'\r' => {}
            0x1b => skip_sequence(&mut rest),
            _ => out.push(byte),
        }
    }
    out
}

fn skip_sequence(rest: &mut impl Iterator<Item = u8>) {
    match rest.next() {
        // Control sequence: parameters, then one final byte (ECMA-48 §5.4).
        Some(b'[') => _ = rest.find(|byte| (0x40..=0x7e).contains(byte)),
        // Operating system command: up to BEL or ST.
        Some(b']') => {
            if rest.find(|&byte| byte == 0x07 || byte == 0x1b) == Some(0x1b) {
                rest.next();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn escape_sequences_are_not_seen_even_half() {
        assert_eq!(plain(b"\x1b[1;31mred\x1b[0m\r\n\x1b]0;title\x07x\x1b[2"), b"red\nx");
        assert_eq!(plain(b"\x1b]8;;u\x1b\\link\x1b"), b"link");
    }
}
