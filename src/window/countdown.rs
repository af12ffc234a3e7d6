//! The text of a warning.

/// Returns the time left, given in whole minutes.
pub fn left(minutes: u64) -> String {
    if minutes == 1 { "1 minute left".into() } else { format!("{minutes} minutes left") }
}
