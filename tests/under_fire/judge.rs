//! Judges one run by the history of the user's states in AWS. Each run is one cell of the table.

use rig::aws::{Account, Creds, Probe, utc};
use rig::proxy::{Proxy, Seen};
use rig::pty::{End, Signal};

use crate::history::{self, History, State};
use crate::rows::Job;
use crate::trouble::Trouble;

/// How access ended in a cell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum How {
    Closed,
    EndedByAws,
    Wrong,
}

/// The result of a cell: how access ended and, for a wrong run, the reason.
pub struct Verdict {
    pub how: How,
    pub why: Option<String>,
    end: Option<End>,
}

impl Verdict {
    pub fn wrong(why: String) -> Self {
        Self { how: How::Wrong, why: Some(why), end: None }
    }

    /// Returns the text of this verdict in the table.
    pub fn field(&self) -> String {
        let end = match self.end {
            Some(End::Code(code)) => code.to_string(),
            Some(End::Signal(Signal::SIGKILL)) => "K".into(),
            Some(End::Signal(signal)) => signal.to_string(),
            None => "?".into(),
        };
        match self.how {
            How::Closed => format!("{end}c"),
            How::EndedByAws => format!("{end}T1"),
            How::Wrong => format!("{end}WRONG"),
        }
    }
}

/// A run after its end, when all its calls have arrived at AWS.
pub struct Run<'a> {
    pub account: &'a Account,
    pub job: Job,
    pub trouble: Trouble,
    pub proxy: &'a Proxy,
    /// The state of the user before the run. `began` is the time of this state, by AWS's clock.
    pub start: State,
    pub began: i64,
    /// The time at which the program ended, by AWS's clock.
    pub exited: i64,
    pub end: End,
    pub said: String,
    /// Whether AWS accepted a probe right after the end of the program.
    pub open_at_exit: bool,
}

