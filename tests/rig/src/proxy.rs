//! An HTTP proxy in front of the emulated AWS. The proxy injects one fault into one call.
//!
//! A program gets [`Proxy::env`] instead of the emulator's address. The proxy recognises every call by its action and
//! its signing key. The proxy counts the calls, and records when each call took effect. The proxy also checks the age
//! of signatures by AWS's clock, as the real AWS does; the emulator does not check the age. A program with a wrong
//! local clock is therefore refused.
//!
//! Calls take effect one at a time. [`Proxy::effects`] lists the calls in the order in which they changed AWS's
//! state.

mod call;
mod fault;
mod http;
mod replay;
mod time;

pub use call::{Effect, Seen};
pub use fault::{Fault, SESSION, Spot};
pub use replay::replay;

use crate::aws::Account;
use call::Described;
use http::{Request, forward};
use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many seconds the time of a signature can differ from AWS's time.
const SIGNATURE_AGE: i64 = 300;

/// A running proxy for the calls of one account. Dropping this value stops the proxy.
pub struct Proxy {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    aws: String,
    /// How many seconds AWS's clock is ahead of this machine's clock.
    ahead: Arc<AtomicI64>,
    state: Mutex<State>,
    changed: Condvar,
    /// Each call holds this lock while it takes effect.
    turn: Mutex<()>,
    ended: AtomicBool,
}

#[derive(Default)]
struct State {
    fault: Option<(Spot, Fault)>,
    counts: BTreeMap<(String, String), u32>,
    seen: Vec<Seen>,
    effects: u32,
    /// Whether the call with the fault has arrived.
    met: bool,
    /// Whether the proxy has released held calls.
    released: bool,
    /// Whether the network is cut permanently.
    gone: bool,
    /// The number of delayed or held calls that have not taken effect yet.
    late: u32,
}

