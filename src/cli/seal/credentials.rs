//! Reads the credentials to seal, as JSON from standard input or through prompts. The program never reads credentials
//! from arguments, environment variables or a named file.

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;

use crate::cli::typed::{self, Ended};
use crate::error::{Error, Result};
use crate::gate::grant::{self, Terms};
use crate::secret::{SecretBuf, SecretText};
use crate::terminal::{Terminal, note};
use crate::vault::duration::Span;
use crate::vault::manifest::Lane;
use crate::vault::payload::{self, AccessKey, Gatekeepers, Input, Mfa, Payload, SealedTarget, Way};

/// Reads the credentials from standard input. If standard input is a terminal, prompts for the credentials.
pub fn read() -> Result<Input> {
    let input = if std::io::stdin().is_terminal() {
        Input { payload: prompted(&mut Terminal::open()?)?, drill: None }
    } else {
        from_stdin()?
    };
    input.payload.targets.iter().try_for_each(check_grant)?;
    Ok(input)
}

/// Reads the JSON directly into locked memory, because the standard library would leave a copy of the JSON in its
/// buffer.
fn from_stdin() -> Result<Input> {
    let stdin = std::io::stdin();
    let mut json = SecretBuf::with_capacity(payload::MAX_BYTES + 1);
    while !json.spare_mut().is_empty() {
        match rustix::io::read(stdin.as_fd(), json.spare_mut()) {
            Ok(0) => break,
            Ok(n) => json.advance(n),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => {
                return Err(Error::usage(format!("cannot read the credentials from standard input: {e}")));
            }
        }
    }
    if json.expose().iter().all(u8::is_ascii_whitespace) {
        return Err(Error::usage("there are no credentials on standard input")
            .next("pipe the JSON in, or run seal at a terminal to type them"));
    }
    Input::parse(json.expose())
}

/// Refuses a grant that IAM would refuse, and a grant that allows more than the target's other fields declare.
fn check_grant(target: &SealedTarget) -> Result<()> {
    let terms = Terms {
        grant: &target.grant,
        regions: &target.regions,
        mfa: target.mfa.is_some() && target.lane() == Lane::Gate,
        repairs_identity: target.repairs_identity,
        may_outlive: &target.may_outlive,
    };
    grant::check(&terms).map_err(|e| e.context(&target.name))
}

/// Asks for each target, and then for the runbook.
fn prompted(terminal: &mut Terminal) -> Result<Payload> {
    let mut targets = Vec::new();
    loop {
        targets.push(target(terminal)?);
        if !openly(terminal, "another target? (yes, or Enter for no): ")?.eq_ignore_ascii_case("yes") {
            break;
        }
    }
    let runbook = openly(terminal, "runbook, one line (Enter for none): ")?;
    let payload = Payload { version: 1, targets, runbook, alerts: Vec::new() };
    // The typed payload is serialized and parsed again, so that it passes the same checks as JSON from standard
    // input.
    Payload::from_sealed(payload.to_sealed().expose()).map_err(Error::usage)
}

fn target(terminal: &mut Terminal) -> Result<SealedTarget> {
    let name = openly(terminal, "target name: ")?;
    let partition = match openly(terminal, "partition (Enter for aws): ")? {
        empty if empty.is_empty() => "aws".to_owned(),
        partition => partition,
    };
    let account = openly(terminal, "account id: ")?;
    let regions = openly(terminal, "regions: ")?.split_whitespace().map(str::to_owned).collect();
    let user = openly(terminal, "emergency IAM user: ")?;
    let boundary = boundary(terminal)?;
    let max_window = parsed(terminal, "longest window (like 4h): ", |text| {
        text.parse::<Span>().map_err(|why| why.to_string())
    })?;
    let way = match boundary {
        Some((boundary, boundary_sha256)) => Way::Gate(Gatekeepers {
            boundary,
            boundary_sha256,
            opener: key(terminal, "opener")?,
            closer: key(terminal, "closer")?,
        }),
        None => Way::Static(openly(terminal, "role to assume (ARN): ")?),
    };
    let emergency = key(terminal, "emergency")?;
    let grant: Vec<_> = parsed(terminal, "grant, a JSON array of statements on one line: ", |text| {
        serde_json::from_str(text).map_err(|e| e.to_string())
    })?;
    let may_outlive = outliving(terminal, &grant)?;
    Ok(SealedTarget {
        emergency,
        grant,
        may_outlive,
        repairs_identity: openly(
            terminal,
            "may the grant change IAM users, roles or policies? (yes, or Enter for no): ",
        )? == "yes",
        mfa: mfa(terminal)?,
        name,
        partition,
        account,
        regions,
        user,
        max_window,
        way,
    })
}

