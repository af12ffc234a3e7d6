//! The part of HTTP/1.1 (RFC 9112) that AWS's clients and the emulator use.

use super::time;
use std::io::{self, Read, Write};
use std::net::TcpStream;

const LONGEST_HEAD: usize = 64 * 1024;

/// A complete request.
pub(super) struct Request {
    /// Method, target and version.
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads the next request of a connection. Returns `None` at the connection's end, or if the bytes are not HTTP.
    pub(super) fn read(client: &mut TcpStream) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if head.len() == LONGEST_HEAD || client.read(&mut byte).ok()? == 0 {
                return None;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).ok()?;
        let mut lines = head.lines();
        let line = lines.next()?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        let mut request = Self { line, headers, body: Vec::new() };
        let length = request.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
        request.body.resize(length, 0);
        client.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    /// Returns the bytes of the request with this `Connection` header.
    pub(super) fn bytes(&self, connection: &str) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.line);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "connection") {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("connection: {connection}\r\n\r\n");
        [head.as_bytes(), &self.body].concat()
    }

    /// Returns the header with this name. `name` must be in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Sends a request to AWS over a separate connection. Returns the complete reply, or `None` if AWS did not reply.
pub(super) fn forward(aws: &str, request: &Request) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(aws).ok()?;
    stream.write_all(&request.bytes("close")).ok()?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).ok()?;
    let end = reply.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let (head, body) = reply.split_at(end);
    // The header `Connection` is left out: AWS closes its connection after the reply, but the client's connection stays
    // open.
    let head = std::str::from_utf8(head).ok()?.split_inclusive("\r\n");
    let kept: String = head.filter(|line| !line.to_lowercase().starts_with("connection:")).collect();
    Some([kept.as_bytes(), body].concat())
}

/// Reads one reply with a `Content-Length`.
pub(super) fn read_reply(stream: &mut TcpStream) -> Option<Vec<u8>> {
    // A reply's status line and headers have the same form as a request's first line and headers.
    let reply = Request::read(stream)?;
    Some(reply.body)
}

/// Returns an error reply in the format of AWS's Query protocol, with AWS's time in the header `Date`.
pub(super) fn error(status: u16, code: &str, message: &str, ahead: i64) -> Vec<u8> {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    let body = format!(
        "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>rig</RequestId></ErrorResponse>"
    );
    let date = time::http(time::now() + ahead);
    let head = format!("HTTP/1.1 {status} rig\r\ncontent-type: text/xml\r\ndate: {date}\r\n");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

pub(super) fn write(client: &mut TcpStream, reply: &[u8]) -> io::Result<()> {
    client.write_all(reply)
}
