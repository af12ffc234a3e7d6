//! Sends alerts as mail over SMTP. The server acknowledges a mail with status 250 after the end of the message.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Protection, TlsParameters};
use lettre::transport::smtp::response::Response;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::task::JoinSet;

use super::notice::Notice;
use super::receipt::{Failure, Receipt};
use crate::vault::payload::{Smtp, Tls};

/// After the server has accepted the mail for one recipient, the program waits this long for the server's answers
/// about the other recipients.
const GRACE: Duration = Duration::from_secs(2);

pub(super) async fn send(server: &Smtp, notice: &Notice) -> Result<Receipt, Failure> {
    let message =
        message(server, notice).map_err(|why| Failure::Permanent(format!("cannot build the mail: {why}")))?;
    let protection = |parameters| match server.tls {
        Tls::Implicit => Protection::Wrapper(parameters),
        Tls::StartTls | Tls::None => Protection::Required(parameters),
    };
    let tls = match server.tls {
        Tls::None => Protection::None,
        _ => TlsParameters::new(server.host.clone())
            .map(protection)
            .map_err(|_| Failure::Permanent("cannot set up TLS".into()))?,
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.as_str())
        .port(server.port)
        .tls(tls)
        .timeout(None);
    if let Some((name, password)) = &server.login {
        transport = transport.credentials(Credentials::new(name.clone(), password.expose().to_owned()));
    }
    // Each recipient gets a separate mail, so a recipient that the server refuses does not affect the others.
    let transport = transport.build();
    let mut sending = JoinSet::new();
    for to in &server.to {
        let envelope = envelope(server, to).map_err(|why| Failure::Permanent(format!("{to}: {why}")))?;
        let (transport, message, to) = (transport.clone(), message.clone(), to.clone());
        sending.spawn(async move { (to, transport.send_raw(&envelope, &message).await) });
    }
    let (mut accepted, mut refused, mut late) = (Vec::new(), Vec::new(), false);
    loop {
        let next = if accepted.is_empty() {
            sending.join_next().await
        } else if let Ok(next) = tokio::time::timeout(GRACE, sending.join_next()).await {
            next
        } else {
            // One accepted mail is enough for an acknowledgement. The other mails are still sent in the background.
            sending.detach_all();
            late = true;
            None
        };
        match next {
            None => break,
            Some(Ok((_, Ok(answer)))) => accepted.push(answer),
            Some(Ok((to, Err(error)))) => refused.push((to, failure(&error))),
            Some(Err(_)) => late = true,
        }
    }
    let why = |(to, failure): &(String, Failure)| format!("{to}: {}", failure.why());
    let mut but: Vec<_> = refused.iter().map(why).collect();
    but.extend(late.then(|| "other recipients, for whom the server did not answer in time".into()));
    match (accepted.first(), refused.into_iter().next()) {
        (Some(answer), _) if but.is_empty() => Ok(receipt(answer, "")),
        (Some(answer), _) => Ok(receipt(answer, &format!("; but not {}", but.join(", ")))),
        (None, Some((_, Failure::Temporary(_)))) => Err(Failure::Temporary(but.join(", "))),
        (None, _) => Err(Failure::Permanent(but.join(", "))),
    }
}

fn receipt(answer: &Response, but: &str) -> Receipt {
    let said = answer.first_line().unwrap_or_default();
    Receipt { id: queue_id(said), detail: format!("SMTP {} {said}{but}", answer.code()) }
}

/// Describes an SMTP error. Shows only the status code, because the server's text can repeat secrets that were sent to
/// the server.
fn failure(error: &lettre::transport::smtp::Error) -> Failure {
    if error.is_permanent() {
        let code = error.status().map_or_else(String::new, |code| format!(": {code}"));
        return Failure::Permanent(format!("the mail server refused{code}"));
    }
    if error.is_timeout() {
        return Failure::Temporary("the mail server did not answer".into());
    }
    if error.is_tls() {
        return Failure::Permanent("TLS with the mail server failed".into());
    }
    if error.is_client() {
        return Failure::Permanent("the mail server does not offer STARTTLS or a login".into());
    }
    Failure::Temporary("could not connect to the mail server, or the connection was lost".into())
}

/// Finds the server's id for the mail in the server's answer, such as `queued as 4F1C2D` or `OK id=1abCdE-000`. The id
/// is the first word with at least five alphanumeric characters, of which at least one is a digit.
fn queue_id(said: &str) -> Option<String> {
    let is_id = |word: &&str| {
        let alphanumeric = word.chars().filter(char::is_ascii_alphanumeric).count();
        alphanumeric >= 5 && word.bytes().any(|byte| byte.is_ascii_digit())
    };
    said.split_ascii_whitespace().find(is_id).map(|word| word.trim_start_matches("id=").to_owned())
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| "not a valid address".into())
}

fn envelope(server: &Smtp, to: &str) -> Result<Envelope, String> {
    Envelope::new(Some(address(&server.from)?), vec![address(to)?]).map_err(|e| e.to_string())
}

fn message(server: &Smtp, notice: &Notice) -> Result<Vec<u8>, String> {
    let id = format!("<{}@{}>", notice.key(), notice.host);
    let mut message = Message::builder().from(address(&server.from)?.into()).subject(notice.title());
    for to in &server.to {
        message = message.to(address(to)?.into());
    }
    let message = message.message_id(Some(id)).header(ContentType::TEXT_PLAIN).body(notice.text());
    message.map(|message| message.formatted()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_servers_id_for_a_mail_is_found_in_its_answer() {
        for (said, id) in [
            ("2.0.0 Ok: queued as 4F1C2D9A", Some("4F1C2D9A")),
            ("OK id=1abCdE-000000", Some("1abCdE-000000")),
            ("2.0.0  OK  1700000000 x12-20020a - gsmtp", Some("1700000000")),
            ("2.0.0 Ok", None),
            ("Message accepted for delivery", None),
            ("", None),
        ] {
            assert_eq!(super::queue_id(said).as_deref(), id, "{said}");
        }
    }
}
