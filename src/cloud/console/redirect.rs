//! A loopback address that leads to the link, once: a browser's command line is no place for a secret.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::cloud::endpoint::head;
use crate::secret::{Secret, SecretText};

/// A browser that was just started asks sooner.
const LIFE: Duration = Duration::from_mins(2);
/// For one request.
const PATIENCE: Duration = Duration::from_secs(2);

/// Serves in the background until it has served, or its time is over.
pub(super) struct Redirect {
    address: SocketAddr,
    path: String,
    link: Arc<Mutex<Option<SecretText>>>,
}

impl Redirect {
    /// Listens on a port of the system's choice.
    ///
    /// # Errors
    /// When there is no loopback to listen on; the link comes back.
    pub(super) fn start(link: SecretText) -> Result<Self, (SecretText, io::Error)> {
        let (listener, address) = match listen() {
            Ok(both) => both,
            Err(why) => return Err((link, why)),
        };
        let path = format!("/{}", hex::encode(Secret::<16>::random().expose()));
        let link = Arc::new(Mutex::new(Some(link)));
        tokio::spawn(serve(listener, path.clone(), link.clone()));
        Ok(Self { address, path, link })
    }

    /// What the browser is given. It is worth nothing once it was used, and leads only this user's programs.
    pub(super) fn address(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Takes the link back.
    pub(super) fn into_link(self) -> SecretText {
        taken(&self.link).unwrap_or_else(|| SecretText::copy_of(""))
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
    let until_served = async {
        while link.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            if let Ok((stream, from)) = listener.accept().await {
                let _ = tokio::time::timeout(PATIENCE, answer(stream, from, &path, &link)).await;
            }
        }
    };
    let _ = tokio::time::timeout(LIFE, until_served).await;
    drop(taken(&link));
}

async fn answer(
    mut stream: TcpStream,
    from: SocketAddr,
    path: &str,
    link: &Mutex<Option<SecretText>>,
) -> io::Result<()> {
    let head = head(&mut stream).await?.unwrap_or_default();
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

/// Whether the other end of a loopback connection is a socket of this user's (proc(5), `/proc/net/tcp`). Where the
/// system does not tell, the path's randomness has to do.
fn is_ours(from: SocketAddr, to: SocketAddr) -> bool {
    let Ok(table) = std::fs::read_to_string("/proc/self/net/tcp") else {
        return true;
    };
    let own = rustix::process::getuid().as_raw().to_string();
    let owner = owner(&table, from, to);
    owner.is_none_or(|uid| uid == own)
}

/// The uid of the socket that is bound to `local` and connected to `remote`.
fn owner(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<&str> {
    let (local, remote) = (written(local)?, written(remote)?);
    table.lines().find_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let is_it = columns.next() == Some(&local) && columns.next() == Some(&remote);
        is_it.then(|| columns.nth(4)).flatten()
    })
}

/// An address as the table writes it: the IPv4 address as one number of this machine's order, and the port.
fn written(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    async fn get(address: SocketAddr, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            return "nobody".into();
        };
        let _ = stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    #[test]
    fn it_leads_there_once_and_only_on_its_path() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let redirect = Redirect::start(SecretText::copy_of("https://example.org/x"))
                .unwrap_or_else(|_| panic!("loopback"));
            let (address, path) = (redirect.address, redirect.path.clone());
            assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));
            let first = get(address, &path).await;
            assert!(
                first.starts_with("HTTP/1.1 302") && first.contains("Location: https://example.org/x\r\n")
            );
            assert!(!get(address, &path).await.contains("example.org"));
        });
    }

    #[test]
    fn a_sockets_owner_is_found_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n   \
                     0: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 1\n";
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!(owner(table, at(50_000), at(8_080)), Some("1000"));
        assert_eq!(owner(table, at(50_001), at(8_080)), None);
    }
}
