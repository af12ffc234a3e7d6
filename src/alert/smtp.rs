//! Mail: handed over when the server has taken the message (250 after its end).

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Protection, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::{Failure, Notice, Receipt};
use crate::vault::payload::{Smtp, Tls};

pub(super) async fn send(server: &Smtp, notice: &Notice) -> Result<Receipt, Failure> {
    let message =
        message(server, notice).map_err(|why| Failure::Final(format!("the mail cannot be made: {why}")))?;
    let protection = |parameters| match server.tls {
        Tls::Implicit => Protection::Wrapper(parameters),
        Tls::StartTls | Tls::None => Protection::Required(parameters),
    };
    let tls = match server.tls {
        Tls::None => Protection::None,
        _ => TlsParameters::new(server.host.clone())
            .map(protection)
            .map_err(|_| Failure::Final("TLS cannot be set up".into()))?,
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.as_str())
        .port(server.port)
        .tls(tls)
        .timeout(None);
    if let Some((name, password)) = &server.login {
        transport = transport.credentials(Credentials::new(name.clone(), password.expose().to_owned()));
    }
    match transport.build().send(message).await {
        Ok(answer) => {
            let said = answer.first_line().unwrap_or_default();
            Ok(Receipt { id: queue_id(said), detail: format!("SMTP {} {said}", answer.code()) })
        }
        // What the server says may repeat what it was told.
        Err(error) if error.is_permanent() => Err(Failure::Final(match error.status() {
            Some(code) => format!("the mail server refused: {code}"),
            None => "the mail server refused".into(),
        })),
        Err(error) if error.is_timeout() => Err(Failure::Passing("the mail server did not answer".into())),
        Err(error) if error.is_tls() => Err(Failure::Final("no TLS with the mail server".into())),
        Err(_) => Err(Failure::Passing("the mail server was not reached, or broke off".into())),
    }
}

/// The server's own id for the mail, which each puts elsewhere: the first word with five letters and digits or more, some
/// of them digits (`queued as 4F1C2D`, `OK id=1abCdE-000`).
fn queue_id(said: &str) -> Option<String> {
    let is_id = |word: &&str| {
        let alphanumeric = word.chars().filter(char::is_ascii_alphanumeric).count();
        alphanumeric >= 5 && word.bytes().any(|byte| byte.is_ascii_digit())
    };
    said.split_ascii_whitespace().find(is_id).map(|word| word.trim_start_matches("id=").to_owned())
}

fn message(server: &Smtp, notice: &Notice) -> Result<Message, String> {
    let address = |text: &String| text.parse::<Address>().map_err(|e| e.to_string());
    let mut message = Message::builder().from(address(&server.from)?.into()).subject(notice.subject());
    for to in &server.to {
        message = message.to(address(to)?.into());
    }
    message.header(ContentType::TEXT_PLAIN).body(notice.text()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_servers_id_is_found_where_it_gives_one() {
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
