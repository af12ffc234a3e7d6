//! `--console`: a session becomes a link that signs a browser in. The link is a secret: it goes to the browser
//! by a path that serves once, or to the terminal, and nowhere else.

mod exchange;
mod redirect;

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::words::say;
use crate::secret::SecretText;
use redirect::Redirect;

pub(super) use exchange::sign_in;

/// Opens the link in the operator's browser; where there is none, shows it on the terminal.
pub(super) fn show(link: SecretText) {
    let Some(browser) = browser() else {
        return on_terminal(&link);
    };
    match Redirect::start(link) {
        Ok(redirect) => match start(&browser, &redirect.address()) {
            Ok(()) => say("console: opened in your browser"),
            Err(why) => {
                say(&format!("console: {} did not start ({why})", browser.display()));
                on_terminal(&redirect.into_link());
            }
        },
        Err((link, _)) => on_terminal(&link),
    }
}

/// Standard output and standard error may be files: the terminal itself is asked for.
fn on_terminal(link: &SecretText) {
    let shown = File::options().write(true).open("/dev/tty").and_then(|mut terminal| {
        terminal.write_all(b"console: sign in with this link, once, before the window ends:\n")?;
        terminal.write_all(link.expose().as_bytes())?;
        terminal.write_all(b"\n")
    });
    if let Err(why) = shown {
        say(&format!("console: there is no browser, and no terminal to show the link on ({why})"));
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

fn start(browser: &PathBuf, address: &str) -> std::io::Result<()> {
    let mut command = Command::new(browser);
    command.process_group(0).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It is the operator's, and stays when the window ends; there is nothing to wait for.
    command.spawn().map(drop)
}
