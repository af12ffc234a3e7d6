//! The commands that the review prints as next steps. The program fills in each value that it knows.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::gate::SessionId;
use crate::placeholder::{self, PROFILE, PROFILE_READS_CALLS, VAULT, VAULT_IS};
use crate::shell;

/// The options with which the reviewer ran `review`.
#[derive(Clone, Debug, Default)]
pub struct ReviewCommand {
    pub vault: Option<PathBuf>,
    /// The AWS profile for CloudTrail.
    pub profile: Option<String>,
    /// The ledgers that were given with `--ledger`.
    pub ledgers: Vec<PathBuf>,
    /// The path of the packet, if the reviewer gave a path.
    pub packet: Option<PathBuf>,
}

impl ReviewCommand {
    /// Returns the command that repeats the review with CloudTrail. The command writes new, numbered files.
    pub fn again(&self, session: SessionId) -> String {
        let mut command = format!("breakglass review {session}");
        if let Some(vault) = &self.vault {
            let _ = write!(command, " --vault {}", shell::path(vault));
        }
        let profile = self.profile.as_deref().map(|name| shell::word(OsStr::new(name)));
        let _ = write!(command, " --profile {}", profile.unwrap_or(PROFILE.into()).to_string_lossy());
        for ledger in &self.ledgers {
            let _ = write!(command, " --ledger {}", shell::path(ledger));
        }
        command
    }

    /// Returns the command that has a custodian sign the packet.
    pub(super) fn sign(&self, session: SessionId) -> String {
        let mut command = format!("breakglass review {session} --vault {}", self.vault());
        if let Some(packet) = self.packet.as_deref().filter(|path| *path != Path::new("-")) {
            let _ = write!(command, " --json {}", shell::path(packet));
        }
        command + " --sign"
    }

    /// Returns the commands that show and close the access of the vault's user.
    pub(super) fn close(&self) -> Vec<String> {
        let vault = self.vault();
        vec![format!("breakglass status {vault}"), format!("breakglass close {vault}")]
    }

    /// Explains the placeholder for the AWS profile, if the profile is not known.
    pub(super) fn explained_profile(&self) -> String {
        placeholder::explained(&[self.profile.is_none().then_some(PROFILE_READS_CALLS)])
    }

    /// Explains the placeholder for the vault, if the vault is not known.
    pub(super) fn explained_vault(&self) -> String {
        placeholder::explained(&[self.vault.is_none().then_some(VAULT_IS)])
    }

    fn vault(&self) -> String {
        self.vault.as_deref().map_or(VAULT.into(), shell::path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_value_is_filled_in_and_quoted() {
        let session = SessionId::from_bytes([7; 8]);
        let command = ReviewCommand {
            vault: Some("my vaults/prod.age".into()),
            profile: Some("audit of prod".into()),
            ledgers: vec!["-copy.jsonl".into()],
            packet: None,
        };
        assert_eq!(
            command.again(session),
            "breakglass review 0707070707070707 --vault 'my vaults/prod.age' --profile 'audit of prod' \
             --ledger ./-copy.jsonl"
        );
        assert_eq!(
            command.sign(session),
            "breakglass review 0707070707070707 --vault 'my vaults/prod.age' --sign"
        );
        let named = ReviewCommand { packet: Some("p.json".into()), ..command.clone() };
        assert!(named.sign(session).ends_with(" --json p.json --sign"));
        let stdout = ReviewCommand { packet: Some("-".into()), ..command };
        assert!(!stdout.sign(session).contains("--json"), "standard output is not a file to sign");
        assert_eq!(stdout.explained_profile() + &stdout.explained_vault(), "");
        let unknown = ReviewCommand::default();
        assert!(
            unknown.explained_profile().contains("NAME is") && unknown.explained_vault().contains("VAULT is")
        );
        assert_eq!(unknown.again(session), "breakglass review 0707070707070707 --profile NAME");
        assert_eq!(unknown.sign(session), "breakglass review 0707070707070707 --vault VAULT --sign");
    }
}
