//! Starts and ends the daemon's process, with a private directory and private namespaces.

use super::client::Client;
use super::log::Log;
use nix::sched::{CloneFlags, setns};
use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, Once, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The virtual reader driver. Each instance of the driver serves two slots.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// The port of the first slot. The port can be fixed because each daemon has a private network namespace.
const FIRST_PORT: u16 = 0x8c7b;
const START: Duration = Duration::from_secs(20);
/// The polling interval.
const PAUSE: Duration = Duration::from_millis(2);

/// Mounts the socket's directory where pcscd expects the directory, then executes pcscd.
///
/// vpcd sends small packets, so each command would wait 40 ms for a delayed acknowledgement. The network route
/// therefore disables delayed acknowledgements.
const SCRIPT: &str = r#"
set -e
# These mounts must not be visible in other namespaces. In a chroot, / is not a mount point, so /run is made one.
mount --make-rprivate / 2>/dev/null || { mount --bind /run /run; mount --make-private /run; }
ip link set lo up
ip route replace local 127.0.0.1 dev lo table local src 127.0.0.1 quickack 1
mount -t tmpfs rig /run
mkdir /run/pcscd
mount --bind "$1/run" /run/pcscd
exec pcscd --foreground --info --config "$1/readers"
"#;

/// Returns the port on which a slot's reader listens.
pub(super) fn port(slot: usize) -> u16 {
    FIRST_PORT + u16::try_from(slot).expect("the number of readers should be small")
}

pub(super) struct Daemon {
    process: Mutex<Child>,
    pid: u32,
    directory: PathBuf,
    socket: PathBuf,
    log: Log,
}

impl Daemon {
    /// Starts pcscd with `pairs` pairs of readers, and waits until pcscd accepts clients.
    pub fn start(pairs: usize) -> Self {
        let directory = lay_out(pairs).unwrap_or_else(|e| panic!("cannot create pcscd's directory: {e}"));
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--propagation",
                "unchanged",
                "--net",
                "sh",
                "-c",
                SCRIPT,
                "rig",
            ])
            .arg(&directory)
            // Ctrl-C at the test's terminal must not reach the daemon. The daemon ends when the test ends.
            .process_group(0)
            .stdin(Stdio::null());
        let (reader, writer) = std::io::pipe().expect("a pipe should be created");
        command.stderr(writer.try_clone().expect("a pipe should be duplicated")).stdout(writer);
        let process = spawn_for_good(command).unwrap_or_else(|e| panic!("cannot start pcscd: {e}"));
        let daemon = Self {
            pid: process.id(),
            process: Mutex::new(process),
            socket: directory.join("run/pcscd.comm"),
            directory,
            log: Log::follow(reader),
        };
        daemon.wait_ready();
        daemon
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Waits until the daemon's clients see a card in this reader (`present` is true), or no card.
    ///
    /// # Panics
    ///
    /// Panics with the daemon's log if the wait takes longer than `patience`, or if the daemon has ended.
    pub fn wait_for_card(&self, reader: &str, present: bool, patience: Duration) {
        let began = Instant::now();
        let mut client = Client::connect(&self.socket);
        while !client.as_mut().is_ok_and(|client| client.has_card(reader).is_ok_and(|seen| seen == present)) {
            let given_up = client.is_err() || self.log.has_ended() || began.elapsed() > patience;
            let what = if present { "no card" } else { "a card" };
            assert!(!given_up, "pcscd still sees {what} in {reader}; its log:\n{}", self.log.text());
            std::thread::sleep(PAUSE);
        }
    }

    /// Connects to a port in the daemon's network.
    pub fn connect(&self, port: u16) -> TcpStream {
        let network = File::open(format!("/proc/{}/ns/net", self.pid)).expect("pcscd should be running");
        let inside = move || -> std::io::Result<TcpStream> {
            setns(network, CloneFlags::CLONE_NEWNET)?;
            let wire = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            wire.set_nodelay(true)?;
            Ok(wire)
        };
        // A thread stays in the namespace that it enters, so a separate thread makes the connection.
        let thread = std::thread::spawn(inside);
        let wire = thread.join().expect("the thread should not panic");
        wire.unwrap_or_else(|e| panic!("no reader on port {port}: {e}; pcscd's log:\n{}", self.log.text()))
    }

    /// Kills the daemon, waits for its end, and removes its directory.
    pub fn stop(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = process.kill();
        let _ = process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }

    fn wait_ready(&self) {
        let began = Instant::now();
        while Client::connect(&self.socket).is_err() {
            let given_up = self.log.has_ended() || began.elapsed() > START;
            assert!(!given_up, "pcscd does not start (it needs root); its log:\n{}", self.log.text());
            std::thread::sleep(PAUSE);
        }
    }
}

/// The prefix of a daemon's directory. After the prefix follows the test's process id.
const PREFIX: &str = "rig-";

/// Removes the directories of test processes that were killed.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
        if owner.is_some_and(|owner: u32| !Path::new(&format!("/proc/{owner}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lay_out(pairs: usize) -> std::io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static SWEPT: Once = Once::new();
    SWEPT.call_once(sweep);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("{PREFIX}{}-{count}", std::process::id()));
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    for sub in ["run", "readers"] {
        fs::create_dir_all(directory.join(sub))?;
    }
    // Every user is allowed to enter these directories, because a client can run as another user.
    for open in [&directory, &directory.join("run")] {
        fs::set_permissions(open, Permissions::from_mode(0o755))?;
    }
    let mut readers = String::new();
    for pair in 0..pairs {
        let driver = directory.join(format!("driver-{pair}.so"));
        fs::copy(DRIVER, &driver)?;
        readers += &format!(
            "FRIENDLYNAME \"{}\"\nDEVICENAME /dev/null:{}\nLIBPATH {}\nCHANNELID {pair}\n",
            super::pair_name(pair),
            port(2 * pair),
            driver.display(),
        );
    }
    fs::write(directory.join("readers/rig"), readers)?;
    Ok(directory)
}

/// Spawns the child from a thread that never ends. The kernel sends the parent-death signal when the *thread* that
/// spawned the child ends, even if the process continues.
fn spawn_for_good(command: Command) -> std::io::Result<Child> {
    type Job = (Command, Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in jobs {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (sender, answer) = channel();
    spawner.send((command, sender)).expect("the spawning thread should not end");
    answer.recv().expect("the spawning thread should answer")
}
