//! The credential endpoint: a loopback HTTP server that serves the credentials of one session until the window ends.
//! The server gives credentials only to requests with the right token.
//!
//! AWS SDKs fetch credentials with the protocol for container credentials: a GET request with a header `Authorization`,
//! and a response in JSON.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use subtle::ConstantTimeEq;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinHandle};

use crate::aws::clock::AwsClock;
use crate::aws::emergency::Issued;
use crate::secret::{Secret, SecretText};
use crate::session::work::http_head::read_head;
use crate::time_text::iso;

/// The time limit of one request and its response. The limit is short, because clients run on this machine.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest number of concurrent connections. If a client opens one more connection, the server closes the oldest
/// connection.
const MAX_CONNECTIONS: usize = 128;
/// How many connections the kernel queues before the server accepts the connections.
const BACKLOG: u32 = 1024;

/// The running server of the credential endpoint. Dropping the value stops the server.
pub(crate) struct Endpoint {
    address: SocketAddr,
    token: Arc<SecretText>,
    task: JoinHandle<()>,
}

/// If the local clock differs from AWS's clock by more than this duration, the field `Expiration` is corrected.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

struct Credentials {
    token: Arc<SecretText>,
    body: SecretText,
    until: Timestamp,
    clock: AwsClock,
}

impl Endpoint {
    /// Starts the server on an ephemeral port.
    ///
    /// # Errors
    /// Fails if the server cannot listen on loopback.
    pub(crate) fn start(issued: &Issued, until: Timestamp, clock: AwsClock) -> io::Result<Self> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let token = Arc::new(SecretText::copy_of(&hex::encode(Secret::<32>::random().expose())));
        let credentials =
            Credentials { token: token.clone(), body: body(issued, until, &clock), until, clock };
        let task = tokio::spawn(serve(listener, Arc::new(credentials)));
        Ok(Self { address, token, task })
    }

    /// Returns the environment variables that make an AWS SDK use this endpoint.
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

/// Listens on an ephemeral loopback port. The backlog is large, so that many slow clients do not block a new client.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(BACKLOG)
}

/// Returns the response's JSON. By AWS's clock, the field `Expiration` is never later than T1. Clients compare
/// `Expiration` with the local clock, so the program adds the difference between the two clocks.
fn body(issued: &Issued, until: Timestamp, clock: &AwsClock) -> SecretText {
    let off = Timestamp::now().duration_since(clock.now());
    let off = if off.abs() > CLOCK_TOLERANCE { off } else { SignedDuration::ZERO };
    let end = issued.expires.min(until);
    let expiration = iso(end.saturating_add(off).unwrap_or(end));
    let json = json!({
        "AccessKeyId": issued.id,
        "SecretAccessKey": issued.secret.expose(),
        "Token": issued.token.expose(),
        "Expiration": expiration,
    });
    SecretText::copy_of(&json.to_string())
}

/// The open connections. Dropping the value closes all connections.
struct OpenConnections(VecDeque<AbortHandle>);

