//! Compares each total on the review page with the rows of the page.

use std::collections::{BTreeMap, BTreeSet};

use crate::drill_papers::of_drill;
use crate::packet::{CLOSER, EMERGENCY, ISSUED, OPENER, Papers, agent, at, name as id_of, session};
use breakglass::ledger::{AlertTopic, Record};
use breakglass::review::{Packet, page, summary};
use regex_lite::Regex;

/// One row of a table: the text of each cell, without tags, and whether the row is marked.
struct Row {
    cells: Vec<String>,
    is_marked: bool,
}

impl Row {
    fn number(&self, place: usize) -> usize {
        self.cells[place].parse().unwrap_or_else(|_| panic!("not a number: {:?}", self.cells))
    }
}

/// A rendered page.
struct Page(String);

impl Page {
    fn of(packet: &Packet) -> Self {
        Self(page(packet, ("review.json", packet.json().as_bytes())))
    }

    /// Returns the rows in the body of each table with this class.
    fn rows(&self, class: &str) -> Vec<Row> {
        let tables = self.0.split("<table").filter(|table| {
            let start = table.split('>').next().unwrap_or_default();
            start.trim() == format!("class=\"{class}\"")
        });
        let bodies = tables.filter_map(|table| table.split("<tbody>").nth(1)?.split("</tbody>").next());
        bodies.flat_map(|body| body.split("<tr").skip(1)).map(row).collect()
    }

    /// Returns the text, without tags, of each element with this start tag.
    fn texts(&self, start: &str, end: &str) -> Vec<String> {
        let pieces = self.0.split(start).skip(1).filter_map(|rest| rest.split(end).next());
        pieces.map(text).collect()
    }
}

