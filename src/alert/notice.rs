//! The content of an alert. A receiver gets a notice either as a subject and a text, or as JSON.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::gate::SessionId;
use crate::ledger::{AlertTopic, Head, VaultFacts};
use crate::time_text;
use crate::vault::names::harmless;
use crate::vault::target::TargetId;
use crate::vault::words;

/// The fields of a notice that identify the vault.
#[derive(Clone, Debug, Serialize)]
pub struct VaultName {
    pub label: String,
    pub id: String,
    pub epoch: u64,
}

/// The content of a notice. The reasons are free text, so they can contain any characters.
#[derive(Clone, Debug)]
pub struct Notice {
    pub topic: AlertTopic,
    pub at: Timestamp,
    pub drill: bool,
    pub session: Option<SessionId>,
    pub vault: VaultName,
    pub target: TargetId,
    /// The reason from `--reason`: why access is opened.
    pub reason: Option<String>,
    /// The reason from `--again`: why spent credentials are used again.
    pub again: Option<String>,
    /// The reason from `--no-alert`: why the opening does not wait for an acknowledgement.
    pub no_alert: Option<String>,
    /// The reason from `--older-epoch`: why this vault file is opened although a newer file of the same vault was
    /// opened before.
    pub older_epoch: Option<String>,
    /// Whether the operator used `--force` to close the window of another session.
    pub forced: bool,
    /// The duration of the window, in seconds.
    pub window: Option<u64>,
    /// T1, the end of the window.
    pub until: Option<Timestamp>,
    /// The custodians whose tokens signed the approval, or the statement of a close.
    pub approved_by: Vec<String>,
    /// Why the session ended.
    pub detail: Option<String>,
    /// The ledger's head at the time when the notice was sent.
    pub ledger: Option<Head>,
    /// This machine's host name.
    pub host: String,
}

/// The notice's JSON.
#[derive(Serialize)]
struct NoticeForm<'a> {
    v: u8,
    topic: AlertTopic,
    at: Timestamp,
    drill: bool,
    subject: String,
    text: String,
    session: Option<SessionId>,
    vault: &'a VaultName,
    target: &'a TargetId,
    reason: Option<&'a str>,
    again: Option<&'a str>,
    no_alert: Option<&'a str>,
    older_epoch: Option<&'a str>,
    forced: bool,
    window: Option<u64>,
    until: Option<Timestamp>,
    approved_by: &'a [String],
    detail: Option<&'a str>,
    ledger: Option<LedgerForm>,
    host: &'a str,
}

#[derive(Serialize)]
struct LedgerForm {
    seq: u64,
    sha256: String,
    words: String,
}

/// The maximum length of an alert's subject, in characters. SNS accepts only subjects of fewer than 100 characters.
const LONGEST_SUBJECT: usize = 98;

