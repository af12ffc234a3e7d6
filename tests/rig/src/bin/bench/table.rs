//! The table of figures. A row has the program's figure, the figure for comparison, and the ratio.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// One line of the table.
pub(crate) struct Row {
    what: String,
    ours: String,
    peer: String,
    theirs: String,
    ratio: String,
}

impl Row {
    /// Returns the row for a time that is compared with another time.
    pub(crate) fn times(what: &str, ours: Duration, peer: &str, theirs: Duration) -> Self {
        let ratio = format!("{:.3}", ours.as_secs_f64() / theirs.as_secs_f64());
        let (ours, theirs) = (text(ours), text(theirs));
        Self { what: what.into(), ours, peer: peer.into(), theirs, ratio }
    }

    /// Returns the row for a figure without a comparison.
    pub(crate) fn alone(what: &str, ours: String) -> Self {
        let none = String::new;
        Self { what: what.into(), ours, peer: none(), theirs: none(), ratio: none() }
    }
}

/// Returns the rows for commands that hyperfine has timed. The last command is the comparison for all other commands.
pub(crate) fn commands(file: &Path) -> Vec<Row> {
    let results = json(file);
    let results = results["results"].as_array().cloned().unwrap_or_default();
    let figure = |result: &Value| {
        let name = result["command"].as_str().unwrap_or_default().to_owned();
        (name, Duration::from_secs_f64(result["median"].as_f64().unwrap_or_default()))
    };
    let Some(((peer, theirs), ours)) =
        results.split_last().map(|(last, rest)| (figure(last), rest.iter().map(figure).collect::<Vec<_>>()))
    else {
        return Vec::new();
    };
    ours.into_iter()
        .map(|(name, time)| Row::times(&format!("process: {name}"), time, &peer, theirs))
        .collect()
}

/// Returns the rows for functions that criterion has timed, compared with other functions.
pub(crate) fn functions(criterion: &Path, functions: &[(&str, &str, Option<&str>)]) -> Vec<Row> {
    let median = |group: &str, name: &str| {
        let file = criterion.join(group).join(name).join("new/estimates.json");
        let nanos = json(&file)["median"]["point_estimate"].as_f64();
        Duration::from_secs_f64(nanos.unwrap_or_default() / 1e9)
    };
    let row = |&(group, name, peer): &(&str, &str, Option<&str>)| {
        let (what, ours) = (format!("{group}: {name}"), median(group, name));
        match peer {
            Some(peer) => Row::times(&what, ours, peer, median(group, peer)),
            None => Row::alone(&what, text(ours)),
        }
    };
    functions.iter().map(row).collect()
}

/// Prints the rows in aligned columns.
pub(crate) fn print(rows: &[Row]) {
    let head = Row {
        what: "what (medians)".into(),
        ours: "ours".into(),
        peer: "compared with".into(),
        theirs: "theirs".into(),
        ratio: "ratio".into(),
    };
    let rows: Vec<_> = std::iter::once(&head).chain(rows).collect();
    let width =
        |cell: fn(&Row) -> &String| rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or(0);
    let (what, ours, peer, theirs) =
        (width(|row| &row.what), width(|row| &row.ours), width(|row| &row.peer), width(|row| &row.theirs));
    for row in rows {
        let line = format!(
            "{:what$}  {:>ours$}  {:peer$}  {:>theirs$}  {:>5}",
            row.what, row.ours, row.peer, row.theirs, row.ratio
        );
        println!("{}", line.trim_end());
    }
}

pub(crate) fn text(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        ..1000.0 => format!("{micros:.1} µs"),
        ..100_000.0 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.0} ms", micros / 1e3),
    }
}

fn json(file: &Path) -> Value {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).expect("the file should contain JSON")
}
