//! The night: a sealed office and the account that its vault opens.

use std::path::Path;

use crate::aws::{Account, Aws, Probe};
use crate::office::Office;

/// Custodians who hold a vault for one account, any two of them.
pub struct Night {
    /// Where the account is.
    pub aws: Aws,
    /// Who opens it, with what.
    pub office: Office,
    /// What is opened.
    pub account: Account,
}

impl Night {
    /// Everybody is enrolled, `prod.age` is sealed, no token is plugged in.
    pub fn new(program: impl AsRef<Path>, account: &str, custodians: &[&str]) -> Self {
        let aws = Aws::shared();
        let account = aws.seed(account);
        let office = Office::enrolled(program.as_ref(), custodians).with_aws(&aws);
        office.seal(&account.payload(Account::grant(), "4h"), 2);
        Self { aws, office, account }
    }

    /// The same, with these custodians' tokens plugged in.
    #[must_use]
    pub fn plugged(self, names: &[&str]) -> Self {
        for name in names {
            self.office.plug(name);
        }
        self
    }

    /// Whether AWS lets the emergency key in.
    pub fn is_open(&self) -> bool {
        matches!(self.account.probe(&self.account.emergency), Probe::Open)
    }

    /// Whether AWS refuses the emergency key.
    pub fn is_shut(&self) -> bool {
        matches!(self.account.probe(&self.account.emergency), Probe::Shut(_))
    }

    /// What was written in IAM so far, in order.
    pub fn writes(&self) -> Vec<String> {
        let iam =
            self.account.journal().into_iter().filter(|call| call.service == "iam").map(|call| call.action);
        iam.filter(|action| !action.starts_with("Get") && !action.starts_with("List")).collect()
    }
}
