//! What an opening takes of the machine: CPU time and peak memory of the process, 2 of 3 custodians.
//!
//! `measure PROGRAM [RUNS [VAULT]]`; the vault it sealed is left at VAULT, for other measurements. Cards, AWS and people are other processes: their time is not in it.

use std::path::PathBuf;

use rig::aws::{Account, Aws};
use rig::office::Office;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let program: PathBuf = arguments.next().expect("measure PROGRAM [RUNS]").into();
    let runs: usize = arguments.next().map_or(5, |n| n.to_string_lossy().parse().expect("a number of runs"));
    let aws = Aws::start();
    let account = aws.seed("prod");
    let program = program.canonicalize().expect("the program is there");
    let office = Office::enrolled(program, &["alice", "bob", "carol"]).with_aws(&aws);
    let vault = office.seal(&account.payload(Account::grant(), "4h"), 2);
    if let Some(copy) = arguments.next() {
        std::fs::copy(vault, copy).expect("room for a copy of the vault");
    }
    office.plug("alice");
    office.plug("carol");
    let mut taken: Vec<_> = (0..runs).map(|_| open(&office)).collect();
    taken.sort_unstable();
    let peak = taken.iter().map(|(_, kib)| kib).max().expect("one run at least");
    println!(
        "open, 2 of 3, until the window is open: CPU time {} / {} / {} ms (min / median / max of {runs}), peak memory {:.1} MiB",
        taken[0].0,
        taken[runs / 2].0,
        taken[runs - 1].0,
        f64::from(*peak) / 1024.0
    );
}

/// Milliseconds of CPU time and KiB of peak memory, read while the window is open.
fn open(office: &Office) -> (u32, u32) {
    let mut person = office
        .person(&["open", "prod.age", "--for", "5m", "--reason", "measured", "--again", "more", "--hold"]);
    office.quorum(&mut person, 2);
    person.expect("left");
    let read = |file: &str| {
        std::fs::read_to_string(format!("/proc/{}/{file}", person.pid())).expect("root reads every process")
    };
    let stat = read("stat");
    let fields: Vec<_> = stat[stat.rfind(')').expect("a name") + 2..].split(' ').collect();
    // User and system time, fields 14 and 15 of proc(5), in ticks of 10 ms.
    let ticks: u32 = fields[11..13].iter().map(|field| field.parse::<u32>().expect("a number")).sum();
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    person.type_raw(b"q");
    person.wait();
    (ticks * 10, peak)
}
