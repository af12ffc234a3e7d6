//! The option `--console`: opens the sign-in link of the AWS console in a browser. The link is a secret. The program
//! passes the link to the browser through a single-use HTTP redirect, or prints the link to the terminal. The program
//! does not write the link to any other place.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::redirect::Redirect;
use crate::secret::SecretText;
use crate::terminal::print;

/// How long the program waits for the browser to request the link.
const BROWSER_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause between two checks whether the browser has requested the link.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// The task that passes the link to the browser. Dropping the value stops the task.
pub(crate) struct ShownLink(Option<JoinHandle<()>>);

impl Drop for ShownLink {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Opens the sign-in link in the operator's browser. Prints the link to the terminal if no browser is found, or if
/// the browser does not request the link.
pub(crate) fn show(link: SecretText) -> ShownLink {
    let Some(browser) = browser() else {
        on_terminal(&link);
        return ShownLink(None);
    };
    let redirect = match Redirect::start(link) {
        Ok(redirect) => redirect,
        Err((link, _)) => {
            on_terminal(&link);
            return ShownLink(None);
        }
    };
    match start(&browser, &redirect.address()) {
        Ok(started) => ShownLink(Some(tokio::spawn(served_or_shown(redirect, started)))),
        Err(why) => {
            print::progress(&format!("console: {} did not start ({why})", browser.display()));
            redirect.into_link().iter().for_each(on_terminal);
            ShownLink(None)
        }
    }
}

/// Waits until the browser has requested the link. If no request comes in time, prints the link. For example, no
/// request comes if the program in `$BROWSER` is not a browser.
async fn served_or_shown(redirect: Redirect, mut browser: Child) {
    let since = Instant::now();
    let mut failed = false;
    while !redirect.has_served() && !failed && since.elapsed() < BROWSER_TIMEOUT {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        failed = matches!(browser.try_wait(), Ok(Some(status)) if !status.success());
    }
    match redirect.into_link() {
        None => say_over("console: opened in your browser"),
        Some(link) => {
            say_over("console: the browser did not request the link");
            on_terminal(&link);
        }
    }
}

/// Erases the countdown and prints a line in its place.
fn say_over(line: &str) {
    let _ = print::on_terminal("");
    print::progress(line);
}

/// Prints the link to the controlling terminal. Does not use stdout or stderr, because stdout and stderr can be files.
fn on_terminal(link: &SecretText) {
    let shown = print::on_terminal("console: sign in with this link, once, before the window ends:\n")
        .and_then(|()| print::on_terminal(SecretText::copy_of(&format!("{}\n", link.expose())).expose()));
    if let Err(why) = shown {
        print::progress(&format!(
            "console: no browser was found, and the link cannot be printed to a terminal ({why}); close and open again to get another link"
        ));
    }
}

/// Returns the program in `$BROWSER`. If `$BROWSER` is not set, returns `xdg-open` on a machine with a desktop.
fn browser() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(browser) = set("BROWSER") {
        return Some(browser.into());
    }
    let desktop = set("DISPLAY").or_else(|| set("WAYLAND_DISPLAY"));
    let opens = |program: &PathBuf| program.is_file();
    desktop.and_then(|_| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|directory| directory.join("xdg-open")).find(opens)
    })
}

fn start(browser: &PathBuf, address: &str) -> std::io::Result<Child> {
    let mut command = Command::new(browser);
    command.process_group(0).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // The program does not wait for the end of the browser, because the browser stays open after the window has ended.
    command.spawn()
}
