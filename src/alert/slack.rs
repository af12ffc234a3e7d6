//! Sends alerts to an incoming webhook of Slack or a compatible service. The body is JSON with the field `text`, in
//! which `&`, `<` and `>` are escaped (Slack, "Formatting text").

use super::http::Http;
use super::notice::Notice;
use super::receipt::{Failure, Receipt};
use crate::secret::SecretText;

pub(super) async fn post(http: &Http, url: &SecretText, notice: &Notice) -> Result<Receipt, Failure> {
    let body = serde_json::json!({ "text": escaped(&format!("*{}*\n{}", notice.subject(), notice.text())) });
    let answer = http.post(url, Vec::new(), body.to_string().into_bytes()).await?;
    Ok(Receipt::without_id(format!("HTTP status {}", answer.status)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_reason_cannot_mention_users_or_channels() {
        assert_eq!(super::escaped("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
    }
}
