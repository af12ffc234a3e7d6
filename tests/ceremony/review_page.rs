//! Tests the review page in Chromium. The page renders and prints, makes no requests, needs no script, and shows
//! hostile input as text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packet::{CLOSER, ISSUED, Papers};
use breakglass::ledger::Record;
use breakglass::review::page;
use serde_json::Value;
use tempfile::TempDir;

/// Chromium, installed by `scripts/setup --tests`, with a separate profile and no network.
struct Browser {
    home: TempDir,
}

impl Browser {
    fn new() -> Self {
        Self { home: TempDir::new().expect("a temporary directory should be created") }
    }

    /// Returns a browser in which scripts are disabled.
    fn without_scripts() -> Self {
        let browser = Self::new();
        let profile = browser.home.path().join("profile/Default");
        std::fs::create_dir_all(&profile).expect("the profile's directory should be created");
        let settings = r#"{"profile":{"default_content_setting_values":{"javascript":2}}}"#;
        std::fs::write(profile.join("Preferences"), settings)
            .expect("the browser's settings should be written");
        browser
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).expect("the file should be written");
        path
    }

    /// Runs Chromium on a file, in an empty network namespace. Returns Chromium's standard output.
    fn run(&self, page: &Path, flags: &[&str]) -> String {
        let profile = format!("--user-data-dir={}", self.home.path().join("profile").display());
        let mut command = Command::new("unshare");
        command.args(["--net", "timeout", "120", "chromium", "--headless", "--no-sandbox", "--disable-gpu"]);
        command.args(["--disable-quic", "--no-first-run", "--disable-background-networking"]);
        command.args(["--disable-component-update", "--disable-sync", "--hide-scrollbars", &profile]);
        command.args(flags).arg(format!("file://{}", page.display()));
        let done = command
            .env("HOME", self.home.path())
            .output()
            .expect("Chromium should run: run scripts/setup --tests");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("Chromium's output should be text")
    }

    fn dom(&self, page: &Path, flags: &[&str]) -> String {
        self.run(page, &[&["--dump-dom"], flags].concat())
    }

    /// Returns the URLs that a page requested. Leaves out the browser's own requests, which have no origin.
    fn requests(&self, page: &Path) -> BTreeSet<String> {
        let log = self.home.path().join("net.json");
        self.dom(page, &[&format!("--log-net-log={}", log.display())]);
        let log: Value = serde_json::from_slice(&std::fs::read(log).expect("the log should be readable"))
            .expect("the log should be JSON");
        let events: Vec<_> = log["events"]
            .as_array()
            .expect("the log should have a list of events")
            .iter()
            .map(|e| &e["params"])
            .collect();
        let url = |event: &Value| event["url"].as_str().map(str::to_owned);
        let own = events.iter().filter(|event| event["initiator"] == "not an origin");
        let own: BTreeSet<_> = own.filter_map(|event| url(event)).collect();
        let all = events.iter().filter_map(|event| url(event));
        all.filter(|url| !url.starts_with("file://") && !own.contains(url)).collect()
    }

    fn shot(&self, page: &Path, flags: &[&str]) -> Vec<u8> {
        let out = self.home.path().join("shot.png");
        self.run(
            page,
            &[&["--window-size=1200,2400", &format!("--screenshot={}", out.display())], flags].concat(),
        );
        std::fs::read(out).expect("Chromium should have saved a picture")
    }
}

/// Returns the data of a session whose page shows every kind of entry.
fn papers(reason: &str) -> Papers {
    let mut papers = Papers::of(reason).queried();
    papers.call("02:22:00", ISSUED, "kms ScheduleKeyDeletion", Some("AccessDenied"));
    papers.call("02:40:00", CLOSER, "iam AttachUserPolicy", None);
    papers.call("07:10:00", ISSUED, "s3 ListBuckets", None);
    papers
}

fn page_of(papers: &Papers) -> String {
    let packet = papers.packet();
    page(&packet, ("review-0707070707070707.json", packet.json().as_bytes()))
}

/// Returns the width and height in a PNG's header (RFC 2083 section 4.1.1).
fn png(bytes: &[u8]) -> (u32, u32) {
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| {
        u32::from_be_bytes(bytes[at..at + 4].try_into().expect("the slice should have four bytes"))
    };
    (number(16), number(20))
}

#[test]
fn the_review_page_renders_in_both_colour_schemes() {
    let browser = Browser::new();
    let shoot = |text: &str, flags: &[&str]| browser.shot(&browser.file("page.html", text), flags);
    let whole = page_of(&papers("INC-1: SSO down"));
    let (seen, blank) = (shoot(&whole, &[]), shoot("<!doctype html>", &[]));
    assert_eq!(png(&seen), (1200, 2400));
    assert!(
        seen.len() > 8 * blank.len(),
        "the picture of the page should be much larger ({} bytes) than the picture of a blank page ({} bytes)",
        seen.len(),
        blank.len()
    );
    let dark = shoot(&whole, &["--blink-settings=preferredColorScheme=0"]);
    assert!(dark != seen && dark.len() > 8 * blank.len(), "the dark scheme should look different");
    // The page's content security policy allows the page's style. With a policy that blocks the style, the page must
    // look different.
    let bare = whole.replace("style-src 'sha256-", "style-src 'sha256-A");
    assert_ne!(bare, whole);
    assert_ne!(shoot(&bare, &[]), seen, "the control: a changed policy should block the style");
}

