//! The names under which `benches/` measure functions. `scripts/bench` finds the figures by these names.
//!
//! Criterion stores the figures of `GROUP/NAME` in a directory with this name. A name must not contain a colon or
//! another character that criterion replaces.

pub const LEDGER: &str = "ledger";
pub const VERIFY: &str = "verify 100,000 records, read from the file";
pub const SHA256: &str = "compute the SHA-256 of the ledger's bytes";
pub const APPEND: &str = "append one record to a ledger of 100,000, with fsync";
pub const PACKET: &str = "make the packet of one of 25,000 sessions";

pub const ALERTS: &str = "alerts";
pub const SLOWEST: &str = "alert to the slowest channel alone";
pub const ALL_SIX: &str = "alert to all six channels";

pub const QUORUM: &str = "quorum";
pub const WORDS: &str = "convert twelve words to a part";
pub const IDENTITY: &str = "derive the identity of a part (PBKDF2, 2048 rounds)";
pub const SPLIT: &str = "split a file key, 2 of 3";
pub const COMBINE: &str = "combine 2 shares";
pub const HPKE: &str = "decrypt with HPKE after the card's ECDH";
pub const PUBLIC_KEY: &str = "compute the public key of a part";
pub const UNWRAP: &str = "unwrap the half of a part (X-Wing)";
pub const AGE_UNWRAP: &str = "unwrap one X25519 stanza with the age crate";