impl Proxy {
    /// Starts a proxy in front of this account's AWS, without a fault.
    ///
    /// # Panics
    ///
    /// Panics if this machine has no free port.
    pub fn before(account: &Account) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("this machine should have a free port");
        let address = listener.local_addr().expect("the listener should have an address");
        let inner = Arc::new(Inner {
            aws: account.aws.endpoint().trim_start_matches("http://").to_owned(),
            ahead: account.ahead(),
            state: Mutex::default(),
            changed: Condvar::new(),
            turn: Mutex::new(()),
            ended: AtomicBool::new(false),
        });
        let serving = inner.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.ended.load(Ordering::Relaxed) {
                    return;
                }
                let serving = serving.clone();
                thread::spawn(move || serving.connection(client));
            }
        });
        Self { address, inner }
    }

    /// Starts a proxy that injects `fault` into the call `spot`.
    pub fn spoiling(account: &Account, spot: Spot, fault: Fault) -> Self {
        let proxy = Self::before(account);
        proxy.spoil(spot, fault);
        proxy
    }

    /// Sets the fault, and the call that gets the fault. Calls are counted from the proxy's start. Replaces an earlier
    /// fault.
    pub fn spoil(&self, spot: Spot, fault: Fault) {
        let mut state = self.inner.state();
        (state.fault, state.met, state.released) = (Some((spot, fault)), false, false);
    }

    /// Returns the environment variable with which a program uses this proxy.
    pub fn env(&self) -> (&'static str, String) {
        ("AWS_ENDPOINT_URL", format!("http://{}", self.address))
    }

    /// Waits until the call with the fault has arrived. Returns false after a timeout.
    pub fn wait_met(&self, patience: Duration) -> bool {
        self.inner.wait(patience, |state| state.met)
    }

    /// Releases the call that [`Fault::Hold`] holds.
    pub fn release(&self) {
        self.inner.state().released = true;
        self.inner.changed.notify_all();
    }

    /// Waits until every delayed or held call has taken effect. Returns false after a timeout.
    pub fn wait_quiet(&self, patience: Duration) -> bool {
        self.inner.wait(patience, |state| state.late == 0)
    }

    /// Returns every call so far, in the order of arrival.
    pub fn calls(&self) -> Vec<Seen> {
        self.inner.state().seen.clone()
    }

    /// Returns the calls that reached AWS, including refused calls, in the order in which the calls took effect.
    pub fn effects(&self) -> Vec<Seen> {
        let mut calls = self.calls();
        calls.retain(|call| call.effect.is_some());
        calls.sort_by_key(|call| call.effect.as_ref().map(|effect| effect.order));
        calls
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Relaxed);
        self.release();
        // This connection wakes the listener, which then notices the proxy's end.
        drop(TcpStream::connect(self.address));
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, patience: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), patience, |state| !is_so(state));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Serves the calls of one connection until either side closes the connection.
    fn connection(self: Arc<Self>, mut client: TcpStream) {
        let _ = client.set_nodelay(true);
        while let Some(request) = Request::read(&mut client) {
            let Some(reply) = self.call(request) else { break };
            if http::write(&mut client, &reply).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    }

    /// Handles one call and returns the reply. Returns `None` if the connection must be closed without a reply.
    fn call(self: &Arc<Self>, request: Request) -> Option<Vec<u8>> {
        let described = Described::of(&request);
        let (place, fault) = self.arrive(&described);
        let refusal = |status, code: &str, why: &str| Some(http::error(status, code, why, self.ahead()));
        match fault {
            None => self.take_effect(place, &request),
            Some(Fault::Refused) => refusal(403, "AccessDenied", "the rig refuses this call"),
            Some(Fault::Throttled(_)) => refusal(400, "Throttling", "Rate exceeded"),
            Some(Fault::Broken(_)) => refusal(500, "InternalFailure", "the rig made this call fail"),
            Some(Fault::Slow(by)) => {
                let reply = self.take_effect(place, &request);
                thread::sleep(by);
                reply
            }
            Some(Fault::ReplyLost) => {
                self.take_effect(place, &request);
                None
            }
            Some(Fault::Late(by)) => {
                let later = self.clone();
                self.state().late += 1;
                thread::spawn(move || {
                    let due = Instant::now() + by;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    later.take_effect(place, &request);
                    later.state().late -= 1;
                    later.changed.notify_all();
                });
                None
            }
            Some(Fault::Cut | Fault::Gone) => None,
            Some(Fault::Hold) => {
                self.state().late += 1;
                self.wait(Duration::from_mins(5), |state| state.released);
                let reply = self.take_effect(place, &request);
                self.state().late -= 1;
                self.changed.notify_all();
                reply
            }
        }
    }

    /// Counts and records the call. Returns the call's index and fault.
    fn arrive(&self, call: &Described) -> (usize, Option<Fault>) {
        let mut state = self.state();
        let count =
            state.counts.entry((call.action.clone(), fault::whose(&call.key).to_owned())).or_default();
        *count += 1;
        let nth = *count;
        let mut fault = state.fault.clone().and_then(|(spot, fault)| {
            let turn = spot.is(&call.action, &call.key).then(|| nth.checked_sub(spot.nth)).flatten()?;
            (turn < fault.lasts()).then_some(fault)
        });
        if fault.is_some() {
            state.met = true;
            state.gone |= fault == Some(Fault::Gone);
        } else if state.gone {
            fault = Some(Fault::Gone);
        }
        state.seen.push(call.seen(nth, fault.clone()));
        let place = state.seen.len() - 1;
        drop(state);
        self.changed.notify_all();
        (place, fault)
    }

    /// Delivers the call to AWS and records the result.
    fn take_effect(&self, place: usize, request: &Request) -> Option<Vec<u8>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = match self.too_old(request) {
            Some(refusal) => refusal,
            None => forward(&self.aws, request)?,
        };
        let mut state = self.state();
        let order = state.effects;
        state.effects += 1;
        let effect = Effect::of(&reply, order, time::now() + self.ahead());
        state.seen[place].effect = Some(effect);
        state.seen[place].answered = Some(Instant::now());
        Some(reply)
    }

    /// Returns AWS's refusal if the signature has expired or is not yet valid, by AWS's clock.
    fn too_old(&self, request: &Request) -> Option<Vec<u8>> {
        let text = request.header("x-amz-date")?;
        let (signed, now) = (time::from_basic(text)?, time::now() + self.ahead());
        let (limit, why) = match now - signed {
            age if age > SIGNATURE_AGE => (now - SIGNATURE_AGE, "Signature expired"),
            age if age < -SIGNATURE_AGE => (now + SIGNATURE_AGE, "Signature not yet current"),
            _ => return None,
        };
        let why = format!("{why}: {text}; the limit is {}", time::basic(limit));
        Some(http::error(403, "SignatureDoesNotMatch", &why, self.ahead()))
    }
}

#[cfg(test)]
mod tests;
