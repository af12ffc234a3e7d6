//! Runs the alert command that is set in the configuration file. The command gets the notice as JSON on stdin. The
//! command's success never counts as an acknowledgement.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::notice::Notice;

/// Runs the alert command, and kills it if it has not ended after `time`.
///
/// # Errors
/// Fails if the command cannot be started, if it fails, or if it does not end in time.
pub(super) async fn run(command: Vec<String>, notice: Arc<Notice>, time: Duration) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("cannot run {program}: {error}"))?;
    let running = async {
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(&notice.json()).await;
        }
        child.wait().await
    };
    match tokio::time::timeout(time, running).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{program} failed: {status}")),
        Ok(Err(error)) => Err(format!("{program} failed: {error}")),
        Err(_) => Err(format!("{program} did not end within {} s", time.as_secs())),
    }
}