impl Drop for OpenConnections {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

async fn serve(listener: TcpListener, credentials: Arc<Credentials>) {
    let mut open = OpenConnections(VecDeque::with_capacity(MAX_CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        open.0.retain(|handle| !handle.is_finished());
        if open.0.len() == MAX_CONNECTIONS
            && let Some(oldest) = open.0.pop_front()
        {
            oldest.abort();
        }
        let credentials = credentials.clone();
        let task = tokio::spawn(async move {
            let _ = tokio::time::timeout(TIMEOUT, answer(stream, &credentials)).await;
        });
        open.0.push_back(task.abort_handle());
        // Lets the tasks of earlier connections answer their clients before the server accepts more connections.
        tokio::task::yield_now().await;
    }
}

async fn answer(mut stream: TcpStream, credentials: &Credentials) -> io::Result<()> {
    let reply = match read_head(&mut stream).await? {
        Some(head) => reply(&head, credentials),
        None => Response::Refusal("400 Bad Request"),
    };
    let (status, body) = match &reply {
        Response::Credentials => ("200 OK", credentials.body.expose()),
        Response::Refusal(status) => (*status, "{}"),
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
enum Response {
    Credentials,
    Refusal(&'static str),
}

fn reply(head: &str, credentials: &Credentials) -> Response {
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (request.next().unwrap_or_default(), request.next().unwrap_or_default());
    let version = request.next().unwrap_or_default();
    if !version.starts_with("HTTP/1.") || request.next().is_some() {
        return Response::Refusal("400 Bad Request");
    }
    let mut tokens = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization").then_some(value.trim())
    });
    let known = match (tokens.next(), tokens.next()) {
        (Some(token), None) => bool::from(token.as_bytes().ct_eq(credentials.token.expose().as_bytes())),
        _ => false,
    };
    match (method, path) {
        _ if !known || credentials.clock.now() >= credentials.until => Response::Refusal("403 Forbidden"),
        ("GET", "/") => Response::Credentials,
        ("GET", _) => Response::Refusal("404 Not Found"),
        _ => Response::Refusal("405 Method Not Allowed"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::session::work::http_head::MAX_HEAD;

    fn served(until: &str) -> Credentials {
        Credentials {
            token: Arc::new(SecretText::copy_of("right")),
            body: SecretText::copy_of("{\"a\":1}"),
            until: until.parse().expect("an instant"),
            clock: AwsClock::default(),
        }
    }

    #[test]
    fn the_endpoint_serves_only_the_right_token_and_only_until_t1() {
        let ahead = served("2100-01-01T00:00:00Z");
        let get = |lines: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}");
        assert_eq!(reply(&get("authorization: right"), &ahead), Response::Credentials);
        for wrong in [
            "",
            "Authorization: wrong",
            "Authorization: righ",
            "Authorization: right\r\nAuthorization: right",
        ] {
            assert_eq!(reply(&get(wrong), &ahead), Response::Refusal("403 Forbidden"), "{wrong}");
        }
        let past = served("2020-01-01T00:00:00Z");
        assert_eq!(reply(&get("Authorization: right"), &past), Response::Refusal("403 Forbidden"));
        let other = "POST / HTTP/1.1\r\nAuthorization: right";
        assert_eq!(reply(other, &ahead), Response::Refusal("405 Method Not Allowed"));
        assert_eq!(
            reply("GET /x HTTP/1.1\r\nAuthorization: right", &ahead),
            Response::Refusal("404 Not Found")
        );
        assert_eq!(reply("nonsense", &ahead), Response::Refusal("400 Bad Request"));
    }

    #[test]
    fn many_connections_at_once_do_not_displace_an_earlier_request() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the runtime should start");
        runtime.block_on(async {
            let listener = listen().expect("a loopback port should be free");
            let address = listener.local_addr().expect("the listener should have an address");
            let mut good = TcpStream::connect(address).await.expect("the server should accept a connection");
            good.write_all(b"GET / HTTP/1.1\r\nAuthorization: right\r\n\r\n")
                .await
                .expect("the request should be sent");
            let mut others = Vec::new();
            for _ in 0..100 {
                others
                    .push(TcpStream::connect(address).await.expect("the server should accept a connection"));
            }
            tokio::spawn(serve(listener, Arc::new(served("2100-01-01T00:00:00Z"))));
            let mut text = String::new();
            good.read_to_string(&mut text).await.expect("the response should be UTF-8");
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        });
    }

    #[test]
    fn slow_clients_do_not_block_others() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the runtime should start");
        runtime.block_on(async {
            let listener = listen().expect("a loopback port should be free");
            let address = listener.local_addr().expect("the listener should have an address");
            let task = tokio::spawn(serve(listener, Arc::new(served("2100-01-01T00:00:00Z"))));
            let mut slow = Vec::new();
            for _ in 0..MAX_CONNECTIONS * 2 {
                let mut stream =
                    TcpStream::connect(address).await.expect("the server should accept a connection");
                stream.write_all(b"GET / HT").await.expect("the request should be sent");
                slow.push(stream);
            }
            let mut stream =
                TcpStream::connect(address).await.expect("the server should accept a connection");
            stream
                .write_all(b"GET / HTTP/1.1\r\nAuthorization: right\r\n\r\n")
                .await
                .expect("the request should be sent");
            let mut text = String::new();
            stream.read_to_string(&mut text).await.expect("the response should be UTF-8");
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("{\"a\":1}"), "{text}");

            let mut endless =
                TcpStream::connect(address).await.expect("the server should accept a connection");
            let _ = endless.write_all(&[b'x'; MAX_HEAD + 1]).await;
            let mut text = Vec::new();
            let _ = endless.read_to_end(&mut text).await;
            assert!(text.is_empty() || text.starts_with(b"HTTP/1.1 400"));
            task.abort();
            let _ = task.await;
            // The port is free after the stop, so another process might already use the port.
            let mut text = String::new();
            if let Ok(mut stream) = TcpStream::connect(address).await {
                let _ = stream.write_all(b"GET / HTTP/1.1\r\nAuthorization: right\r\n\r\n").await;
                let reading = stream.read_to_string(&mut text);
                let _ = tokio::time::timeout(Duration::from_secs(1), reading).await;
            }
            assert!(!text.ends_with("{\"a\":1}"), "an endpoint that was stopped should serve no credentials");
        });
    }
}
