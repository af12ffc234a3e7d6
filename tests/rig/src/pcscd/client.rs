//! Asks the daemon which readers have a card (pcsc-lite protocol 4:4).

use std::io::{Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

const VERSION: u32 = 0x11;
const GET_READERS_STATE: u32 = 0x12;
/// The length of a reader's record in bytes. The fields are: name, event counter, state, sharing, ATR with padding,
/// length of the ATR, protocol.
const RECORD: usize = 128 + 3 * 4 + 36 + 2 * 4;
const STATE: usize = 128 + 4;
const ATR_LEN: usize = 128 + 12 + 36;
/// The bit of a reader's state that is set if a card is present.
const PRESENT: u32 = 0x04;

/// A connection to the daemon.
pub(super) struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects to the daemon and agrees on the protocol's version.
    pub fn connect(socket: &Path) -> Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        let (major, minor, result) = (4_u32, 4_u32, 0_u32);
        stream.write_all(&words([12, VERSION, major, minor, result]))?;
        stream.read_exact(&mut [0; 12])?;
        Ok(Self { stream })
    }

    /// Returns whether this reader has a card whose ATR the daemon has read.
    pub fn has_card(&mut self, reader: &str) -> Result<bool> {
        let mut records = [0; super::READERS_MAX * RECORD];
        self.stream.write_all(&words([0, GET_READERS_STATE]))?;
        self.stream.read_exact(&mut records)?;
        let record = records.chunks(RECORD).find(|record| name(record) == reader.as_bytes());
        Ok(record.is_some_and(|record| word(record, STATE) & PRESENT != 0 && word(record, ATR_LEN) > 0))
    }
}

fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn word(record: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(record[at..at + 4].try_into().expect("the slice should have four bytes"))
}

fn name(record: &[u8]) -> &[u8] {
    record[..128].split(|&byte| byte == 0).next().unwrap_or_default()
}
