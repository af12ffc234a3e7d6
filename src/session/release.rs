//! The custodians who gave shares to close access.

use crate::terminal::listed;

/// The custodians of a close by a quorum.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    /// The custodians who gave a share.
    pub(crate) given_by: Vec<String>,
    /// The custodians whose tokens signed the statement of the close.
    pub(crate) signed_by: Vec<String>,
}

impl Release {
    /// Describes for an alert who gave shares and who signed.
    pub(crate) fn detail(&self) -> String {
        let is_unsigned = |name: &&String| !self.signed_by.contains(name);
        let unsigned: Vec<_> = self.given_by.iter().filter(is_unsigned).map(String::as_str).collect();
        let names: Vec<_> = self.given_by.iter().map(String::as_str).collect();
        let unsigned = match unsigned.as_slice() {
            [] => String::new(),
            unsigned => format!("; without the signature of {}", listed(unsigned, "and")),
        };
        format!("{} gave a share to close{unsigned}", listed(&names, "and"))
    }
}
