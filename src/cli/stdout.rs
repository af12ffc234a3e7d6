//! Results on standard output.

use std::io::{ErrorKind, Write as _};

use crate::error::{Error, Result};

/// Writes a result to standard output, all of it.
///
/// # Errors
/// When standard output does not take it.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever reads has seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|e| Error::failed(format!("standard output does not take the result: {e}")))
        }
    }
}

/// How many columns a line of text may have: the terminal's, from 80 to 160; 80 where standard output is none.
pub fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| size.ws_col);
    usize::from(size).clamp(80, 160)
}
