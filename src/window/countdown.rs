//! Formats the time left for the warning before the end of the window.

/// Returns the number of minutes left as text, such as `5 minutes left`.
pub fn left(minutes: u64) -> String {
    if minutes == 1 { "1 minute left".into() } else { format!("{minutes} minutes left") }
}
