//! The placeholders in the commands that the program prints. A placeholder stands for a value that the program does not
//! know. A message with a placeholder also has the placeholder's explanation.

/// Stands for the name of an AWS profile.
pub const PROFILE: &str = "NAME";
/// Stands for the path of a vault file.
pub const VAULT: &str = "VAULT";

/// Explains [`PROFILE`] in a command that reads CloudTrail.
pub const PROFILE_READS_CALLS: &str = "NAME is an AWS profile that is allowed to read CloudTrail";
/// Explains [`VAULT`].
pub const VAULT_IS: &str = "VAULT is the vault file";

/// Returns the explanations that apply, in parentheses, to be put after a command.
pub fn explained(all: &[Option<&'static str>]) -> String {
    let all: Vec<_> = all.iter().copied().flatten().collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join("; ")) }
}
