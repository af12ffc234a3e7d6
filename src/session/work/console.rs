//! `--console`: a session becomes a link that signs a browser in. The link is a secret: it goes to the browser
//! by a path that serves once, or to the terminal, and nowhere else.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::redirect::Redirect;
use crate::secret::SecretText;
use crate::terminal::print;

/// How long a browser may take to come for the link.
const COMES: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// The link on its way; dropped when the window ends.
pub(crate) struct Shown(Option<JoinHandle<()>>);

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Opens the link in the operator's browser; where there is none, or it does not come, shows it on the terminal.
pub(crate) fn show(link: SecretText) -> Shown {
    let Some(browser) = browser() else {
        on_terminal(&link);
        return Shown(None);
    };
    let redirect = match Redirect::start(link) {
        Ok(redirect) => redirect,
        Err((link, _)) => {
            on_terminal(&link);
            return Shown(None);
        }
    };
    match start(&browser, &redirect.address()) {
        Ok(started) => Shown(Some(tokio::spawn(served_or_shown(redirect, started)))),
        Err(why) => {
            print::progress(&format!("console: {} did not start ({why})", browser.display()));
            redirect.into_link().iter().for_each(on_terminal);
            Shown(None)
        }
    }
}

/// A program that starts is not yet a browser that shows something.
async fn served_or_shown(redirect: Redirect, mut browser: Child) {
    let since = Instant::now();
    let mut failed = false;
    while !redirect.has_served() && !failed && since.elapsed() < COMES {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        failed = matches!(browser.try_wait(), Ok(Some(status)) if !status.success());
    }
    match redirect.into_link() {
        None => say_over("console: opened in your browser"),
        Some(link) => {
            say_over("console: the browser did not come for the link");
            on_terminal(&link);
        }
    }
}

/// A countdown is under way by then.
fn say_over(line: &str) {
    let _ = print::on_terminal("");
    print::progress(line);
}

/// Standard output and standard error may be files: the terminal itself is asked for.
fn on_terminal(link: &SecretText) {
    let shown = print::on_terminal("console: sign in with this link, once, before the window ends:\n")
        .and_then(|()| print::on_terminal(SecretText::copy_of(&format!("{}\n", link.expose())).expose()));
    if let Err(why) = shown {
        print::progress(&format!(
            "console: there is no browser, and no terminal takes the link ({why}); close and open again to get another"
        ));
    }
}

/// `$BROWSER`, or what the desktop opens links with.
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
    // It is the operator's, and stays when the window ends.
    command.spawn()
}