#[test]
fn the_review_page_prints_on_a4() {
    let browser = Browser::new();
    let page = browser.file("review.html", &page_of(&papers("INC-1: SSO down")));
    let out = browser.home.path().join("review.pdf");
    browser.run(&page, &["--no-pdf-header-footer", &format!("--print-to-pdf={}", out.display())]);
    let pdf = std::fs::read(out).expect("Chromium should have saved a PDF");
    assert!(pdf.starts_with(b"%PDF-"));
    let text = String::from_utf8_lossy(&pdf);
    let pages = text.matches("/Type /Page\n").count();
    assert!((2..=8).contains(&pages), "the review should have 2 to 8 pages, not {pages}");
    // The size of an A4 page in points.
    assert!(text.contains("/MediaBox [0 0 594.95996 841.91998]"), "the pages should have the size A4");
}

#[test]
fn the_review_page_makes_no_requests() {
    let browser = Browser::new();
    let whole = page_of(&papers("INC-1: SSO down"));
    let page = browser.file("review.html", &whole);
    assert_eq!(browser.requests(&page), BTreeSet::new());
    let image = "<img src=\"http://192.0.2.1/x.png\">";
    let asks = browser.file("asks.html", &format!("<!doctype html>{image}"));
    assert!(
        browser.requests(&asks).iter().any(|url| url.contains("192.0.2.1")),
        "the control: a page with an image should make a request"
    );
    // An element that makes a request is added to the page. The page's content security policy must block the request.
    let smuggled =
        whole.replace("</body>", &format!("{image}<script>document.title = 'ran'</script></body>"));
    let smuggled = browser.file("smuggled.html", &smuggled);
    assert!(
        !browser.requests(&smuggled).iter().any(|url| url.contains("192.0.2.1")),
        "the policy should block the request"
    );
    assert!(!browser.dom(&smuggled, &[]).contains("<title>ran"), "no script should run");
}

#[test]
fn the_review_page_is_the_same_without_scripts() {
    let browser = Browser::new();
    let whole = page_of(&papers("INC-1: SSO down"));
    assert!(!whole.to_lowercase().contains("<script"));
    let page = browser.file("review.html", &whole);
    let dom = browser.dom(&page, &[]);
    for text in ["INC-1: SSO down", "NO: after", "AccessDenied", "Follow-up", "12 min 6 s"] {
        assert!(dom.contains(text), "{text}");
    }
    let off = Browser::without_scripts();
    assert!(
        off.dom(&page, &[]) == dom && off.shot(&page, &[]) == browser.shot(&page, &[]),
        "the page should be the same without scripts"
    );
    let lively = "<!doctype html><p>still</p><script>document.body.textContent = 'it ran'</script>";
    let lively = browser.file("lively.html", lively);
    assert!(
        browser.dom(&lively, &[]).contains("<body>it ran"),
        "the control: the script of this page should run"
    );
    assert!(
        off.dom(&lively, &[]).contains("<p>still</p>"),
        "without scripts, the browser should show the control page unchanged"
    );
}

#[test]
fn untrusted_text_is_shown_as_text() {
    let browser = Browser::new();
    let hostile = "<script>document.title='ran'</script>\"><img src=http://192.0.2.1/x onerror=document.title='ran'>\u{202e}evil\u{0}";
    let mut papers = papers(hostile);
    papers.alert(hostile, "02:16:43", None, hostile);
    papers.call_by("02:21:00", ISSUED, hostile, &format!("{hostile} {hostile}"), Some(hostile));
    papers.call("02:21:01", ISSUED, &format!("s3 {}", "<b>".repeat(100_000)), None);
    for entry in &mut papers.entries {
        if let Record::Intent { again, .. } = &mut entry.record {
            *again = Some(hostile.into());
        }
    }
    let page = browser.file("review.html", &page_of(&papers));
    let dom = browser.dom(&page, &[]);
    assert!(
        dom.contains("&lt;script&gt;document.title='ran'&lt;/script&gt;"),
        "hostile text should be readable"
    );
    assert!(dom.contains("\\u{202e}evil\\u{0}"), "invisible characters should be escaped");
    for element in ["<script", "<img", "<title>ran", "onerror=\"", "\u{202e}"] {
        assert!(!dom.contains(element), "{element}");
    }
    assert_eq!(browser.requests(&page), BTreeSet::new());
    // The control: without escaping, the browser runs the script in the text.
    let naive = browser.file("naive.html", &format!("<!doctype html><title>still</title>{hostile}"));
    assert!(browser.dom(&naive, &[]).contains("<title>ran"), "the control: unescaped text should run");
}
