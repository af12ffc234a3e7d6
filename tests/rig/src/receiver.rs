//! A receiver of alerts. The receiver stores the requests, and answers as the test configures.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The secret with which all webhooks of the rig are signed.
pub const SECRET: &str = "whsec_cmlnLXJpZy1yaWctcmlnLXJpZy1yaWctcmlnLXJpZw==";

/// How a receiver answers a request.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Answers with this status.
    Status(u16),
    /// Answers with status 202 after this duration.
    Slow(Duration),
    /// Never answers.
    Hang,
    /// Redirects to another address.
    Redirect(String),
    /// Fails this many times, then answers with status 202.
    Breaks(u32),
    /// Answers with status 200 and a header that announces a body, but never sends the body.
    Stalls,
    /// Answers as a receiver whose clock is ahead by this duration. The header `Date` shows the time of this clock. The
    /// receiver refuses a signature whose time differs from this clock by more than a minute.
    Ahead(Duration),
}

/// A request that the receiver got.
#[derive(Clone, Debug)]
pub struct Got {
    /// The time at which the request was complete.
    pub at: Instant,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub json: Value,
}

/// A receiver on loopback. The receiver runs until its process ends.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    broken: Arc<Mutex<u32>>,
}

impl Receiver {
    /// Returns the receiver that the tests of this process share. This receiver acknowledges every alert.
    pub fn shared() -> Self {
        static SHARED: LazyLock<Receiver> = LazyLock::new(|| Receiver::start(Manner::Status(200)));
        SHARED.clone()
    }

    /// Starts a new receiver.
    ///
    /// # Panics
    ///
    /// Panics if this machine has no free port.
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("this machine should have a free port");
        let address = listener.local_addr().expect("the listener should have an address");
        let receiver = Self { address, got: Arc::default(), broken: Arc::default() };
        let serving = receiver.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serving, manner) = (serving.clone(), manner.clone());
                thread::spawn(move || serving.serve(&stream, &manner));
            }
        });
        receiver
    }

    /// Returns a URL at which no server listens.
    ///
    /// # Panics
    ///
    /// Panics if this machine has no free port.
    pub fn unreachable() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("this machine should have a free port");
        format!("http://{}/alert", listener.local_addr().expect("the listener should have an address"))
    }

    pub fn url(&self) -> String {
        format!("http://{}/alert", self.address)
    }

    /// Returns a webhook channel to this receiver, for a payload.
    pub fn channel(&self, name: &str) -> Value {
        json!({"name": name, "kind": "webhook", "url": self.url(), "secret": SECRET})
    }

    /// Returns the requests, in order.
    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the field `topic` of the alerts of this session, in order.
    pub fn topics(&self, session: &str) -> Vec<String> {
        let mine = self.got().into_iter().filter(|got| got.json["session"] == session);
        mine.map(|got| got.json["topic"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn serve(&self, stream: &TcpStream, manner: &Manner) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let got = read(&mut reader)?;
            let signed =
                got.headers.get("webhook-timestamp").and_then(|at| at.parse().ok()).unwrap_or_default();
            self.got.lock().unwrap_or_else(PoisonError::into_inner).push(got);
            let mut more = String::new();
            let (status, location) = match manner {
                Manner::Stalls => {
                    write!(&mut &*stream, "HTTP/1.1 200 Rig\r\ncontent-length: 5\r\n\r\n").ok()?;
                    thread::sleep(Duration::from_mins(10));
                    return None;
                }
                Manner::Ahead(time) => {
                    let now = SystemTime::now() + *time;
                    more = format!("date: {}\r\n", http_date(now));
                    let off = now.duration_since(UNIX_EPOCH).ok()?.as_secs().abs_diff(signed);
                    (if off > 60 { 401 } else { 204 }, None)
                }
                Manner::Status(status) => (*status, None),
                Manner::Slow(time) => {
                    thread::sleep(*time);
                    (202, None)
                }
                Manner::Hang => {
                    thread::sleep(Duration::from_mins(10));
                    return None;
                }
                Manner::Redirect(to) => (302, Some(to)),
                Manner::Breaks(times) => {
                    let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
                    *broken += 1;
                    (if *broken <= *times { 503 } else { 202 }, None)
                }
            };
            let location = location.map(|to| format!("location: {to}\r\n")).unwrap_or_default();
            let body = if status == 204 { "" } else { r#"{"dedup_key":"rig"}"# };
            let length = body.len();
            write!(
                &mut &*stream,
                "HTTP/1.1 {status} Rig\r\n{location}{more}content-length: {length}\r\n\r\n{body}"
            )
            .ok()?;
        }
    }
}

/// Formats a time as in HTTP (RFC 9110 section 5.6.7).
fn http_date(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let said = std::process::Command::new("date")
        .args(["--utc", "--date", &format!("@{seconds}"), "+%a, %d %b %Y %H:%M:%S GMT"])
        .env("LC_ALL", "C")
        .output()
        .expect("date should run");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Got> {
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then_some(())?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let json = serde_json::from_slice(&body).unwrap_or_default();
    Some(Got { at: Instant::now(), headers, body, json })
}
