//! The time range and the regions of the CloudTrail query, and whether the query's data is complete.

use jiff::Timestamp;
use serde::Serialize;

use super::calls::{ApiCall, count};
use super::cloudtrail::{CloudTrailResult, LATE, RegionResult};
use super::session_records::SessionRecords;

/// Describes which events were queried, and whether the result is complete.
#[derive(Clone, Debug, Serialize)]
pub struct CloudTrailCoverage {
    pub queried: bool,
    pub at: Option<Timestamp>,
    /// The start of the time range.
    pub from: Option<Timestamp>,
    /// The end of the time range.
    pub until: Option<Timestamp>,
    pub regions: Vec<RegionCoverage>,
    /// Whether the data is complete: no region failed, and the query was made late enough after the session.
    pub complete: bool,
    /// The time after which a new query would have complete data. `None` if this query was made late enough.
    pub query_again_after: Option<Timestamp>,
}

/// The result of the query in one region.
#[derive(Clone, Debug, Serialize)]
pub struct RegionCoverage {
    pub region: String,
    /// The reason why the region's data is incomplete.
    pub error: Option<String>,
    /// The number of calls in this region that concern the session.
    pub calls: usize,
    /// The number of events that CloudTrail returned for this region, without events that an earlier region returned,
    /// too.
    pub events: usize,
    /// The number of requests that were sent to the region.
    pub requests: u32,
}

impl CloudTrailCoverage {
    /// Returns the coverage of a query. `calls` are the session's calls that the query found.
    pub(super) fn of(own: &SessionRecords<'_>, trail: Option<&CloudTrailResult>, calls: &[ApiCall]) -> Self {
        let Some(trail) = trail else {
            return Self {
                queried: false,
                at: None,
                from: None,
                until: None,
                regions: Vec::new(),
                complete: false,
                query_again_after: None,
            };
        };
        let end = own.end().unwrap_or(own.at);
        let after = end.saturating_add(LATE).unwrap_or(end);
        let query_again_after = (trail.at < after).then_some(after);
        let no_error = trail.regions.iter().all(|region| region.error.is_none());
        let of_session = |RegionResult { region, error, events, requests }: &RegionResult| RegionCoverage {
            calls: count(calls, |call| call.region == *region),
            region: region.clone(),
            error: error.clone(),
            events: *events,
            requests: *requests,
        };
        Self {
            queried: true,
            at: Some(trail.at),
            from: Some(trail.from),
            until: Some(trail.until),
            regions: trail.regions.iter().map(of_session).collect(),
            complete: no_error && query_again_after.is_none(),
            query_again_after,
        }
    }
}