/// Shows the granted actions whose effects can outlive the window. Asks whether the vault should list these actions
/// for the custodians.
fn outliving(terminal: &mut Terminal, grant: &[serde_json::Value]) -> Result<Vec<String>> {
    let actions = grant::outliving(grant);
    if actions.is_empty() {
        return Ok(actions);
    }
    note(&format!("the grant allows actions whose effects can outlive the window: {}", actions.join(", ")));
    let answer = openly(
        terminal,
        "show these actions to the custodians before they approve? (yes, or Enter to stop without sealing): ",
    )?;
    Ok(if answer.eq_ignore_ascii_case("yes") { actions } else { Vec::new() })
}

/// Asks for the ARN and the digest of the permissions boundary. A target without a boundary is in the lane `static`.
fn boundary(terminal: &mut Terminal) -> Result<Option<(String, [u8; 32])>> {
    let arn = openly(terminal, "permissions boundary (ARN; Enter for a role of the lane static): ")?;
    if arn.is_empty() {
        return Ok(None);
    }
    let digest = parsed(terminal, "SHA-256 of the boundary's document: ", |text| {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map(|()| digest).map_err(|_| "expected 64 hex digits".into())
    })?;
    Ok(Some((arn, digest)))
}

/// Asks for the MFA device of the emergency user. The ARN is typed with echo, and the seed without echo.
fn mfa(terminal: &mut Terminal) -> Result<Option<Mfa>> {
    let serial = openly(terminal, "MFA device of the emergency user (ARN; Enter for none): ")?;
    if serial.is_empty() {
        return Ok(None);
    }
    let seed = hidden(terminal, "its TOTP seed, base32: ")?;
    Ok(Some(Mfa { serial, seed }))
}

/// Asks for an access key. The key's id is typed once with echo, and its secret twice without echo.
fn key(terminal: &mut Terminal, role: &str) -> Result<AccessKey> {
    loop {
        let id = openly(terminal, &format!("{role}: access key id: "))?;
        let secret = hidden(terminal, &format!("{role}: secret access key: "))?;
        let again = hidden(terminal, &format!("{role}: secret access key again: "))?;
        if secret.expose() != again.expose() {
            note(&format!("{role}: the two entries differ\n  next: type the key again"));
            continue;
        }
        let key = AccessKey { id, secret };
        match key.check() {
            Ok(()) => return Ok(key),
            Err(why) => note(&format!("{role}: {why}\n  next: type the key again")),
        }
    }
}

fn hidden(terminal: &mut Terminal, prompt: &str) -> Result<SecretText> {
    typed::line(terminal, prompt, None).map_err(Ended::nothing_sealed)
}

fn openly(terminal: &mut Terminal, prompt: &str) -> Result<String> {
    let line = typed::open_line(terminal, prompt).map_err(Ended::nothing_sealed)?;
    Ok(line.expose().trim().to_owned())
}

fn parsed<T>(terminal: &mut Terminal, prompt: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T> {
    loop {
        match parse(&openly(terminal, prompt)?) {
            Ok(value) => return Ok(value),
            Err(why) => note(&why),
        }
    }
}
