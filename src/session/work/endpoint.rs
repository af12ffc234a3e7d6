//! The credential endpoint: one session for whoever knows the token, on loopback, until the window ends.
//!
//! It speaks what the AWS SDKs call container credentials: GET, `Authorization`, JSON.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinHandle};

use crate::aws::clock::AwsClock;
use crate::aws::emergency::Issued;
use crate::secret::{Secret, SecretText};

/// The head of a request; an SDK's has a few hundred bytes.
const LARGEST_HEAD: usize = 8 * 1024;
/// For a whole request: it comes from this machine.
const PATIENCE: Duration = Duration::from_secs(2);
/// At once; one more, and the oldest has to go.
const CONNECTIONS: usize = 128;
/// Waiting to be one of them.
const BACKLOG: u32 = 1024;

/// Serves until it is dropped.
pub(crate) struct Endpoint {
    address: SocketAddr,
    token: Arc<SecretText>,
    task: JoinHandle<()>,
}

/// A local clock that is less wrong than this does no harm.
const TOLERATED: SignedDuration = SignedDuration::from_secs(60);

/// What is served, and to whom.
struct Served {
    token: Arc<SecretText>,
    body: SecretText,
    until: Timestamp,
    clock: AwsClock,
}

impl Endpoint {
    /// Listens on a port of the system's choice.
    ///
    /// # Errors
    /// When there is no loopback to listen on.
    pub(crate) fn start(issued: &Issued, until: Timestamp, clock: AwsClock) -> io::Result<Self> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let token = Arc::new(SecretText::copy_of(&hex::encode(Secret::<32>::random().expose())));
        let served = Served { token: token.clone(), body: body(issued, until, &clock), until, clock };
        let task = tokio::spawn(serve(listener, Arc::new(served)));
        Ok(Self { address, token, task })
    }

    /// Where a program finds its credentials, and what it has to say there.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/", self.address)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", self.token.expose().to_owned()),
        ]
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// On a port of the system's choice, where a crowd that has not been accepted yet keeps nobody from knocking.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(BACKLOG)
}

/// No program shall think that it has longer than T1. Programs compare it with this machine's clock, so where
/// that is far from AWS's, it is said by this machine's.
fn body(issued: &Issued, until: Timestamp, clock: &AwsClock) -> SecretText {
    let off = Timestamp::now().duration_since(clock.now());
    let off = if off.abs() > TOLERATED { off } else { SignedDuration::ZERO };
    let end = issued.expires.min(until);
    let expiration = end.saturating_add(off).unwrap_or(end).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let json = json!({
        "AccessKeyId": issued.id,
        "SecretAccessKey": issued.secret.expose(),
        "Token": issued.token.expose(),
        "Expiration": expiration,
    });
    SecretText::copy_of(&json.to_string())
}

/// Connections end with the task that made them.
struct Connections(VecDeque<AbortHandle>);

