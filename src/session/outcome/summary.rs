//! The summary at the end of a session: how long the window was open, why the window ended, and what to do next.

use std::path::Path;

use super::RunOutcome;
use crate::error::{Error, Status};
use crate::gate::SessionId;
use crate::session::messages;
use crate::session::work::CommandEnd;
use crate::shell;
use crate::time_text;
use crate::window::{Cause, End};

/// The use of credentials that the summary describes.
pub(crate) struct SpentUse<'a> {
    pub(crate) session: SessionId,
    pub(crate) vault: &'a Path,
    /// Whether the vault is a drill vault. The credentials of a drill vault can be used again.
    pub(crate) is_drill: bool,
}

/// Describes how an open window ended. Access is proven closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct WindowEnd {
    cause: Cause,
    command: Option<CommandEnd>,
}

impl RunOutcome {
    pub(crate) fn window_end(&self) -> WindowEnd {
        WindowEnd { cause: self.end.cause(), command: self.command }
    }

    /// Returns the summary of a window that was open and is proven closed. Returns `None` in all other cases, because
    /// the program then prints an error instead.
    pub(crate) fn summary(&self, spent: &SpentUse<'_>) -> Option<String> {
        let (End::Closed(cause), Some(open_for), Some(window)) = (self.end, self.open_for, self.window)
        else {
            return None;
        };
        let allowed = window.until.duration_since(window.from).unsigned_abs();
        let first = format!(
            "window: open for {} of {}; {}",
            time_text::duration(open_for.min(allowed)),
            time_text::duration(allowed),
            messages::cause(cause)
        );
        if spent.is_drill {
            return Some(first);
        }
        let (session, vault) = (spent.session, shell::path(spent.vault));
        Some(format!(
            "{first}\n  spent    the credentials in {vault} were used: replace them in AWS, and seal a new vault\n  \
             next     review the session, and look at what is due:\n    breakglass review {session} --vault {vault}\n    \
             breakglass status {vault}"
        ))
    }
}

impl WindowEnd {
    /// Returns an error if the command in the window did not end by itself with exit status 0, or if another process
    /// closed the window. If `pass_status` is true, the error has the command's exit status, except for status 10.
    /// Status 10 means that access might still be open.
    pub(crate) fn failure(self, pass_status: bool) -> Option<Error> {
        const CLOSED: &str = "access is proven closed";
        let pass = |code: u8| if pass_status && code != 10 { Status::Command(code) } else { Status::Failed };
        let error = match (self.command, self.cause) {
            (Some(CommandEnd::Exited(0)), Cause::ChildEnded) => return None,
            (Some(CommandEnd::Exited(code)), Cause::ChildEnded) => {
                Error::new(pass(code), format!("the command ended with exit status {code}"))
            }
            (Some(CommandEnd::Signalled(number)), Cause::ChildEnded) => {
                let code = 128_u8.saturating_add(number);
                Error::new(pass(code), format!("signal {number} ended the command"))
            }
            (_, Cause::Lost(_)) => Error::failed(format!("the window was {}", messages::cause(self.cause))),
            (Some(_), _) => Error::failed("the command was ended, because the window ended"),
            (None, _) => return None,
        };
        Some(error.and(CLOSED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Lost;

    #[test]
    fn only_a_command_that_ends_by_itself_with_0_is_a_success() {
        use CommandEnd::{Exited, Signalled, Stopped};
        let closed = Cause::Lost(Lost::Closed);
        let table = [
            (Some(Exited(0)), Cause::ChildEnded, 0, 0),
            (Some(Exited(3)), Cause::ChildEnded, 1, 3),
            (Some(Exited(10)), Cause::ChildEnded, 1, 1),
            (Some(Signalled(15)), Cause::ChildEnded, 1, 143),
            (Some(Stopped), Cause::Deadline, 1, 1),
            (Some(Stopped), closed, 1, 1),
            (None, Cause::ChildEnded, 0, 0),
            (None, Cause::Deadline, 0, 0),
            (None, Cause::Quit, 0, 0),
            (None, closed, 1, 1),
        ];
        for (command, cause, plain, passed) in table {
            let status = |pass| WindowEnd { cause, command }.failure(pass).map_or(0, |e| e.status.code());
            assert_eq!((status(false), status(true)), (plain, passed), "{command:?} {cause:?}");
        }
    }
}
