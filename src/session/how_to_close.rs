//! The shell commands that close access. The program shows the commands to an operator who must close access by hand.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::error::{Error, Status};
use crate::placeholder::{self, PROFILE, VAULT, VAULT_IS};
use crate::shell;
use crate::time_text;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// Explains [`PROFILE`] in a command that closes access.
const PROFILE_CLOSES: &str = "NAME is an AWS profile that is allowed to attach AWSDenyAll to the user";

/// The role of a target in the lane `static`.
#[derive(Clone, Debug)]
pub(crate) enum TargetRole {
    /// The role's ARN.
    Arn(String),
    /// The role is sealed in the vault, and no ledger names it.
    NotKnown,
}

impl From<Option<String>> for TargetRole {
    fn from(arn: Option<String>) -> Self {
        arn.map_or(Self::NotKnown, Self::Arn)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct HowToClose {
    pub(crate) vault: PathBuf,
    pub(crate) target: TargetId,
    /// The emergency key's id, if it is known.
    pub(crate) key: Option<String>,
    /// The role of a target in the lane `static`.
    pub(crate) role: Option<TargetRole>,
    /// The AWS profile with which the operator can close access, if it is known.
    pub(crate) profile: Option<String>,
}

impl HowToClose {
    /// Creates the commands from the manifest's data only. The manifest contains neither the key id nor the role.
    pub(crate) fn new(vault: &Path, target: &TargetId, lane: Lane) -> Self {
        let role = (lane == Lane::Static).then_some(TargetRole::NotKnown);
        Self { vault: vault.to_owned(), target: target.clone(), key: None, role, profile: None }
    }

    /// Creates the commands for a target of which the vault file is not known.
    pub(crate) fn without_vault(target: &TargetId, lane: Lane) -> Self {
        Self::new(Path::new(VAULT), target, lane)
    }

    /// Returns the commands, one per line. The first command is `breakglass close`, which works on any machine. The
    /// other commands use the AWS CLI and work without breakglass.
    pub(crate) fn commands(&self) -> String {
        if let Some(role) = &self.role {
            return self.role_commands(role);
        }
        let (user, deny) = (&self.target.user, self.target.deny_all_arn());
        // `AWSDenyAll` alone closes access, so the command that deactivates the key is optional.
        let key = self.key.as_deref().map_or(String::new(), |key| {
            format!(
                " && aws iam update-access-key --user-name {user} --access-key-id {key} --status Inactive"
            )
        });
        let explained = placeholder::explained(&[
            (self.vault == Path::new(VAULT)).then_some(VAULT_IS),
            self.profile.is_none().then_some(PROFILE_CLOSES),
        ]);
        let explained = if explained.is_empty() { explained } else { format!("\n {explained}") };
        format!(
            "close it from any machine:\n    {} --force{explained}\n  or without this program:\n    \
             aws iam attach-user-policy --user-name {user} --policy-arn {deny}{key}",
            self.with_profile()
        )
    }

    /// Returns the AWS CLI command that ends every session of a role.
    fn role_commands(&self, role: &TargetRole) -> String {
        let deny = self.target.deny_all_arn();
        let TargetRole::Arn(role) = role else {
            let user = &self.target.user;
            return format!(
                "only an IAM administrator can end the session sooner: attach {deny} to the role that user {user} is \
                 allowed to assume (and detach the policy afterwards)"
            );
        };
        let name = role.rsplit('/').next().unwrap_or(role);
        format!(
            "only an IAM administrator can end the session sooner (and has to detach the policy afterwards):\n    \
             aws iam attach-role-policy --role-name {name} --policy-arn {deny}"
        )
    }

    /// Returns the command `close` with `--force`. This command also closes a window that another machine opened.
    pub(crate) fn force_command(&self) -> String {
        format!("{} --force", self.command())
    }

    /// Returns the command that closes with a profile of the AWS configuration, without a quorum.
    fn with_profile(&self) -> String {
        let profile = self.profile.as_deref().map_or_else(|| PROFILE.to_owned(), quoted);
        format!("{} --profile {profile}", self.close_command())
    }

    /// Returns the next step for a window that another machine opened.
    pub(crate) fn by_force(&self) -> String {
        format!("to close it anyway: {}", self.force_command())
    }

    /// Returns the command that closes with a profile. If the profile is not known, also explains the placeholder.
    pub(crate) fn with_profile_explained(&self) -> String {
        let explained = placeholder::explained(&[self.profile.is_none().then_some(PROFILE_CLOSES)]);
        format!("{}{explained}", self.with_profile())
    }

    /// Returns the command that closes with a quorum, or with the profile if it is known.
    pub(crate) fn command(&self) -> String {
        let profile =
            self.profile.as_deref().map_or(String::new(), |name| format!(" --profile {}", quoted(name)));
        format!("{}{profile}", self.close_command())
    }

    fn close_command(&self) -> String {
        format!("breakglass close {} --target {}", shell::path(&self.vault), self.target.name)
    }

    /// Returns the error with exit status 10, which says that access may still be open.
    pub(crate) fn may_be_open(&self, why: &str, until: Option<Timestamp>, now: Timestamp) -> Error {
        let what = match until {
            Some(until) if until > now => format!("until {}, when AWS ends it", time_text::local(until)),
            Some(until) => {
                format!(
                    "although the window ended at {}, because there is no proof that access is closed",
                    time_text::local(until)
                )
            }
            None => "and its end is not known".into(),
        };
        Error::new(Status::MayBeOpen, format!("access may still be open, {what}: {why}"))
            .next(self.commands())
            .until(until)
    }
}

/// Returns the name as a word of a shell command.
fn quoted(name: &str) -> String {
    shell::word(OsStr::new(name)).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_commands_are_quoted_for_a_shell() {
        let target = TargetId {
            name: "prod".into(),
            partition: "aws-cn".into(),
            account: "111122223333".into(),
            user: "emergency".into(),
        };
        let how = HowToClose {
            vault: "/vaults/it's prod.age".into(),
            target,
            key: Some("AKIAX".into()),
            role: None,
            profile: None,
        };
        let until: Timestamp = "2026-11-22T02:47:00Z".parse().expect("an instant");
        let now: Timestamp = "2026-11-22T02:40:00Z".parse().expect("an instant");
        let error = how.may_be_open("no proof", Some(until), now);
        assert_eq!(error.status.code(), 10);
        let text = error.to_string();
        assert!(text.contains("02:47:00 UTC"), "{text}");
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let attach = "aws iam attach-user-policy --user-name emergency --policy-arn arn:aws-cn:iam::aws:policy/AWSDenyAll";
        let switch =
            "aws iam update-access-key --user-name emergency --access-key-id AKIAX --status Inactive";
        for line in [
            "breakglass close '/vaults/it'\\''s prod.age' --target prod --profile NAME --force",
            &format!("{attach} && {switch}"),
        ] {
            assert!(lines.contains(&line), "{text}");
        }
        let named = HowToClose { profile: Some("panic".into()), ..how.clone() }.commands();
        assert!(named.contains(" --target prod --profile panic --force"), "{named}");
        let without = HowToClose { key: None, ..how }.commands();
        assert!(without.lines().any(|line| line.trim() == attach), "{without}");
    }
}
