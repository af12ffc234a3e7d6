//! Explores two openings, one close and one kill on three machines.

mod explore;
mod hash;
mod history;
mod iam;
mod process;
mod promises;
mod tell;
mod view;

use std::rc::Rc;
use std::time::Instant;

use explore::{Bound, Explorer};
use iam::{Iam, Seen};
use process::{Opening, Role};
use promises::Promises;

use crate::gate::SessionId;
use crate::gate::open::HandOut;

fn session(byte: u8) -> SessionId {
    SessionId::from_bytes([byte; 8])
}

fn roles(close: Role) -> Vec<Role> {
    let hand_out = if std::env::var("SESS").is_ok() { HandOut::Session } else { HandOut::Nothing };
    vec![
        Role::Open(Opening { session: session(0xaa), minutes: 20, hand_out, flaw: None }),
        Role::Open(Opening { session: session(0xbb), minutes: 10, hand_out, flaw: None }),
        close,
    ]
}

#[test]
fn scratch() {
    let env = |name: &str, or: u8| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(or);
    let close = match env("CLOSE", 0) {
        0 => Some(Role::CloseAll),
        1 => Some(Role::CloseLeftovers),
        2 => Some(Role::CloseOwn(session(0xaa))),
        _ => None,
    };
    let mut all = roles(Role::CloseAll);
    all.pop();
    all.extend(close);
    let bound = Bound {
        roles: all,
        leads: env("LEADS", 0) == 1,
        jumps: env("JUMPS", 1),
        slow: env("SLOW", 0),
        repeats: env("REPEATS", 1) == 1,
        quits: env("QUITS", 0) == 1,
        kills: env("KILLS", 1) == 1,
    };
    let began = Instant::now();
    let user = Seen { gate: None, denied: true, active: env("UNTIDY", 0) == 1 };
    let mut explorer = Explorer::new(&bound, &Rc::new(Iam::default()), user, Promises::default());
    explorer.explore(std::env::var("MOST").ok().and_then(|v| v.parse().ok()).unwrap_or(1_000_000), false);
    println!("{:?} {:?}", began.elapsed(), explorer.counts());
    for (broken, (state, count)) in explorer.promises.broken.clone() {
        println!("{broken:?}: {count}\n{}", explorer.schedule(state));
    }
}