impl Run<'_> {
    /// Judges the run. The last check waits until after T1 and probes.
    pub fn judge(&self) -> Verdict {
        let effects = self.proxy.effects();
        let history = history::of(self.start.clone(), self.began, &effects);
        let window = self.trouble.window(self.job);
        let latest = t0(&effects).filter(|_| self.job == Job::Open).unwrap_or(self.began) + window;
        let checks = [
            history::unbounded(&history, latest),
            self.replay_is_true(&history),
            self.end_is_known(),
            self.exit_is_true(&history, latest),
            self.words_are_true(&effects, &history, latest),
            self.aws_ends_it(&effects, latest),
        ];
        let wrong: Vec<String> = checks.into_iter().flatten().collect();
        if !wrong.is_empty() {
            let why = format!("{}\n{history:#?}\n{}", wrong.join("; "), self.said);
            return Verdict { how: How::Wrong, why: Some(why), end: Some(self.end) };
        }
        let in_doubt = self.end == End::Code(10);
        let to_the_end = history::at(&history, latest - 1).is_usable();
        let how = if in_doubt || to_the_end { How::EndedByAws } else { How::Closed };
        Verdict { how, why: None, end: Some(self.end) }
    }

    /// Checks that the recorded calls lead to the user's actual state in AWS.
    fn replay_is_true(&self, history: &History) -> Option<String> {
        let rest = self.account.rest();
        let (_, state) = history.last()?;
        let same = rest.denied == state.denied && rest.key_active == state.active;
        (!same).then(|| format!("AWS has the state {rest:?}, but the recorded calls lead to {state:?}"))
    }

    fn end_is_known(&self) -> Option<String> {
        let killed = self.trouble == Trouble::Killed;
        let fits = match self.end {
            End::Code(10) => !self.trouble.is_over(),
            End::Code(0 | 1 | 5 | 143) => true,
            End::Signal(Signal::SIGKILL) => killed,
            _ => false,
        };
        (!fits).then(|| format!("{:?} is not an expected end of the program", self.end))
    }

    /// Finds a wrong exit status: the exit status means that access is closed, but AWS accepts the key at the program's
    /// end or later.
    fn exit_is_true(&self, history: &History, latest: i64) -> Option<String> {
        let End::Code(code) = self.end else { return None };
        if code == 10 {
            return None;
        }
        if self.open_at_exit {
            return Some(format!("the exit status is {code} although AWS accepts the key"));
        }
        let usable =
            |(from, state): &&(i64, State)| *from >= self.exited && *from < latest && state.is_usable();
        if self.exited < latest && history::at(history, self.exited).is_usable() {
            return Some(format!("the exit status is {code} although the user's key can be used"));
        }
        if let Some((from, _)) = history.iter().find(usable) {
            return Some(format!(
                "the exit status is {code}, but the user's key can be used again from {} on",
                utc(*from)
            ));
        }
        let (_, state) = history.last()?;
        let admits = self.said.contains("is not at rest");
        let rests = state.denied && !state.active;
        (!rests && (code == 0 || !admits))
            .then(|| format!("the exit status is {code}, but the user is left in the state {state:?}"))
    }

    fn words_are_true(&self, effects: &[Seen], history: &History, latest: i64) -> Option<String> {
        let said = |text: &str| self.said.contains(text);
        let mut lies = Vec::new();
        if said("nothing was written to AWS") && effects.iter().any(|call| call.is_done() && call.is_write())
        {
            lies.push("the output says that nothing was written to AWS, but there was a write");
        }
        if said("access was never enabled") && history.iter().any(|(_, state)| state.is_usable()) {
            lies.push("the output says that access was never enabled, but access was enabled");
        }
        if self.end == End::Code(10) {
            let until = history.last().and_then(|(_, state)| state.until.as_ref());
            let until = until.map_or(utc(latest), Clone::clone);
            let knows = self.job == Job::Open || effects.iter().any(shows_the_end);
            if knows != said(&format!("{} UTC", &until[11..19])) || knows == said("its end is not known") {
                lies.push("the output does not name the end of the window");
            }
            if !said("breakglass close prod.age --target ") || !said("aws iam attach-user-policy") {
                lies.push("the output does not name the commands that close access");
            }
        }
        (!lies.is_empty()).then(|| format!("false output: {}", lies.join(", ")))
    }

    /// Checks that AWS refuses the key and every session after T1, however the program ended.
    fn aws_ends_it(&self, effects: &[Seen], latest: i64) -> Option<String> {
        let account = self.account;
        let ahead = self.trouble.clock();
        account.set_ahead(ahead + (latest + 2 - account.now()).max(0));
        let sessions = effects.iter().filter(|call| call.action == "GetSessionToken").filter_map(session);
        let keys = std::iter::once(account.emergency.clone()).chain(sessions);
        let open = keys.map(|key| account.probe(&key)).find(|probe| !matches!(probe, Probe::Refused(_)));
        account.set_ahead(ahead);
        open.map(|probe| {
            format!("AWS should refuse every key after T1, but the result of a probe is {probe:?}")
        })
    }
}

/// Returns whether the reply to this call contained the end of the window.
fn shows_the_end(call: &Seen) -> bool {
    call.action == "GetUserPolicy" && call.is_done() && call.fault.is_none()
}

/// Returns T0: AWS's time in the last answer to `GetCallerIdentity` before the gate was written.
fn t0(effects: &[Seen]) -> Option<i64> {
    let before = effects.iter().take_while(|call| call.action != "PutUserPolicy");
    let asked = before.filter(|call| call.action == "GetCallerIdentity" && call.is_done()).last()?;
    asked.effect.as_ref().map(|effect| effect.at)
}

/// Returns the AWS session in the reply to this call.
pub fn session(call: &Seen) -> Option<Creds> {
    let effect = call.effect.as_ref()?;
    let text = |name| effect.element(name).map(str::to_owned);
    Some(Creds {
        key: text("AccessKeyId")?,
        secret: text("SecretAccessKey")?,
        token: Some(text("SessionToken")?),
    })
}
