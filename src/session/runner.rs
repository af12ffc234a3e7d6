//! Runs the operator's choice during a window: a command, a shell, a console session, or only a countdown.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io::{self, IsTerminal as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::aws::emergency::EmergencyUser;
use crate::error::{Error, Result};
use crate::gate::{SessionId, Window};
use crate::secret::SecretText;
use crate::session::log::Log;
use crate::session::work::child::{Child, CommandEnd, Work};
use crate::session::work::console::{self, ShownLink};
use crate::session::work::endpoint::Endpoint;
use crate::signal::Signal;
use crate::terminal::keyboard::Keyboard;
use crate::time_text::{self, countdown};
use crate::window::left;

pub(crate) struct Runner<'a> {
    log: &'a Log<'a>,
    work: &'a Work,
    /// The emergency user, whose AWS session the operator's command gets. `None` if no AWS session is issued.
    user: Option<&'a EmergencyUser>,
    running: RefCell<Running>,
}

/// An open window. With `--console`, the value also contains the sign-in link of the AWS console.
pub(crate) struct Opened {
    pub(crate) session: SessionId,
    pub(crate) window: Window,
    pub(crate) console_link: Option<SecretText>,
    /// The vault's instructions for the operator. The text is empty if the vault has no instructions.
    pub(crate) runbook: String,
}

#[derive(Default)]
struct Running {
    window: Option<Window>,
    child: Option<Child>,
    /// How the command ended, if the command ended by itself.
    ended: Option<CommandEnd>,
    /// The task that ends the child process. A separate task is used so that no other step delays the end of the child
    /// process.
    ending: Option<JoinHandle<String>>,
    endpoint: Option<Endpoint>,
    keyboard: Option<Rc<Keyboard>>,
    console: Option<ShownLink>,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(log: &'a Log<'a>, work: &'a Work, user: Option<&'a EmergencyUser>) -> Self {
        Self { log, work, user, running: RefCell::default() }
    }

    /// Reports whether the window is held open without a command, so that the program reads the keyboard.
    pub(crate) fn is_held(&self) -> bool {
        self.work.is_held()
    }

    /// Returns the access key id of the AWS session that was issued to the emergency user.
    pub(crate) fn issued_key(&self) -> Option<String> {
        self.user?.issued().as_ref().map(|issued| issued.id.clone())
    }

    /// Starts the command or the console session, or shows the countdown.
    ///
    /// # Errors
    /// Fails if the command cannot be started.
    pub(crate) fn begin(&self, opened: Opened) -> Result<()> {
        let Opened { session, window, console_link, .. } = opened;
        self.running.borrow_mut().window = Some(window);
        if self.work.is_held() {
            self.hold(console_link);
            return Ok(());
        }
        self.start(session, &window).map_err(|why| {
            Error::failed(format!("the command could not be started: {why}"))
                .next("check the command, then open again")
        })
    }

    fn hold(&self, console_link: Option<SecretText>) {
        let console = console_link.map(console::show);
        let keyboard = Keyboard::open().map(Rc::new);
        if let Some(keyboard) = &keyboard {
            self.log.share_terminal_with(keyboard);
        }
        let mut running = self.running.borrow_mut();
        (running.console, running.keyboard) = (console, keyboard);
    }

    /// Starts the credential endpoint and the command that uses it.
    fn start(&self, session: SessionId, window: &Window) -> io::Result<()> {
        let no_session = || io::Error::other("there is no session to hand out");
        let user = self.user.ok_or_else(no_session)?;
        let endpoint = match user.issued().as_ref() {
            Some(issued) => Endpoint::start(issued, window.until, self.log.clock().clone())?,
            None => return Err(no_session()),
        };
        let region = user.region().to_owned();
        let mut access = vec![
            ("AWS_REGION", region.clone()),
            ("AWS_DEFAULT_REGION", region),
            // The AWS SDKs and the AWS CLI put the value of this variable into the user agent, which CloudTrail logs.
            ("AWS_SDK_UA_APP_ID", session.traced()),
            ("BREAKGLASS_UNTIL", window.until.to_string()),
        ];
        access.extend(endpoint.environment());
        let child = Child::start(self.work, &access, window.deadline, self.log.has_events())?;
        let mut running = self.running.borrow_mut();
        running.endpoint = Some(endpoint);
        running.child = Some(child);
        Ok(())
    }

    /// Shows the time left until the window ends, if the program reads the keyboard at a terminal.
    pub(crate) fn show(&self, time: Duration) {
        if let Running { keyboard: Some(keyboard), window: Some(window), .. } = &*self.running.borrow() {
            let until = time_text::local(window.until);
            keyboard.show(&format!("open until {until}, {} left; q closes", countdown(time)));
        }
    }

    /// Prints a warning on stderr that states how many minutes are left. Prints nothing if a countdown is shown on
    /// the same terminal.
    pub(crate) fn warn(&self, minutes: u64) {
        if self.running.borrow().keyboard.is_none() || !io::stderr().is_terminal() {
            self.log.say(&format!("breakglass: {}", left(minutes)));
        }
    }

    /// Sends a signal to the running command.
    pub(crate) fn forward(&self, signal: Signal) {
        if let Some(child) = &self.running.borrow().child {
            child.forward(signal);
        }
    }

    /// Reports whether the command has ended.
    pub(crate) fn has_ended(&self) -> bool {
        let running = &mut *self.running.borrow_mut();
        let Some(child) = &mut running.child else { return false };
        let has_ended = child.has_ended();
        running.ended = child.status();
        has_ended
    }

    /// Returns how the operator's command ended. `None` if the operator gave no command.
    pub(crate) fn command_end(&self) -> Option<CommandEnd> {
        let ended = self.running.borrow().ended;
        matches!(self.work, Work::Command(_)).then(|| ended.unwrap_or(CommandEnd::Stopped))
    }

    /// Waits until the operator presses `q`. Never returns if the program does not read the keyboard.
    pub(crate) async fn quit(&self) {
        let keyboard = self.running.borrow().keyboard.clone();
        match keyboard {
            Some(keyboard) => keyboard.quit().await,
            None => pending().await,
        }
    }

    /// Stops the credential endpoint, the countdown and the console link. The running command is not stopped.
    pub(crate) fn withhold(&self) {
        let mut running = self.running.borrow_mut();
        drop((running.console.take(), running.keyboard.take(), running.endpoint.take()));
    }

    /// Calls [`Self::withhold`], and starts to end the command. Does not wait until the command has ended.
    pub(crate) fn dismiss(&self) {
        self.withhold();
        let mut running = self.running.borrow_mut();
        if let Some(child) = running.child.take() {
            running.ending = Some(tokio::spawn(child.end()));
        }
    }

    /// Calls [`Self::dismiss`], and waits until the command has ended.
    pub(crate) async fn end(&self) {
        self.dismiss();
        let ended = poll_fn(|cx| {
            let ending = &mut self.running.borrow_mut().ending;
            let Some(task) = ending else { return Poll::Ready(None) };
            let ended = ready!(Pin::new(task).poll(cx));
            *ending = None;
            Poll::Ready(ended.ok())
        });
        if let Some(ended) = ended.await {
            self.log.say(&format!("close: {ended}"));
        }
    }
}
