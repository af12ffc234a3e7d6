//! Mail: handed over when the server has taken the message (250 after its end).

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Protection, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::{Failure, Notice};
use crate::vault::payload::{Smtp, Tls};

pub(super) async fn send(server: &Smtp, notice: &Notice) -> Result<String, Failure> {
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
        Ok(answer) => Ok(format!("SMTP {} {}", answer.code(), answer.first_line().unwrap_or_default())),
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

fn message(server: &Smtp, notice: &Notice) -> Result<Message, String> {
    let address = |text: &String| text.parse::<Address>().map_err(|e| e.to_string());
    let mut message = Message::builder().from(address(&server.from)?.into()).subject(notice.subject());
    for to in &server.to {
        message = message.to(address(to)?.into());
    }
    message.header(ContentType::TEXT_PLAIN).body(notice.text()).map_err(|e| e.to_string())
}