impl Drop for Connections {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

async fn serve(listener: TcpListener, served: Arc<Served>) {
    let mut open = Connections(VecDeque::with_capacity(CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        open.0.retain(|handle| !handle.is_finished());
        if open.0.len() == CONNECTIONS
            && let Some(oldest) = open.0.pop_front()
        {
            oldest.abort();
        }
        let served = served.clone();
        let task = tokio::spawn(async move {
            let _ = tokio::time::timeout(PATIENCE, answer(stream, &served)).await;
        });
        open.0.push_back(task.abort_handle());
        // Whoever has sent a request is answered before the next come, however many they are.
        tokio::task::yield_now().await;
    }
}

async fn answer(mut stream: TcpStream, served: &Served) -> io::Result<()> {
    let reply = match head(&mut stream).await? {
        Some(head) => reply(&head, served),
        None => Reply::Refusal("400 Bad Request"),
    };
    let (status, body) = match &reply {
        Reply::Credentials => ("200 OK", served.body.expose()),
        Reply::Refusal(status) => (*status, "{}"),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[derive(Debug, Eq, PartialEq)]
enum Reply {
    Credentials,
    Refusal(&'static str),
}

/// The request up to its empty line; `None` when it is too long or not text.
pub(crate) async fn head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut bytes = Vec::with_capacity(LARGEST_HEAD);
    while bytes.len() < LARGEST_HEAD {
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

fn reply(head: &str, served: &Served) -> Reply {
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (request.next().unwrap_or_default(), request.next().unwrap_or_default());
    let version = request.next().unwrap_or_default();
    if !version.starts_with("HTTP/1.") || request.next().is_some() {
        return Reply::Refusal("400 Bad Request");
    }
    let mut tokens = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization").then_some(value.trim())
    });
    let known = match (tokens.next(), tokens.next()) {
        (Some(token), None) => bool::from(token.as_bytes().ct_eq(served.token.expose().as_bytes())),
        _ => false,
    };
    match (method, path) {
        _ if !known || served.clock.now() >= served.until => Reply::Refusal("403 Forbidden"),
        ("GET", "/") => Reply::Credentials,
        ("GET", _) => Reply::Refusal("404 Not Found"),
        _ => Reply::Refusal("405 Method Not Allowed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(until: &str) -> Served {
        Served {
            token: Arc::new(SecretText::copy_of("right")),
            body: SecretText::copy_of("{\"a\":1}"),
            until: until.parse().expect("an instant"),
            clock: AwsClock::default(),
        }
    }

    #[test]
    fn only_the_token_opens_it_and_only_until_the_end() {
        let ahead = served("2100-01-01T00:00:00Z");
        let get = |lines: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}");
        assert_eq!(reply(&get("authorization: right"), &ahead), Reply::Credentials);
        for wrong in [
            "",
            "Authorization: wrong",
            "Authorization: righ",
            "Authorization: right\r\nAuthorization: right",
        ] {
            assert_eq!(reply(&get(wrong), &ahead), Reply::Refusal("403 Forbidden"), "{wrong}");
        }
        let past = served("2020-01-01T00:00:00Z");
        assert_eq!(reply(&get("Authorization: right"), &past), Reply::Refusal("403 Forbidden"));
        let other = "POST / HTTP/1.1\r\nAuthorization: right";
        assert_eq!(reply(other, &ahead), Reply::Refusal("405 Method Not Allowed"));
        assert_eq!(reply("GET /x HTTP/1.1\r\nAuthorization: right", &ahead), Reply::Refusal("404 Not Found"));
        assert_eq!(reply("nonsense", &ahead), Reply::Refusal("400 Bad Request"));
    }

    #[test]
    fn a_crowd_that_comes_at_once_does_not_push_out_who_came_before_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = listen().expect("loopback");
            let address = listener.local_addr().expect("address");
            let mut good = TcpStream::connect(address).await.expect("connect");
            good.write_all(b"GET / HTTP/1.1\r\nAuthorization: right\r\n\r\n").await.expect("write");
            let mut crowd = Vec::new();
            // As many as the system lets wait.
            for _ in 0..100 {
                crowd.push(TcpStream::connect(address).await.expect("connect"));
            }
            tokio::spawn(serve(listener, Arc::new(served("2100-01-01T00:00:00Z"))));
            let mut text = String::new();
            good.read_to_string(&mut text).await.expect("read");
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        });
    }

    #[test]
    fn slow_clients_do_not_keep_others_out() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = listen().expect("loopback");
            let address = listener.local_addr().expect("address");
            let task = tokio::spawn(serve(listener, Arc::new(served("2100-01-01T00:00:00Z"))));
            let mut slow = Vec::new();
            for _ in 0..CONNECTIONS * 2 {
                let mut stream = TcpStream::connect(address).await.expect("connect");
                stream.write_all(b"GET / HT").await.expect("write");
                slow.push(stream);
            }
            let mut stream = TcpStream::connect(address).await.expect("connect");
            stream.write_all(b"GET / HTTP/1.1\r\nAuthorization: right\r\n\r\n").await.expect("write");
            let mut text = String::new();
            stream.read_to_string(&mut text).await.expect("read");
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("{\"a\":1}"), "{text}");

            let mut endless = TcpStream::connect(address).await.expect("connect");
            let _ = endless.write_all(&[b'x'; LARGEST_HEAD + 1]).await;
            let mut text = Vec::new();
            let _ = endless.read_to_end(&mut text).await;
            assert!(text.is_empty() || text.starts_with(b"HTTP/1.1 400"));
            task.abort();
            let _ = task.await;
            // Somebody else may have been given the port since.
            let mut text = String::new();
            if let Ok(mut stream) = TcpStream::connect(address).await {
                let _ = stream.write_all(b"GET / HTTP/1.1\r\nAuthorization: right\r\n\r\n").await;
                let reading = stream.read_to_string(&mut text);
                let _ = tokio::time::timeout(Duration::from_secs(1), reading).await;
            }
            assert!(!text.ends_with("{\"a\":1}"), "nobody serves it any more");
        });
    }
}
