//! What CloudTrail was asked, and whether it told everything.

use jiff::Timestamp;
use serde::Serialize;

use super::cloudtrail::{CloudTrailResult, LATE, RegionResult};
use super::session_records::SessionRecords;

/// What CloudTrail was asked.
#[derive(Clone, Debug, Serialize)]
pub struct CloudTrailCoverage {
    /// It was.
    pub asked: bool,
    /// When.
    pub at: Option<Timestamp>,
    /// For calls from when on.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Where.
    pub regions: Vec<RegionResult>,
    /// Every region told everything it had, and late enough.
    pub complete: bool,
    /// When it may be asked again, where it may not have had everything yet.
    pub again_after: Option<Timestamp>,
}

impl CloudTrailCoverage {
    pub(super) fn of(own: &SessionRecords<'_>, trail: Option<&CloudTrailResult>) -> Self {
        let Some(trail) = trail else {
            return Self {
                asked: false,
                at: None,
                from: None,
                until: None,
                regions: Vec::new(),
                complete: false,
                again_after: None,
            };
        };
        let end = own.end().unwrap_or(own.at);
        let after = end.saturating_add(LATE).unwrap_or(end);
        let again_after = (trail.at < after).then_some(after);
        let whole = trail.regions.iter().all(|region| region.error.is_none());
        Self {
            asked: true,
            at: Some(trail.at),
            from: Some(trail.from),
            until: Some(trail.until),
            regions: trail.regions.clone(),
            complete: whole && again_after.is_none(),
            again_after,
        }
    }
}
