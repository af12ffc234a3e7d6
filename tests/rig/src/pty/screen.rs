//! Reads a terminal's output as soon as the output arrives, so that the command never blocks.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A terminal's output, and the position up to which a person has read the output.
pub(super) struct Screen {
    shared: Arc<(Mutex<Shown>, Condvar)>,
    read: usize,
}

#[derive(Default)]
struct Shown {
    raw: Vec<u8>,
    plain: Plain,
    ended: bool,
}

impl Shown {
    fn show(&mut self, bytes: &[u8]) {
        self.raw.extend(bytes);
        self.plain.feed(bytes);
    }
}

impl Screen {
    /// Reads `output` to its end on a separate thread.
    pub fn follow(mut output: File) -> Self {
        let shared = Arc::<(Mutex<Shown>, Condvar)>::default();
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // If the other side of a terminal is closed, a read fails with EIO instead of reporting the end.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                lock(&writer.0).show(&buffer[..n]);
                writer.1.notify_all();
            }
            lock(&writer.0).ended = true;
            writer.1.notify_all();
        });
        Self { shared, read: 0 }
    }

    /// Returns the output from the end of the previous match to the end of `text`. Returns `None` if `text` does not
    /// appear in time.
    pub fn find(&mut self, text: &str, patience: Duration) -> Option<String> {
        let from = self.read;
        let mut looked = from;
        let mut end = None;
        let waiting = |shown: &mut Shown| {
            let plain = &shown.plain.text;
            let at = plain[looked..].windows(text.len().max(1)).position(|window| window == text.as_bytes());
            end = at.map(|at| looked + at + text.len());
            // The next search starts near the end of the searched output, because `text` could begin in the last bytes.
            looked = from.max((plain.len() + 1).saturating_sub(text.len()));
            end.is_none() && !shown.ended
        };
        let wait = self.shared.1.wait_timeout_while(lock(&self.shared.0), patience, waiting);
        let (shown, _) = wait.unwrap_or_else(PoisonError::into_inner);
        self.read = end?;
        Some(String::from_utf8_lossy(&shown.plain.text[from..self.read]).into_owned())
    }

    /// Returns the output without escape sequences.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.shared.0).plain.text).into_owned()
    }

    /// Returns the raw output.
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.shared.0).raw.clone()
    }

    /// Waits until every process has closed the terminal.
    pub fn wait_ended(&self, patience: Duration) {
        let wait = self.shared.1.wait_timeout_while(lock(&self.shared.0), patience, |shown| !shown.ended);
        drop(wait);
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a transcript. Erased text is on a separate line; repeated lines are dropped.
pub(super) fn story(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\x1b[2K", "\n").replace("\x1b[J", "\n");
    let mut plain = Plain::default();
    plain.feed(text.as_bytes());
    let text = String::from_utf8_lossy(&plain.text).into_owned();
    let mut lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.dedup();
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

/// Output without carriage returns and escape sequences. The caller passes the output in pieces.
#[derive(Default)]
struct Plain {
    text: Vec<u8>,
    inside: Inside,
}

/// Whether the last byte belongs to text or to a part of an escape sequence.
#[derive(Clone, Copy, Default)]
enum Inside {
    #[default]
    Text,
    Escape,
    /// A control sequence: parameters, then one final byte (ECMA-48 §5.4).
    Control,
    /// An operating system command (OSC), which ends with BEL or with ST, that is, with ESC and a backslash.
    System,
    SystemEscape,
}

impl Plain {
    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.inside = match (self.inside, byte) {
                (Inside::Text, 0x1b) => Inside::Escape,
                (Inside::Text, byte) => {
                    self.text.extend((byte != b'\r').then_some(byte));
                    Inside::Text
                }
                (Inside::Escape, b'[') => Inside::Control,
                (Inside::Escape, b']') => Inside::System,
                (Inside::System, 0x1b) => Inside::SystemEscape,
                (Inside::Control, 0x40..=0x7e)
                | (Inside::System, 0x07)
                | (Inside::Escape | Inside::SystemEscape, _) => Inside::Text,
                (inside @ (Inside::Control | Inside::System), _) => inside,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Plain;

    #[test]
    fn escape_sequences_are_removed_even_if_split() {
        let mut plain = Plain::default();
        for piece in [&b"\x1b[1;3"[..], b"1mred\x1b[0m\r\n\x1b]0;title\x07x", b"\x1b]8;;u\x1b\\link\x1b7\x1b"]
        {
            plain.feed(piece);
        }
        assert_eq!(plain.text, b"red\nxlink");
    }
}
