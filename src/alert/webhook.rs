//! A webhook that proves who sent it, as the Standard Webhooks specification (1.0.0) has it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::http::Http;
use super::{Failure, Notice, Receipt};
use crate::secret::SecretText;

pub(super) async fn post(
    http: &Http,
    url: &SecretText,
    secret: &SecretText,
    notice: &Notice,
) -> Result<Receipt, Failure> {
    let (id, body) = (notice.key(), notice.json());
    let sent = notice.at.as_second().to_string();
    let signature =
        sign(secret, &id, &sent, &body).ok_or_else(|| Failure::Final("its secret is none".into()))?;
    let headers = vec![("webhook-id", id), ("webhook-timestamp", sent), ("webhook-signature", signature)];
    let answer = http.post(url, headers, body).await?;
    Ok(Receipt::without_id(format!("HTTP status {}", answer.status)))
}

/// `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.
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
    fn it_signs_as_the_specification_has_it() {
        // The example that the specification's own libraries are tested with.
        let secret = SecretText::copy_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature =
            sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }
}
