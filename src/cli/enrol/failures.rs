//! The errors of `enrol`. Each error states that no file was written.

use super::Enrolling;
use crate::cli::token_dialog::{DialogError, TokenFailure};
use crate::custody::attestation::AttestationError;
use crate::custody::token::{Token as _, TokenError};
use crate::error::{Error, Status};

impl Enrolling<'_> {
    pub(super) fn not_genuine(&self, why: &dyn std::fmt::Display) -> Error {
        let serial = self.token.serial();
        Error::new(Status::TokenFailed, format!("{}: YubiKey {serial} is not attested: {why}", self.name))
            .and("no file was written")
            .next("use a genuine YubiKey, or name its root certificate with --attestation-root")
    }

    /// Returns the error for an attestation that does not lead to a trusted root. If an issuer's certificate is missing
    /// or cannot be read, the error says that the token cannot be verified. For every other reason, the error says that the
    /// token is not attested.
    pub(super) fn no_chain(&self, why: &AttestationError) -> Error {
        let next = match why {
            AttestationError::IssuerMissing { .. } => {
                "add that certificate to the file that --attestation-root names; Yubico's certificates are at \
                 developers.yubico.com/PKI"
            }
            AttestationError::Trusted(_) => {
                "replace that certificate in the file that --attestation-root names; Yubico's certificates are at \
                 developers.yubico.com/PKI"
            }
            _ => return self.not_genuine(why),
        };
        let serial = self.token.serial();
        Error::new(Status::TokenFailed, format!("{}: YubiKey {serial} cannot be verified: {why}", self.name))
            .and("no file was written")
            .next(next)
    }

    pub(super) fn failed(&self, why: TokenError) -> Error {
        let TokenFailure { what, next, .. } = TokenFailure::of(self.token.serial(), why);
        Error::new(Status::TokenFailed, what).context(self.name).and("no file was written").next(next)
    }

    pub(super) fn ended(&self, why: DialogError) -> Error {
        match why {
            DialogError::Token(why) => self.failed(why),
            DialogError::Skipped { .. } => {
                Error::usage(format!("{} was skipped", self.name)).and("no file was written")
            }
            DialogError::Ended(ended) => ended.nothing_enrolled(),
            DialogError::Fatal(error) => error,
        }
    }
}