fn row(html: &str) -> Row {
    let (start, rest) = html.split_once('>').expect("a row should have a start tag");
    let cell = Regex::new(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>").expect("the pattern should be valid");
    let cells = cell.captures_iter(rest).map(|found| text(&found[1])).collect();
    Row { cells, is_marked: start.contains("marked") }
}

/// Removes the HTML tags.
fn text(html: &str) -> String {
    let tag = Regex::new("<[^>]*>").expect("the pattern should be valid");
    tag.replace_all(html, "").replace("&amp;", "&").replace("&quot;", "\"").trim().to_owned()
}

/// Returns every number in a text, in order.
fn numbers(text: &str) -> Vec<usize> {
    let number = Regex::new(r"\b\d+\b").expect("the pattern should be valid");
    number
        .find_iter(text)
        .map(|found| found.as_str().parse().expect("the digits should be a number"))
        .collect()
}

/// Returns the value of a line of the summary.
fn line(packet: &Packet, name: &str) -> String {
    let text = summary(packet);
    let line = text.lines().find(|line| line.trim_start().starts_with(name));
    line.unwrap_or_else(|| panic!("{name}: {text}")).trim_start()[name.len()..].trim().to_owned()
}

/// Counts the lines of the summary that follow the line `name` and are indented below it.
fn below(packet: &Packet, name: &str) -> Vec<String> {
    let text = summary(packet);
    let lines = text.lines().skip_while(|line| !line.trim_start().starts_with(name)).skip(1);
    let lines = lines.take_while(|line| line.starts_with("             "));
    lines.filter(|line| line.starts_with("             - ")).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn each_total_of_the_review_page_agrees_with_the_rows() {
    let mut checked = 0;
    for (name, packet) in reviews() {
        let page = Page::of(&packet);
        checked += calls(&name, &packet, &page);
        approvals_and_alerts(&name, &packet, &page);
        findings(&name, &packet, &page);
        follow_up(&name, &packet, &page);
    }
    assert!(checked > 100, "only {checked} rows of calls were compared");
}

/// The columns of the table of calls.
const CALLER: usize = 1;
const REGION: usize = 3;
const FOR: usize = 4;
const WHEN: usize = 5;
const ID: usize = 6;
const RESULT: usize = 7;

fn calls(name: &str, packet: &Packet, page: &Page) -> usize {
    let rows = page.rows("calls");
    assert_eq!(rows.len(), packet.calls.len(), "{name}");
    if !packet.cloudtrail.queried {
        assert_eq!(line(packet, "calls"), "CloudTrail was not queried", "{name}");
        return 0;
    }
    let count = |is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    let is_in = |row: &Row| row.cells[WHEN] == "yes";
    let is_out = |row: &Row| row.cells[WHEN].starts_with("NO: ");
    let is_others = |row: &Row| row.cells[WHEN].starts_with("session ");
    let is_refused = |row: &Row| row.cells[RESULT].starts_with("refused ");
    let is_unexpected = |row: &Row| row.cells[FOR] == "unexpected";
    let all = [
        rows.len(),
        count(&is_in),
        count(&is_out),
        count(&is_others),
        count(&is_unexpected),
        count(&is_refused),
    ];
    assert_eq!(all[1] + all[2] + all[3], all[0], "{name}");
    assert_eq!(numbers(&line(packet, "calls")), all, "{name}: {}", line(packet, "calls"));
    let figures = page.texts("<dt>Calls</dt>", "</div>");
    assert_eq!(numbers(&figures[0].replace("calls", "calls ")), all, "{name}: {figures:?}");

    // Compares the table of callers, which exists only if there are calls.
    let totals = page.rows("totals");
    let mut sums = [0; 6];
    for row in totals.iter().filter(|row| row.cells[0] != "all") {
        let caller = short(&row.cells[0]);
        let of = |is: &dyn Fn(&Row) -> bool| count(&|row| row.cells[CALLER] == caller && is(row));
        let expected =
            [of(&|_| true), of(&is_in), of(&is_out), of(&is_others), of(&is_unexpected), of(&is_refused)];
        let shown: Vec<_> = (1..=6).map(|place| row.number(place)).collect();
        assert_eq!(shown, expected, "{name}: {caller}");
        assert_eq!(row.is_marked, expected[2] > 0, "{name}: {caller}");
        (0..6).for_each(|place| sums[place] += expected[place]);
    }
    assert_eq!(sums, all, "{name}: every caller should have a row");
    if let Some(row) = totals.iter().find(|row| row.cells[0] == "all") {
        assert_eq!((1..=6).map(|place| row.number(place)).collect::<Vec<_>>(), all, "{name}");
    }

    // Compares the totals by session id, in the table and in the summary.
    let has_id = |id: &str| count(&|row: &Row| is_in(row) && row.cells[ID].starts_with(id));
    let ids = [has_id("this"), has_id("other"), has_id("none"), has_id("—")];
    assert_eq!(ids.iter().sum::<usize>(), all[1], "{name}");
    assert_eq!(numbers(&line(packet, "session id")), ids, "{name}");
    let shown: Vec<_> = page.rows("totals ids").iter().map(|row| row.number(1)).collect();
    assert!(shown == ids || rows.is_empty(), "{name}: {shown:?}");

    // Compares the totals by region.
    for region in &packet.cloudtrail.regions {
        let shown = count(&|row| row.cells[REGION] == region.region);
        assert_eq!(region.calls, shown, "{name}: {}", region.region);
        let words = if shown == 1 { "1 call".into() } else { format!("{shown} calls") };
        assert!(text(&page.0).contains(&format!("{}: {words} of this session", region.region)), "{name}");
    }

    // Compares each finding about calls.
    let callers: BTreeMap<_, _> = CALLERS.into_iter().collect();
    for finding in &packet.findings {
        let Some((number, rest)) = finding.what.split_once(" call") else { continue };
        let Ok(number) = number.parse::<usize>() else { continue };
        let of = callers.iter().find(|(long, _)| rest.contains(&format!("by {long} ")));
        let is_of = |row: &Row| of.is_none_or(|(_, short)| row.cells[CALLER] == *short);
        let expected = match id_of(finding.id).as_str() {
            "calls_outside_window" => count(&|row| is_of(row) && is_out(row)),
            "calls_unexpected" => count(&|row| is_of(row) && is_in(row) && is_unexpected(row)),
            "calls_refused" => count(&|row| is_in(row) && is_refused(row)),
            "calls_of_another_session" => {
                count(&|row| is_of(row) && is_in(row) && row.cells[ID].starts_with("other"))
            }
            "calls_without_session_id" => {
                count(&|row| is_of(row) && is_in(row) && row.cells[ID].starts_with("none"))
            }
            other => panic!("{name}: {other}"),
        };
        assert_eq!(number, expected, "{name}: {}", finding.what);
    }
    picture(name, page, &all);
    rows.len()
}

/// The names of the callers in the totals and the findings, and the names in the rows.
const CALLERS: [(&str, &str); 6] = [
    ("the opener", "opener"),
    ("the closer", "closer"),
    ("the emergency user's key", "emergency key"),
    ("the issued credentials", "issued key"),
    ("the emergency user, with an unknown key", "unknown key"),
    ("someone else", "someone else"),
];

fn short(caller: &str) -> &'static str {
    CALLERS.iter().find(|(long, _)| *long == caller).unwrap_or_else(|| panic!("{caller}")).1
}

/// Compares the picture's description with the rows.
fn picture(name: &str, page: &Page, all: &[usize; 6]) {
    let description = &page.texts("<desc id=\"picture-desc\">", "</desc>")[0];
    let words = format!("{} calls, {} of them outside the window.", all[0], all[2]);
    assert!(description.ends_with(&words), "{name}: {description}");
}

fn approvals_and_alerts(name: &str, packet: &Packet, page: &Page) {
    let rows = page.rows("approvals");
    let is_valid = |row: &&Row| row.cells[2] == "verified";
    let verified: BTreeSet<_> = rows.iter().filter(is_valid).map(|row| row.cells[1].clone()).collect();
    let approved = line(packet, "approved");
    if packet.vault.threshold.is_some() {
        assert_eq!(numbers(&approved)[0], verified.len(), "{name}: {approved}");
        let names = verified.into_iter().collect::<Vec<_>>().join(", ");
        assert!(approved.contains(&names), "{name}: {approved}");
        let invalid = rows.iter().filter(|row| row.cells[2].starts_with("NOT VALID")).count();
        assert_eq!(numbers(&approved).get(2).copied().unwrap_or_default(), invalid, "{name}: {approved}");
    } else {
        assert_eq!(numbers(&approved), [rows.len()], "{name}: {approved}");
    }
    let rows = page.rows("alerts");
    let acknowledged = rows.iter().filter(|row| row.cells[3] != "NOT acknowledged").count();
    assert_eq!(numbers(&line(packet, "alerts")), [acknowledged, rows.len()], "{name}");
    let unanswered = rows.iter().filter(|row| row.is_marked).count();
    assert_eq!(acknowledged + unanswered, rows.len(), "{name}");
}

fn findings(name: &str, packet: &Packet, page: &Page) {
    let list = page.texts("<ol class=\"findings\">", "</ol>").first().cloned().unwrap_or_default();
    let items = page.0.split("<ol class=\"findings\">").nth(1).and_then(|rest| rest.split("</ol>").next());
    let items: Vec<_> = items.unwrap_or_default().split("<li>").skip(1).map(text).collect();
    let lines = below(packet, "findings");
    assert_eq!((items.len(), lines.len()), (packet.findings.len(), packet.findings.len()), "{name}: {list}");
    let of = |severity: &str| {
        let item = items.iter().filter(|item| item.starts_with(severity)).count();
        let line = lines.iter().filter(|line| line.starts_with(&format!("- {severity}: "))).count();
        assert_eq!(item, line, "{name}: {severity}");
        item
    };
    let counts = [of("problem"), of("explain"), of("note")];
    assert_eq!(counts.iter().sum::<usize>(), items.len(), "{name}");
    assert_eq!(numbers(&line(packet, "findings")), counts, "{name}");
    assert_eq!(numbers(&page.texts("<strong>", "</strong>")[0]), counts, "{name}");
}

fn follow_up(name: &str, packet: &Packet, page: &Page) {
    let tasks = page.rows("sign");
    let open = tasks.iter().filter(|row| !row.cells[0].contains("(done, on record)")).count();
    // The last two rows are not tasks; they are for the signatures of the reviewers.
    assert_eq!(numbers(&line(packet, "follow-up")), [open - 2], "{name}");
    assert_eq!(below(packet, "follow-up").len(), open - 2, "{name}");
}

/// Changes the data of a session.
type Change = fn(&mut Papers);

/// Returns reviews of many kinds, each with a name.
fn reviews() -> Vec<(String, Packet)> {
    let mut all = vec![
        ("clean".to_owned(), Papers::of("x").queried().packet()),
        ("no CloudTrail".to_owned(), Papers::of("x").packet()),
        ("no vault".to_owned(), Papers::of("x").queried().packet_with(None)),
        ("busy".to_owned(), busy().packet()),
        ("busy, no vault".to_owned(), busy().packet_with(None)),
    ];
    let changes: [(&str, Change); 8] = [
        ("no calls", |papers| papers.trail.as_mut().unwrap().events.clear()),
        ("not opened", |papers| {
            papers.without(|record| matches!(record, Record::Opened { .. } | Record::Issued { .. }));
        }),
        ("not closed", |papers| papers.without(|record| matches!(record, Record::Closed { .. }))),
        ("no approvals", |papers| papers.without(|record| matches!(record, Record::Approval { .. }))),
        ("approved twice", |papers| papers.approve(0, "x", "02:16:45")),
        ("approved for another reason", |papers| papers.approve(2, "y", "02:16:45")),
        ("no alerts", |papers| papers.without(|record| matches!(record, Record::Alert { .. }))),
        ("a region that cannot be read", |papers| {
            papers.trail.as_mut().unwrap().regions[1].error = Some("AccessDenied".into());
        }),
    ];
    for (name, change) in changes {
        for (kind, mut papers) in [("", Papers::of("x").queried()), (", busy", busy())] {
            change(&mut papers);
            all.push((format!("{name}{kind}"), papers.packet()));
        }
    }
    let mut drill = Papers::of("x").queried();
    let evidence = drill.drill("2026-11-22T02:30:00Z");
    let envelope = drill.sign_drill(&evidence);
    drill.add("02:30:00", of_drill(&evidence, Some(envelope)));
    all.push(("drill".to_owned(), drill.packet()));
    all
}

/// Returns the data of a session with calls of every kind.
fn busy() -> Papers {
    let mut papers = Papers::of("x").queried();
    papers.approve_of(session(8), 0, "again", "02:59:00");
    papers.approve_of(session(8), 1, "again", "02:59:00");
    papers.intend(session(8), "again", "03:00:00");
    papers
        .add("03:00:01", Record::Window { session: session(8), from: at("03:00:01"), until: at("03:30:01") });
    for (clock, key, call, error) in [
        ("02:05:00", OPENER, "iam GetUser", None),
        ("02:20:00", OPENER, "iam CreateUser", Some("AccessDenied")),
        ("02:20:01", EMERGENCY, "s3 ListBuckets", None),
        ("02:20:03", "ASIASOMEBODYELSE0001", "s3 ListBuckets", Some("AccessDenied")),
        ("02:22:00", ISSUED, "kms ScheduleKeyDeletion", Some("AccessDenied")),
        ("02:22:01", ISSUED, "sns ListTopics", Some("AuthorizationError")),
        ("02:40:00", CLOSER, "iam AttachUserPolicy", None),
        ("07:10:00", ISSUED, "s3 ListBuckets", Some("ExpiredToken")),
    ] {
        papers.call(clock, key, call, error);
    }
    for (clock, key, user_agent) in [
        ("02:23:00", ISSUED, "aws-cli/1.29.0".to_owned()),
        ("02:23:01", ISSUED, agent(session(8))),
        ("02:24:00", CLOSER, "aws-cli/1.29.0".into()),
        ("03:05:00", CLOSER, agent(session(8))),
        ("03:06:00", OPENER, "aws-cli/1.29.0".into()),
    ] {
        papers.call_from(clock, key, "iam ListAccessKeys", &user_agent);
    }
    papers.last_event().error = Some("AccessDenied".into());
    papers.call_from("02:25:00", ISSUED, "ec2 DescribeSubnets", "cloudformation.amazonaws.com");
    papers.last_event().invoked_by = Some("cloudformation.amazonaws.com".into());
    papers.last_event().region = "us-east-1".into();
    papers.call_on("02:26:00", "AKIAONCALL0000000001", "oncall", "iam UpdateAccessKey");
    papers.call_on("08:00:00", "AKIAADMIN00000000001", "admin", "iam CreateAccessKey");
    papers.alert("chat", "02:29:11", None, "HTTP status 500");
    if let Some(Record::Alert { topic, .. }) = papers.entries.last_mut().map(|entry| &mut entry.record) {
        *topic = AlertTopic::Closed;
    }
    papers
}
