//! Measures an opening, and prints all figures in one table. The table compares the program with an alternative that a
//! team could use.
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
use rig::measured;
use rig::site::Site;

use opening::Cost;
use pipeline::Pipeline;
use table::{Row, text};

/// The longest wait for a prompt, for a touch, or for the end of a command. Three minutes are enough even on a busy
/// machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// The table's rows for functions. Each row has the group of the benchmark, the name of the function, and the name of
/// the function for comparison.
const FUNCTIONS: [(&str, &str, Option<&str>); 10] = [
    (measured::QUORUM, measured::WORDS, None),
    (measured::QUORUM, measured::IDENTITY, None),
    (measured::QUORUM, measured::SPLIT, None),
    (measured::QUORUM, measured::COMBINE, None),
    (measured::QUORUM, measured::HPKE, None),
    (measured::QUORUM, measured::UNWRAP, Some(measured::AGE_UNWRAP)),
    (measured::LEDGER, measured::VERIFY, Some(measured::SHA256)),
    (measured::LEDGER, measured::APPEND, None),
    (measured::LEDGER, measured::PACKET, None),
    (measured::ALERTS, measured::ALL_SIX, Some(measured::SLOWEST)),
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
            rows.extend(table::functions(Path::new(criterion), &FUNCTIONS));
            println!();
            table::print(&rows);
        }
        _ => {
            eprintln!("usage: bench vault PROGRAM FILE | bench table PROGRAM RUNS HYPERFINE CRITERION");
            std::process::exit(2);
        }
    }
}

/// Prepares a site with three custodians and a vault. Any two custodians can open the vault. The tokens of alice and
/// carol are plugged in.
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
    // The program and the alternative run in turn, so a change in the machine's load affects both about equally.
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
