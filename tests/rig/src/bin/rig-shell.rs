//! Starts a shell with plugged-in virtual tokens, for manual tests.

use rig::pcscd::Pcscd;
use rig::token::{Authority, FACTORY_PIN, Fault, Management, Spec, Token, Touch};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

const USAGE: &str = "\
rig-shell [OPTIONS] [COMMAND [ARGUMENT]...]   run COMMAND, or $SHELL, with virtual tokens plugged in
rig-shell do VERB [TOKEN [ARGUMENT]]          in that shell: act on token 0, 1, 2, ...

options  --tokens N (3)   --firmware A.B.C (5.4.3)   --pin PIN (123456)   --puk PUK (12345678)
         --protected (management key behind the PIN)   --touch at-once|never|SECONDS   --unplugged
verbs    list   plug T   unplug T   touch T [at-once|never|SECONDS]   fault T garbage|wrong|unplug
         pin T PIN   serial T NUMBER

environment of COMMAND: PCSCLITE_CSOCK_NAME, RIG_CONTROL, RIG_ATTESTATION_ROOT (a PEM file)";

/// The environment variable that names the control socket.
const CONTROL: &str = "RIG_CONTROL";

type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("do") => ask(&arguments[1..]),
        Some("--help" | "-h") => {
            println!("{USAGE}");
            Ok(0)
        }
        _ => Options::parse(arguments).and_then(run),
    };
    outcome.map_or_else(
        |error| {
            eprintln!("rig-shell: {error}");
            ExitCode::from(2)
        },
        ExitCode::from,
    )
}

struct Options {
    tokens: u32,
    spec: Spec,
    plugged: bool,
    command: Vec<String>,
}

impl Options {
    fn parse(arguments: Vec<String>) -> Result<Self> {
        let mut options = Self { tokens: 3, spec: Spec::new(20_000_001), plugged: true, command: Vec::new() };
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--tokens" => options.tokens = number(&value()?)?,
                "--firmware" => options.spec.firmware = version(&value()?)?,
                "--pin" => options.spec.pin = value()?,
                "--puk" => options.spec.puk = value()?,
                "--protected" => options.spec.management = Management::Protected,
                "--touch" => options.spec.touch = touch(&value()?)?,
                "--unplugged" => options.plugged = false,
                "--" => options.command = rest.by_ref().collect(),
                other if other.starts_with("--") => return Err(format!("unknown option {other}\n{USAGE}")),
                _ => options.command = std::iter::once(argument).chain(rest.by_ref()).collect(),
            }
        }
        // A person needs time to touch a token, so the token waits for 15 seconds.
        options.spec.touch_timeout = Duration::from_secs(15);
        Ok(options)
    }
}

fn run(options: Options) -> Result<u8> {
    let first = options.spec.serial;
    let made =
        (first..first + options.tokens).map(|serial| Token::new(Spec { serial, ..options.spec.clone() }));
    let tokens: Vec<Token> = made.collect();
    let pcscd = Arc::new(Pcscd::start(tokens.len()));
    if options.plugged {
        tokens.iter().enumerate().for_each(|(slot, token)| pcscd.insert(slot, token));
    }
    let control = pcscd.socket().with_file_name("control");
    let root = pcscd.socket().with_file_name("attestation-root.pem");
    std::fs::write(&root, Authority::Rig.root_pem()).map_err(|e| e.to_string())?;
    let listener = UnixListener::bind(&control).map_err(|e| e.to_string())?;
    let bench = Bench { pcscd: Arc::clone(&pcscd), tokens };
    std::thread::spawn(move || listener.incoming().flatten().for_each(|client| bench.serve(client)));

    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into());
    let command = if options.command.is_empty() { vec![shell] } else { options.command };
    let mut child = Command::new(&command[0]);
    child.args(&command[1..]).env("PCSCLITE_CSOCK_NAME", pcscd.socket());
    child.env(CONTROL, control).env("RIG_ATTESTATION_ROOT", root);
    let status = child.status().map_err(|e| format!("{}: {e}", command[0]))?;
    pcscd.stop();
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Sends one request to the surrounding rig-shell, and prints the answer.
fn ask(words: &[String]) -> Result<u8> {
    let control = std::env::var(CONTROL)
        .map_err(|_| format!("{CONTROL} is not set; run this command in a rig-shell"))?;
    let mut stream = UnixStream::connect(control).map_err(|e| e.to_string())?;
    writeln!(stream, "{}", words.join(" ")).map_err(|e| e.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|e| e.to_string())?;
    if let Some(error) = answer.strip_prefix("error: ") {
        return Err(error.trim().into());
    }
    print!("{answer}");
    Ok(0)
}

/// The tokens and their readers. Token N belongs in reader N.
struct Bench {
    pcscd: Arc<Pcscd>,
    tokens: Vec<Token>,
}

impl Bench {
    fn serve(&self, mut client: UnixStream) {
        let mut line = String::new();
        let read = BufReader::new(&client).read_line(&mut line);
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match read {
            Ok(_) => self.obey(&words).unwrap_or_else(|error| format!("error: {error}\n")),
            Err(error) => format!("error: {error}\n"),
        };
        // The client might have disconnected, so a failed write is ignored.
        let _ = client.write_all(answer.as_bytes());
    }

    fn obey(&self, words: &[&str]) -> Result<String> {
        let (verb, rest) = words.split_first().ok_or(USAGE)?;
        if *verb == "list" {
            return Ok(self.list());
        }
        let (slot, rest) = rest.split_first().ok_or("the number of a token is missing")?;
        let slot: usize = number(slot)?;
        let token = self.tokens.get(slot).ok_or(format!("there is no token {slot}"))?;
        match (*verb, rest) {
            ("plug", []) if !token.is_plugged() => self.pcscd.insert(slot, token),
            ("plug", []) => {}
            ("unplug", []) => self.pcscd.remove(slot),
            ("touch", []) => token.touch(),
            ("touch", [how]) => token.set_touch(touch(how)?),
            ("fault", ["garbage"]) => token.inject(Fault::Garbage),
            ("fault", ["wrong"]) => token.inject(Fault::WrongResult),
            ("fault", ["unplug"]) => token.inject(Fault::UnplugAtUse(1)),
            ("pin", [pin]) if (6..=8).contains(&pin.len()) => token.set_pin(pin),
            ("serial", [serial]) => token.set_serial(number(serial)?),
            _ => return Err(USAGE.into()),
        }
        Ok(String::new())
    }

    fn list(&self) -> String {
        let mut out = String::new();
        for (slot, token) in self.tokens.iter().enumerate() {
            let keys: Vec<_> = token.occupied().iter().map(|slot| format!("{slot:02x}")).collect();
            out += &format!(
                "{slot}  {}  {}  pin tries {}{}  keys {}  {:?}\n",
                token.serial(),
                if token.is_plugged() { "plugged in" } else { "unplugged " },
                token.pin_tries(),
                if token.has_pin(FACTORY_PIN) { " (factory)" } else { "" },
                keys.join(" "),
                token.counters(),
            );
        }
        out
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| format!("{text} is not a number in range"))
}

fn version(text: &str) -> Result<(u8, u8, u8)> {
    let parts: Vec<_> = text.split('.').map(number).collect::<Result<_>>()?;
    let &[major, minor, patch] = &parts[..] else { return Err(format!("{text} is not a version")) };
    Ok((major, minor, patch))
}

fn touch(text: &str) -> Result<Touch> {
    match text {
        "at-once" => Ok(Touch::AtOnce),
        "never" => Ok(Touch::Never),
        seconds => Ok(Touch::After(Duration::from_secs(number(seconds)?))),
    }
}
