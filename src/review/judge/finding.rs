//! A finding: its kind, its severity and its text.

use serde::{Deserialize, Serialize};

/// A fact that a reviewer must know.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    pub id: FindingId,
    pub severity: Severity,
    /// A description of the finding, for the reviewer.
    pub what: String,
}

/// The severity of a finding, the most severe first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The session differs from the custodians' approval, or a promise of the program is broken or not proven. A person
    /// must find the cause.
    Problem,
    /// A person must explain the finding, or a source of the review is missing.
    Explain,
    /// A fact that the reviewer should know. A session without problems can also have a note.
    Note,
}

/// The kinds of findings. The JSON names of the kinds do not change in later versions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingId {
    LedgerBroken,
    DrillFailed,
    DrillNotSigned,
    DrillNotComplete,
    SignatureNotValid,
    OtherVaultFile,
    SignaturesNotChecked,
    TooFewApprovals,
    NoAlertAcknowledged,
    OpenedWithoutAlert,
    CustomEndpoint,
    CredentialsUsedAgain,
    OpenedWithExtraKey,
    OlderEpochOpened,
    AlertNotSent,
    AlertNotAcknowledged,
    CloseNotProven,
    CloseNotProbed,
    OpeningNotConfirmed,
    EnabledOutsideWindow,
    OtherWindow,
    OpeningNotInCloudtrail,
    OpeningNotInLedger,
    CloseNotInCloudtrail,
    PrincipalsUnknown,
    CloudtrailNotQueried,
    CloudtrailIncomplete,
    CloudtrailQueriedTooEarly,
    SessionOlderThanCloudtrail,
    CallsOutsideWindow,
    CallsUnexpected,
    CallsRefused,
    CallsOfAnotherSession,
    CallsWithoutSessionId,
}

/// The number of findings of each severity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FindingCounts {
    pub problems: usize,
    pub to_explain: usize,
    pub notes: usize,
}

impl Severity {
    /// Returns the name of the severity on the page and on the terminal. The JSON has the same name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Explain => "explain",
            Self::Note => "note",
        }
    }
}

impl FindingCounts {
    /// Counts, for each severity, the findings with that severity.
    pub fn of(severities: impl Iterator<Item = Severity>) -> Self {
        let mut counts = Self { problems: 0, to_explain: 0, notes: 0 };
        for severity in severities {
            match severity {
                Severity::Problem => counts.problems += 1,
                Severity::Explain => counts.to_explain += 1,
                Severity::Note => counts.notes += 1,
            }
        }
        counts
    }

    /// Returns the number of all findings.
    pub fn all(self) -> u64 {
        (self.problems + self.to_explain + self.notes) as u64
    }

    /// Returns the counts as words, such as `0 problems, 1 to explain, 2 notes`.
    pub fn words(self) -> String {
        let Self { problems, to_explain, notes } = self;
        let plural = |count| if count == 1 { "" } else { "s" };
        format!(
            "{problems} problem{}, {to_explain} to explain, {notes} note{}",
            plural(problems),
            plural(notes)
        )
    }
}
