//! The application: open, close and status of a window, the loop around it, and the work inside it.

mod announce;
mod close;
mod close_static;
mod closer;
mod context;
mod driver;
mod messages;
mod notify;
mod open;
mod status;
mod work;

pub use close::{CloseByProfile, Closing, close_with_profile, close_with_quorum};
pub use close_static::close_static;
pub(crate) use messages::clock as clock_words;
pub use notify::Tidings;
pub use open::{Opening, open};
pub use status::{Asked, how_to_close, look};
pub use work::Work;