impl Notice {
    /// Returns a notice about one target of a vault, with this machine's host name. The notice's topic is
    /// [`AlertTopic::Closed`], and all optional fields are empty.
    pub fn of(vault: &VaultFacts, target: &TargetId) -> Self {
        Self {
            topic: AlertTopic::Closed,
            at: Timestamp::now(),
            drill: false,
            session: None,
            vault: VaultName { label: vault.label.clone(), id: vault.vault_id.clone(), epoch: vault.epoch },
            target: target.clone(),
            reason: None,
            again: None,
            no_alert: None,
            older_epoch: None,
            forced: false,
            window: None,
            until: None,
            approved_by: Vec::new(),
            detail: None,
            ledger: None,
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }

    /// Returns the subject as one line of printable ASCII characters.
    pub fn subject(&self) -> String {
        self.title().chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
    }

    /// Returns the subject as one line of Unicode text.
    pub fn title(&self) -> String {
        let drill = if self.drill { "[DRILL] " } else { "" };
        let over = if self.is_override() { "OVERRIDE, " } else { "" };
        let what = match self.topic {
            AlertTopic::Opening => "opening",
            AlertTopic::Closing => "a quorum is closing",
            AlertTopic::NotOpened => "not opened:",
            AlertTopic::Closed => "closed:",
            AlertTopic::MayBeOpen => "MAY STILL BE OPEN:",
        };
        let reason = self.reason.as_deref().map_or(String::new(), |reason| format!(" - {reason}"));
        let subject = format!(
            "{drill}breakglass: {over}{what} {} (account {}){reason}",
            self.target.name, self.target.account
        );
        harmless(&subject, ' ').chars().take(LONGEST_SUBJECT).collect()
    }

    /// Reports whether the operator used `--no-alert`, `--again`, `--older-epoch` or `--force`.
    pub fn is_override(&self) -> bool {
        self.no_alert.is_some() || self.again.is_some() || self.older_epoch.is_some() || self.forced
    }

    /// Reports whether the notice says that access is about to be opened, or that access may still be open. A notice
    /// about a drill is never critical.
    pub fn is_critical(&self) -> bool {
        !self.drill && matches!(self.topic, AlertTopic::MayBeOpen | AlertTopic::Opening)
    }

    /// Returns the notice as lines of text. Control characters are replaced with spaces.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name}: {}", harmless(value, ' '));
        };
        if self.drill {
            line("drill", "this is a drill; no production access is opened");
        }
        line("what", self.summary());
        let TargetId { name, account, user, partition } = &self.target;
        line("target", &format!("{name}: user {user} in account {account} ({partition})"));
        line("vault", &format!("{} ({}), epoch {}", self.vault.label, self.vault.id, self.vault.epoch));
        let session = self.session.map(|session| session.to_string());
        let window = self.window.map(time_text::seconds);
        let until = self.until.map(time_text::utc);
        let approved = Some(self.approved_by.join(", ")).filter(|names| !names.is_empty());
        let forced = self.forced.then(|| "the window of another session was closed by force".to_owned());
        let head =
            self.ledger.map(|h| format!("{}: {} = {}", h.seq, words::of(&h.sha256), hex::encode(h.sha256)));
        let more = [
            ("session", &session),
            ("reason", &self.reason),
            ("again", &self.again),
            ("no alert", &self.no_alert),
            ("older epoch", &self.older_epoch),
            ("override", &forced),
            ("window", &window),
            ("ends", &until),
            ("approved by", &approved),
            ("detail", &self.detail),
            ("ledger", &head),
        ];
        for (name, value) in more.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            line(name, value);
        }
        line("machine", &self.host);
        line("at", &time_text::utc(self.at));
        text
    }

    fn summary(&self) -> &'static str {
        match self.topic {
            AlertTopic::Opening => "emergency access is about to be opened",
            AlertTopic::Closing => {
                "a quorum gave its shares to close emergency access; the shares count as released, and the \
                 credentials count as spent"
            }
            AlertTopic::NotOpened => "emergency access was not opened; nothing is enabled",
            AlertTopic::Closed => "emergency access is closed",
            AlertTopic::MayBeOpen => "emergency access MAY STILL BE OPEN: it is not proven closed",
        }
    }

    /// Returns the notice as JSON.
    pub fn json(&self) -> Vec<u8> {
        let ledger = self.ledger.map(|head| LedgerForm {
            seq: head.seq,
            sha256: hex::encode(head.sha256),
            words: words::of(&head.sha256),
        });
        let form = NoticeForm {
            v: 1,
            topic: self.topic,
            at: self.at,
            drill: self.drill,
            subject: self.subject(),
            text: self.text(),
            session: self.session,
            vault: &self.vault,
            target: &self.target,
            reason: self.reason.as_deref(),
            again: self.again.as_deref(),
            no_alert: self.no_alert.as_deref(),
            older_epoch: self.older_epoch.as_deref(),
            forced: self.forced,
            window: self.window,
            until: self.until,
            approved_by: &self.approved_by,
            detail: self.detail.as_deref(),
            ledger,
            host: &self.host,
        };
        serde_json::to_vec(&form).unwrap_or_default()
    }

    /// Returns a key that no other notice has. If a receiver gets the same notice twice, the receiver can recognize
    /// the duplicate by this key.
    pub fn key(&self) -> String {
        let session = self.session.map_or_else(|| self.vault.id.clone(), |session| session.to_string());
        let topic = match self.topic {
            AlertTopic::Opening => "opening",
            AlertTopic::Closing => "closing",
            AlertTopic::NotOpened => "not-opened",
            AlertTopic::Closed => "closed",
            AlertTopic::MayBeOpen => "may-be-open",
        };
        format!("breakglass-{session}-{topic}-{}", self.at.as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(reason: &str) -> Notice {
        Notice {
            topic: AlertTopic::Opening,
            at: "2026-11-22T02:17:00Z".parse().expect("the test's time should be valid"),
            drill: false,
            session: Some(SessionId::from_bytes([7; 8])),
            vault: VaultName { label: "production".into(), id: "ab".repeat(16), epoch: 3 },
            target: TargetId {
                name: "prod".into(),
                partition: "aws".into(),
                account: "111122223333".into(),
                user: "emergency".into(),
            },
            reason: Some(reason.into()),
            again: None,
            no_alert: None,
            older_epoch: None,
            forced: false,
            window: Some(1800),
            until: None,
            approved_by: vec!["alice".into(), "bob".into()],
            detail: None,
            ledger: Some(Head { seq: 4, sha256: [0; 32] }),
            host: "desk".into(),
        }
    }

    #[test]
    fn line_breaks_in_a_reason_become_spaces() {
        let hostile = notice("x\r\nBcc: all@example.org\u{1b}[2J\u{202e}");
        let subject = hostile.subject();
        assert!(subject.len() < 100 && subject.bytes().all(|b| (0x20..0x7f).contains(&b)), "{subject}");
        let text = hostile.text();
        assert!(text.contains("reason: x  Bcc: all@example.org [2J") && !text.contains('\u{1b}'), "{text}");
        assert!(notice(&"long ".repeat(60)).subject().len() < 100);
    }

    #[test]
    fn the_subject_shows_a_drill_an_override_and_access_that_may_be_open() {
        let mut drill = notice("x");
        drill.drill = true;
        assert!(drill.subject().starts_with("[DRILL] breakglass: opening prod") && !drill.is_critical());
        let mut over = notice("x");
        over.no_alert = Some("pager is down".into());
        assert!(
            over.subject().starts_with("breakglass: OVERRIDE, opening")
                && over.text().contains("pager is down")
        );
        let mut open = notice("x");
        open.topic = AlertTopic::MayBeOpen;
        assert!(open.subject().contains("MAY STILL BE OPEN") && open.is_critical());
    }

    #[test]
    fn two_closes_without_a_session_have_different_keys() {
        let mut close = Notice { session: None, topic: AlertTopic::Closed, ..notice("x") };
        let first = close.key();
        close.at = close
            .at
            .saturating_add(jiff::SignedDuration::from_mins(1))
            .expect("a minute later should be a valid time");
        assert_ne!(first, close.key());
    }

    #[test]
    fn a_notice_has_the_ledgers_head_as_words() {
        let json: serde_json::Value =
            serde_json::from_slice(&notice("x").json()).expect("the notice should be JSON");
        assert_eq!(json["ledger"]["words"], "abandon abandon abandon abandon abandon abandon");
        assert_eq!((&json["v"], &json["topic"]), (&1.into(), &"opening".into()));
        assert!(notice("x").text().contains("abandon abandon"));
    }
}
