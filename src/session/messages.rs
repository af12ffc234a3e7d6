//! What is said: instants by AWS's clock in UTC and local time, and how to close what may still be open.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::{Error, Status, interrupted};
use crate::vault::manifest::Lane;
use crate::vault::target::{TargetId, deny_all_arn};
use crate::window::Cause;

/// `02:47:00 UTC (03:47 local)`; with its date unless that is today's.
pub(crate) fn clock(at: Timestamp) -> String {
    clock_seen(at, Timestamp::now())
}

fn clock_seen(at: Timestamp, now: Timestamp) -> String {
    let local = at.to_zoned(TimeZone::system());
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let date = if day(at) == day(now) { String::new() } else { day(at) + " " };
    format!("{date}{} UTC ({} local)", at.strftime("%H:%M:%S"), local.strftime("%H:%M"))
}

/// What ended the window.
pub(crate) fn cause(cause: Cause) -> String {
    match cause {
        Cause::Deadline => "its end was reached".into(),
        Cause::Signal(signal) => interrupted(signal),
        Cause::ChildEnded => "the command ended".into(),
        Cause::Quit => "closed from the keyboard".into(),
        Cause::Failed => "opening failed".into(),
        Cause::Panicked => "this program broke".into(),
        Cause::Asked => "close was asked for".into(),
    }
}

/// Everything that the commands which close need.
#[derive(Clone, Debug)]
pub(crate) struct HowToClose {
    pub(crate) vault: std::path::PathBuf,
    pub(crate) target: String,
    pub(crate) partition: String,
    pub(crate) user: String,
    pub(crate) key: Option<String>,
    /// In the lane static: the role whose session it is.
    pub(crate) role: Option<String>,
}

impl HowToClose {
    /// As far as a manifest tells: no key, and of a role not its name.
    pub(crate) fn of(vault: &Path, target: &TargetId, lane: Lane) -> Self {
        Self {
            vault: vault.to_owned(),
            target: target.name.clone(),
            partition: target.partition.clone(),
            user: target.user.clone(),
            key: None,
            role: (lane == Lane::Static).then(|| "ROLE".to_owned()),
        }
    }

    /// With this tool from any machine, and without it: one line each, to be pasted.
    pub(crate) fn commands(&self) -> String {
        if let Some(role) = &self.role {
            return self.ends_the_role(role);
        }
        let (vault, user) = (quoted(&self.vault), &self.user);
        let deny = deny_all_arn(&self.partition);
        // The deny alone ends access; where no key is known it has to do.
        let key = self.key.as_deref().map_or(String::new(), |key| {
            format!(
                " && aws iam update-access-key --user-name {user} --access-key-id {key} --status Inactive"
            )
        });
        format!(
            "close it from any machine:\n    \
             breakglass close {vault} --target {} --profile NAME --force\n  \
             or without this tool:\n    \
             aws iam attach-user-policy --user-name {user} --policy-arn {deny}{key}",
            self.target
        )
    }

    /// What ends every session of a role, for whoever may.
    fn ends_the_role(&self, role: &str) -> String {
        let (name, deny) = (role.rsplit('/').next().unwrap_or(role), deny_all_arn(&self.partition));
        format!(
            "only an administrator with IAM can end it sooner (detach it again afterwards):\n    \
             aws iam attach-role-policy --role-name {name} --policy-arn {deny}"
        )
    }

    /// The same command once more, for somebody else's window.
    pub(crate) fn by_force(&self, profile: Option<&str>) -> String {
        let profile = profile.map(|name| format!(" --profile {}", shell_word(name))).unwrap_or_default();
        let vault = quoted(&self.vault);
        format!("to end it all the same: breakglass close {vault} --target {}{profile} --force", self.target)
    }

    /// Exit status 10.
    pub(crate) fn may_be_open(&self, why: &str, until: Option<Timestamp>, now: Timestamp) -> Error {
        let known = until;
        let until = match until {
            Some(until) if until > now => format!("until {}, when AWS ends it", clock(until)),
            Some(until) => format!("although its end, {}, has passed, for there is no proof", clock(until)),
            None => "and until when is not known".into(),
        };
        let what = format!("access may still be open, {until}: {why}");
        Error::new(Status::MayBeOpen, what).until(known).next(self.commands())
    }
}

/// For a shell, and for this program: a path is no option.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    shell_word(&if text.starts_with('-') { format!("./{text}") } else { text.into_owned() })
}

/// For a shell.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@%:,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_days_end_has_its_date() {
        let at: Timestamp = "2026-11-22T02:47:00Z".parse().expect("an instant");
        let seen = |now: &str| clock_seen(at, now.parse().expect("an instant"));
        assert!(seen("2026-11-22T23:00:00Z").starts_with("02:47:00 UTC ("));
        assert!(seen("2026-11-21T23:00:00Z").starts_with("2026-11-22 02:47:00 UTC ("));
    }

    #[test]
    fn a_path_is_no_option() {
        assert_eq!(quoted(Path::new("-x.age")), "./-x.age");
        assert_eq!(quoted(Path::new("- x.age")), "'./- x.age'");
        assert_eq!(quoted(Path::new("")), "''");
    }

    #[test]
    fn the_closing_commands_can_be_pasted() {
        let how = HowToClose {
            vault: "/vaults/it's prod.age".into(),
            target: "prod".into(),
            partition: "aws-cn".into(),
            user: "emergency".into(),
            key: Some("AKIAX".into()),
            role: None,
        };
        let until: Timestamp = "2026-11-22T02:47:00Z".parse().expect("an instant");
        let now: Timestamp = "2026-11-22T02:40:00Z".parse().expect("an instant");
        let said = how.may_be_open("no proof", Some(until), now);
        assert_eq!(said.status.code(), 10);
        let text = said.to_string();
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
        let without = HowToClose { key: None, ..how }.commands();
        assert!(without.lines().any(|line| line.trim() == attach), "{without}");
    }
}
