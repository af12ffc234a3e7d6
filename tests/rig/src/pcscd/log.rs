//! Reads the daemon's log while the daemon runs. After a timeout, the rig shows the log.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Default)]
pub(super) struct Log {
    written: Arc<Mutex<Written>>,
}

#[derive(Default)]
struct Written {
    text: String,
    ended: bool,
}

impl Log {
    /// Reads `output` to its end on a separate thread.
    pub fn follow(output: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                writer.written().text += &format!("{line}\n");
            }
            writer.written().ended = true;
        });
        log
    }

    /// Returns the log so far.
    pub fn text(&self) -> String {
        self.written().text.clone()
    }

    /// Returns whether the log has ended.
    pub fn has_ended(&self) -> bool {
        self.written().ended
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
