//! A program of this machine's own that gets the notice as JSON; what it does never counts.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Notice;

/// Runs it, and ends it when its time is over.
pub(super) async fn run(words: Vec<String>, notice: Arc<Notice>, time: Duration) {
    let Some((program, arguments)) = words.split_first() else { return };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let Ok(mut child) = command.spawn() else { return };
    let told = async {
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(&notice.json()).await;
        }
        let _ = child.wait().await;
    };
    let _ = tokio::time::timeout(time, told).await;
}
