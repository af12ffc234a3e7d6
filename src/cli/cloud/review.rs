//! The option `--profile` of `review`, which looks up the calls of a session in CloudTrail.

use super::args::CloudTrailProfile;
use crate::aws;
use crate::error::Result;
use crate::gate::SessionId;
use crate::ledger::Entry;
use crate::review::{CloudTrailQuery, CloudTrailResult};

impl CloudTrailProfile {
    /// Returns the name of the profile, if `--profile` was given.
    pub fn name(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// Looks up the session's calls in CloudTrail. Returns `None` if `--profile` was not given.
    ///
    /// # Errors
    /// Fails if the session is not in the ledgers, or AWS cannot be reached.
    pub fn look_up(&self, session: SessionId, entries: &[Entry]) -> Result<Option<CloudTrailResult>> {
        let wanted = CloudTrailQuery::of(session, entries)?;
        self.profile.as_deref().map(|profile| aws::look_up(profile, &wanted)).transpose()
    }
}
