//! Reads the head of an HTTP request, for the credential endpoint and the redirect server.

use std::io;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// The size limit of a request's head, in bytes. AWS SDKs and browsers send heads of a few hundred bytes.
pub(super) const MAX_HEAD: usize = 8 * 1024;

/// Reads a request up to the empty line after the head. Returns `None` if the head is incomplete, longer than
/// [`MAX_HEAD`], or not UTF-8.
pub(super) async fn read_head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut bytes = Vec::with_capacity(MAX_HEAD);
    while bytes.len() < MAX_HEAD {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            bytes.truncate(end);
            return Ok(String::from_utf8(bytes).ok());
        }
    }
    Ok(None)
}
