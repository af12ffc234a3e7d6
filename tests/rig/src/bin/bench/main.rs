//! Measures an opening, and prints all figures in one table. The table compares the figures with an alternative that
//! a team could use.
//!
//! `bench vault PROGRAM FILE` seals a vault for other measurements. `bench table PROGRAM RUNS HYPERFINE CRITERION`
//! measures openings and prints the table. HYPERFINE is the JSON file of hyperfine, and CRITERION is the directory of
//! criterion.

mod cpu;
mod floor;
mod opening;
mod pipeline;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rig::aws::{Account, Aws};
use rig::site::Site;

use opening::Cost;
use pipeline::Pipeline;
use table::{Row, text};

/// The longest wait for a prompt, for a touch, or for the end of a command. A wait of three minutes is enough even on
/// a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// The table's rows for functions. Each row has a label, the function's id in criterion, and the id of the function
/// that it is compared with. An empty id means that there is no comparison.
const FUNCTIONS: [(&str, &str, &str); 11] = [
    ("words to part", "words to part", ""),
    ("part to identity (PBKDF2, 2048 rounds)", "part to identity (PBKDF2, 2048 rounds)", ""),
    ("split a file key, 2 of 3", "split 2 of 3", ""),
    ("combine 2 shares", "combine 2", ""),
    ("HPKE open after the card's ECDH", "HPKE open after the card's ECDH", ""),
    ("unwrap a part's half (X-Wing)", "unwrap a part's half (X-Wing)", "age_ unwrap one X25519 stanza"),
    (
        "verify 100,000 records",
        "ledger/verify 100,000 records, read from the file",
        "ledger/SHA-256 over the ledger's bytes",
    ),
    ("append one record to 100,000, with fsync", "ledger/append one record to 100,000, with fsync", ""),
    ("packet of one of 25,000 sessions", "ledger/the packet of one of 25,000 sessions", ""),
    ("alert six channels", "alerts/all six", "alerts/the slowest alone"),
    ("", "", ""),
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["vault", program, file] => {
            let (site, account) = sealed(Path::new(program));
            let vault = site.seal_as("bench.age", &account.payload(Account::grant(), "4h"), 2);
            std::fs::copy(vault, file).expect("the disk should have room for a copy of the vault");
        }
        ["table", program, runs, hyperfine, criterion] => {
            let runs = runs.parse().expect("RUNS should be a number");
            let mut rows = openings(Path::new(program), runs);
            rows.extend(table::commands(Path::new(hyperfine)));
            rows.extend(table::functions(Path::new(criterion), &FUNCTIONS[..10]));
            println!();
            table::print(&rows);
        }
        _ => {
            eprintln!("usage: bench vault PROGRAM FILE | bench table PROGRAM RUNS HYPERFINE CRITERION");
            std::process::exit(2);
        }
    }
}

/// Prepares a site of three custodians, any two of whom can open the vault. The tokens of alice and carol are plugged
/// in.
fn sealed(program: &Path) -> (Site, Account) {
    let aws = Aws::start();
    let account = aws.seed("prod");
    let program: PathBuf = program.canonicalize().expect("PROGRAM should exist");
    let site = Site::enrolled(program, &["alice", "bob", "carol"]).with_aws(&aws);
    site.seal(&account.payload(Account::grant(), "4h"), 2);
    site.plug("alice");
    site.plug("carol");
    (site, account)
}

fn openings(program: &Path, runs: usize) -> Vec<Row> {
    let (site, account) = sealed(program);
    let pipeline = Pipeline::prepare(&site, &account);
    // The benchmark runs the program and the alternative in turn, so a change in the machine's load affects both
    // about equally.
    let (ours, theirs): (Vec<_>, Vec<_>) =
        (0..runs).map(|_| (opening::run(&site, &account), pipeline.run(&site, &account))).unzip();
    let of = |costs: &[Cost], field: fn(&Cost) -> Duration| median(costs.iter().map(field).collect());
    let usable = of(&ours, |cost| cost.usable);
    let card = of(&ours, |cost| cost.card);
    let calls = opening::calls(&site, &account);
    let trips = floor::round_trips(&account, &calls, runs.min(10));
    let floor = card + trips.iter().map(|trip| trip.time).sum::<Duration>();
    println!(
        "floor (shortest possible time) of an opening from the last touch: 1 card operation and {} round trips to AWS",
        trips.len()
    );
    println!("  {:>9}  key agreement on the token", text(card));
    for trip in &trips {
        println!("  {:>9}  {}", text(trip.time), trip.name);
    }
    let pipeline = "age -d twice, then the AWS CLI";
    vec![
        Row::times(
            "open, 2 of 3: CPU time",
            of(&ours, |cost| cost.cpu),
            pipeline,
            of(&theirs, |cost| cost.cpu),
        ),
        Row::alone(
            "open, 2 of 3: peak memory",
            format!("{:.1} MiB", f64::from(opening::memory(&site)) / 1024.0),
        ),
        Row::times("open, 2 of 3: last touch to usable", usable, pipeline, of(&theirs, |cost| cost.usable)),
        Row::times("open, 2 of 3: last touch to usable", usable, "its floor", floor),
    ]
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
