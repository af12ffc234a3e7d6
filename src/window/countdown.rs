//! How the time that is left is printed in a warning.

/// Whole minutes, as a warning says them.
pub fn left(minutes: u64) -> String {
    if minutes == 1 { "1 minute left".into() } else { format!("{minutes} minutes left") }
}
