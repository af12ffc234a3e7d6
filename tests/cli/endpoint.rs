//! A client of the credential endpoint, and attackers that keep the endpoint busy.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use rig::fixture::SealedVault;
use rig::pty::Person;

/// The endpoint's address and token, read from the environment of the command that runs during the window.
pub struct Endpoint {
    pub address: String,
    token: String,
}

impl Endpoint {
    /// Returns the endpoint's address and token from the file `env`, which the operator's command writes. Waits for the
    /// file.
    pub fn of(vault: &SealedVault, person: &mut Person) -> Self {
        let began = Instant::now();
        let env = loop {
            if let Ok(env) = std::fs::read_to_string(vault.site.path("env")) {
                break env;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{}", person.transcript());
            thread::sleep(Duration::from_millis(20));
        };
        let of = |name: &str| {
            let line = env.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("{name}: {env}")).to_owned()
        };
        let url = of("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { address, token: of("AWS_CONTAINER_AUTHORIZATION_TOKEN") }
    }

    /// Returns the endpoint's reply to a request with the correct token.
    pub fn good(&self) -> String {
        let ask = format!("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", self.token);
        exchange(&self.address, &ask).unwrap_or_else(|e| format!("no answer: {e}"))
    }

    /// Attacks the endpoint until the returned value is dropped.
    pub fn attacked<'scope>(&self, scope: &'scope Scope<'scope, '_>) -> Attack {
        let over = Arc::new(AtomicBool::new(false));
        for attack in [trickle, huge_heads, never_read, half_closed, garbage, rush, rush] {
            let (address, over) = (self.address.clone(), over.clone());
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    // The endpoint can close an attacker's connection at any time, so an error is ignored.
                    let _ = attack(&address);
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
        Attack(over)
    }
}

pub struct Attack(Arc<AtomicBool>);

impl Drop for Attack {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends one request and returns the complete answer.
pub fn exchange(address: &str, request: &str) -> std::io::Result<String> {
    let mut stream = connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(stream)
}

/// Connects 64 clients. Each client sends one byte every tenth of a second.
fn trickle(address: &str) -> std::io::Result<()> {
    let mut slow = (0..64).map(|_| connect(address)).collect::<Result<Vec<_>, _>>()?;
    for byte in "GET / HTTP/1.1\r\n".bytes() {
        for stream in &mut slow {
            let _ = stream.write_all(&[byte]);
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn huge_heads(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(b"GET / HTTP/1.1\r\nX: ")?;
    for _ in 0..64 {
        stream.write_all(&vec![b'x'; 1 << 16])?;
    }
    Ok(())
}

fn never_read(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    for _ in 0..10_000 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    }
    Ok(())
}

fn half_closed(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(b"GET / HTTP/1.1\r\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map(drop)
}

fn garbage(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    let bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
    stream.write_all(&bytes)?;
    stream.write_all(b"\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map(drop)
}

/// Connects a hundred concurrent clients. Each client has a guessed token.
fn rush(address: &str) -> std::io::Result<()> {
    let mut all = (0..100).map(|_| connect(address)).collect::<Result<Vec<_>, _>>()?;
    for stream in &mut all {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nAuthorization: guess\r\n\r\n");
    }
    Ok(())
}
