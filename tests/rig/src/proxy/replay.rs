//! Sends recorded calls again, without the program.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Seen;
use super::http::read_reply;
use crate::aws::Account;

/// Sends each call once, in order, over one open connection. Returns the duration until each reply.
///
/// # Panics
///
/// Panics if AWS does not reply.
pub fn replay(account: &Account, calls: &[&Seen]) -> Vec<Duration> {
    let address = account.aws.endpoint().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).expect("AWS should accept connections");
    stream.set_nodelay(true).expect("a TCP socket should accept the option");
    let mut send = |call: &Seen| {
        let began = Instant::now();
        stream.write_all(&call.bytes).expect("AWS should accept the request");
        read_reply(&mut stream).expect("AWS should reply");
        began.elapsed()
    };
    calls.iter().map(|call| send(call)).collect()
}
