//! AWS: clients behind the gate's port, the credential endpoint, the program in the window, and the loop around it.

mod child;
mod clients;
mod clock;
mod close;
mod driver;
mod endpoint;
mod fault;
mod keyboard;
mod open;
mod principals;
mod signals;
mod stage;
mod user;
mod warm;
mod words;

pub use child::Work;
pub use close::{CloseByProfile, Closing, close_with_profile, close_with_quorum};
pub use open::{Opening, open};
pub use warm::Warm;
