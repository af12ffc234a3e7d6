//! AWS: clients behind the gate's port, the credential endpoint, the program in the window, and the loop around it.

mod child;
mod clients;
mod clock;
mod close;
mod cloudtrail;
mod codes;
mod console;
mod driver;
mod emergency;
mod endpoint;
mod fault;
mod injected;
mod keyboard;
mod open;
mod principals;
mod profile;
mod prompt;
mod ship;
mod shut;
mod signals;
mod stage;
mod status;
mod telling;
mod user;
mod warm;
mod words;

pub use child::Work;
pub(crate) use clients::iam_region;
pub use close::{CloseByProfile, Closing, close_static, close_with_profile, close_with_quorum};
pub use cloudtrail::look_up;
pub use injected::Injection;
pub use open::{Opening, open};
pub use ship::{Shipper, ship_now, shipped};
pub use status::{Asked, how_to_close, look};
pub use warm::Warm;
pub(crate) use words::clock as clock_words;
