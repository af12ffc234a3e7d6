//! Sends alerts to a webhook. Signs each request, following Standard Webhooks 1.0.0.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::http::Http;
use super::notice::Notice;
use super::receipt::{Failure, Receipt, is_off};
use crate::secret::SecretText;

pub(super) async fn post(
    http: &Http,
    url: &SecretText,
    secret: &SecretText,
    notice: &Notice,
) -> Result<Receipt, Failure> {
    let (id, body) = (notice.key(), notice.json());
    let send = async |at: SystemTime| {
        let sent = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let signature = sign(secret, &id, &sent, &body);
        let signature =
            signature.ok_or_else(|| (Failure::Permanent("the webhook secret is not valid".into()), None))?;
        let headers =
            vec![("webhook-id", id.clone()), ("webhook-timestamp", sent), ("webhook-signature", signature)];
        http.post_dated(url, headers, body.clone()).await
    };
    let here = SystemTime::from(notice.at);
    let answer = match send(here).await {
        // The local clock is wrong, so the request is sent again with the receiver's time.
        Err((_, Some(date))) if is_off(date, here) => send(date).await,
        answer => answer,
    };
    let answer = answer.map_err(|(failure, _)| failure)?;
    Ok(Receipt::without_id(format!("HTTP status {}", answer.status)))
}

/// Returns the signature: `v1,` followed by the HMAC-SHA256 of `id.timestamp.body` in base64.
fn sign(secret: &SecretText, id: &str, sent: &str, body: &[u8]) -> Option<String> {
    let key = Zeroizing::new(BASE64_STANDARD.decode(secret.expose().strip_prefix("whsec_")?).ok()?);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{sent}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_matches_the_specifications_example() {
        // The example is from the tests of the official Standard Webhooks libraries.
        let secret = SecretText::copy_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature =
            sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }
}
