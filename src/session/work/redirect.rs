//! A loopback HTTP server that redirects the browser to the sign-in link once. The link is a secret. The program must
//! not pass the link as an argument, because other users can read command lines.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::secret::SecretText;
use crate::session::work::http_head::read_head;
use crate::vault::random;

/// The time limit of one request and its response.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The pause after the server failed to accept a connection, for example because no file descriptor was free.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// A running redirect server. The server stops after it has redirected one request, or when the value is dropped.
pub(crate) struct Redirect {
    address: SocketAddr,
    path: String,
    link: Arc<Mutex<Option<SecretText>>>,
    task: JoinHandle<()>,
}

impl Drop for Redirect {
    fn drop(&mut self) {
        // If the link has been taken, the task is sending the response with the link and must not be stopped.
        if !self.has_served() {
            self.task.abort();
        }
    }
}

impl Redirect {
    /// Starts the server on an ephemeral port.
    ///
    /// # Errors
    /// Fails if the server cannot listen on loopback. The error contains the link, so that the caller can still use
    /// the link.
    pub(crate) fn start(link: SecretText) -> Result<Self, (SecretText, io::Error)> {
        let (listener, address) = match listen() {
            Ok(both) => both,
            Err(why) => return Err((link, why)),
        };
        let path = format!("/{}", random::hex::<16>());
        let link = Arc::new(Mutex::new(Some(link)));
        let task = tokio::spawn(serve(listener, path.clone(), link.clone()));
        Ok(Self { address, path, link, task })
    }

    /// Returns the URL for the browser. The URL works once, and only for processes of the operator's user.
    pub(crate) fn address(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Reports whether the server has given the link to the browser.
    pub(crate) fn has_served(&self) -> bool {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Stops the server and returns the link. Returns `None` if the server has given the link to the browser.
    pub(crate) fn into_link(self) -> Option<SecretText> {
        let link = taken(&self.link);
        if link.is_some() {
            self.task.abort();
        }
        link
    }
}

fn taken(link: &Mutex<Option<SecretText>>) -> Option<SecretText> {
    link.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn serve(listener: TcpListener, path: String, link: Arc<Mutex<Option<SecretText>>>) {
    while link.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
        match listener.accept().await {
            Ok((stream, from)) => {
                let _ = tokio::time::timeout(TIMEOUT, answer(stream, from, &path, &link)).await;
            }
            Err(_) => tokio::time::sleep(AFTER_ERROR).await,
        }
    }
}

async fn answer(
    mut stream: TcpStream,
    from: SocketAddr,
    path: &str,
    link: &Mutex<Option<SecretText>>,
) -> io::Result<()> {
    let head = read_head(&mut stream).await?.unwrap_or_default();
    let asked = head.split("\r\n").next().unwrap_or_default();
    let is_right = asked == format!("GET {path} HTTP/1.1") && is_ours(from, stream.local_addr()?);
    let reply = match is_right.then(|| taken(link)).flatten() {
        Some(link) => SecretText::copy_of(&format!(
            "HTTP/1.1 302 Found\r\nLocation: {}\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n",
            link.expose()
        )),
        None => {
            SecretText::copy_of("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
    };
    stream.write_all(reply.expose().as_bytes()).await?;
    stream.shutdown().await
}

/// Reports whether the client of a loopback connection runs as the operator's user. Looks up the client's socket in
/// `/proc/self/net/tcp` and `/proc/self/net/tcp6` (proc(5)). Returns true on a system without these tables, where only
/// the random path protects the link.
fn is_ours(from: SocketAddr, to: SocketAddr) -> bool {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(std::fs::read_to_string);
    if tables[0].is_err() {
        return true;
    }
    let own = rustix::process::getuid().as_raw().to_string();
    tables.iter().flatten().find_map(|table| owner(table, from, to)) == Some(&own)
}

/// Finds the socket that is bound to `local` and connected to `remote`, and returns the uid of its owner.
fn owner(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<&str> {
    let (local, remote) = (table_forms(local)?, table_forms(remote)?);
    table.lines().find_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let is_match =
            local.contains(&columns.next()?.to_owned()) && remote.contains(&columns.next()?.to_owned());
        is_match.then(|| columns.nth(4)).flatten()
    })
}

/// Returns an IPv4 address in the two formats of the kernel's socket tables. The first format, in `/proc/self/net/tcp`,
/// is for an IPv4 socket. The second format, in `tcp6`, is for an IPv6 socket with a mapped address. The address is in
/// this machine's byte order, and the port follows.
fn table_forms(address: SocketAddr) -> Option<[String; 2]> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    let (ip, port) = (u32::from_ne_bytes(address.ip().octets()), address.port());
    let mapped = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
    Some([format!("{ip:08X}:{port:04X}"), format!("{:016X}{mapped:08X}{ip:08X}:{port:04X}", 0)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    async fn get(address: SocketAddr, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            return "no connection".into();
        };
        let _ = stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    #[test]
    fn the_server_redirects_once_and_only_on_its_random_path() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the runtime should start");
        runtime.block_on(async {
            let redirect = Redirect::start(SecretText::copy_of("https://example.org/x"))
                .unwrap_or_else(|_| panic!("a loopback port should be free"));
            let (address, path) = (redirect.address, redirect.path.clone());
            assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));
            let first = get(address, &path).await;
            assert!(
                first.starts_with("HTTP/1.1 302") && first.contains("Location: https://example.org/x\r\n")
            );
            assert!(!get(address, &path).await.contains("example.org"));
            assert!(redirect.has_served() && redirect.into_link().is_none());
        });
    }

    /// Requests `path` through an IPv6 socket that is connected to the IPv4 address `address`.
    async fn get_by_ipv6(address: SocketAddr, path: &str) -> String {
        let mapped: SocketAddr =
            format!("[::ffff:127.0.0.1]:{}", address.port()).parse().expect("the address should be valid");
        get(mapped, path).await
    }

    #[test]
    fn the_owner_of_an_ipv6_socket_is_found() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the runtime should start");
        runtime.block_on(async {
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port should be free");
            let to = listener.local_addr().expect("the listener should have an address");
            let asking = tokio::spawn(async move { get_by_ipv6(to, "/").await });
            let (stream, from) = listener.accept().await.expect("a connection");
            let table = std::fs::read_to_string("/proc/self/net/tcp6")
                .expect("/proc/self/net/tcp6 should be readable");
            let own = rustix::process::getuid().as_raw().to_string();
            assert_eq!(owner(&table, from, to), Some(own.as_str()));
            assert!(is_ours(from, to));
            drop(stream);
            let _ = asking.await;
            let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
            assert!(
                !is_ours(unknown, to),
                "a socket that is not in the table should not count as the operator's"
            );
        });
    }

    #[test]
    fn the_owner_of_an_ipv4_socket_is_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n   \
                     0: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 1\n";
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!(owner(table, at(50_000), at(8_080)), Some("1000"));
        assert_eq!(owner(table, at(50_001), at(8_080)), None);
        let table = "   0: 0000000000000000FFFF00000100007F:C350 0000000000000000FFFF00000100007F:1F90 01 \
                     00000000:00000000 00:00000000 00000000  1000        0 1\n";
        assert_eq!(owner(table, at(50_000), at(8_080)), Some("1000"));
    }
}
