//! Implements the commands that call AWS: `open`, `close` and `status`. This module contains their event loop and
//! alerts, and runs the operator's command during a window.

mod announce;
mod close;
mod close_static;
mod closer;
mod context;
mod driver;
mod how_to_close;
mod interrupt;
mod log;
mod messages;
mod notify;
mod open;
mod outcome;
mod release;
mod runner;
mod status;
mod work;

pub(crate) use announce::Ending;
pub(crate) use close::{ProfileClose, Proof, QuorumClose, close_with_profile, close_with_quorum};
pub(crate) use close_static::close_static;
pub(crate) use notify::{LocalNotice, notify_local};
pub(crate) use open::{ApprovedOpening, open};
pub(crate) use outcome::WindowEnd;
pub(crate) use release::Release;
pub(crate) use status::{
    StatusQuery, aws_time, close_with_profile_command, find_role_sessions, how_to_close, read_status,
};
pub(crate) use work::Work;
