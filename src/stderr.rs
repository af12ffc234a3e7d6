//! Lines on stderr and stdout that never hold anything up: a terminal that takes no output loses them, and nothing waits.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};

/// How long a line may wait for a terminal or a pipe that is full.
const PATIENCE: Duration = Duration::from_millis(200);

/// Writes one line; what cannot be written is lost.
pub fn line(text: &str) {
    write(io::stderr(), "/proc/self/fd/2", text);
}

/// The same on stdout.
pub fn line_on_stdout(text: &str) {
    write(io::stdout(), "/proc/self/fd/1", text);
}

/// Writes to the terminal itself, wherever stderr goes, over a countdown that may be there.
///
/// # Errors
/// When there is no terminal, or it does not take it at once.
pub fn on_terminal(text: &str) -> io::Result<()> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    let own = OpenOptions::new().write(true).custom_flags(flags).open("/dev/tty")?;
    patiently(own, format!("\r\x1b[K{text}").as_bytes())
}

fn write(mut to: impl Write + AsFd, path: &str, text: &str) {
    let line = format!("{text}\n");
    let fills_up = fstat(&to).is_ok_and(|stat| {
        matches!(FileType::from_raw_mode(stat.st_mode), FileType::CharacterDevice | FileType::Fifo)
    });
    // Opened anew, not to wait is a property of this descriptor alone and not of everybody's.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    let anew = || OpenOptions::new().write(true).custom_flags(flags).open(path);
    let _ = match fills_up.then(anew) {
        Some(Ok(own)) => patiently(own, line.as_bytes()),
        Some(Err(_)) | None => to.write_all(line.as_bytes()).and_then(|()| to.flush()),
    };
}

fn patiently(mut to: impl Write + AsFd, mut bytes: &[u8]) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(e);
                }
                let timeout = Timespec::try_from(left).ok();
                let _ = poll(&mut [PollFd::new(&to, PollFlags::OUT)], timeout.as_ref());
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
