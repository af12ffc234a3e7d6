//! The text of the warning that the window ends soon.

/// Returns a text that states how many minutes are left.
pub fn left(minutes: u64) -> String {
    if minutes == 1 { "1 minute left".into() } else { format!("{minutes} minutes left") }
}
