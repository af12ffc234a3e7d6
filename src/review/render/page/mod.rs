//! Renders the review packet as one static HTML page. The page has no scripts and makes no requests. Untrusted text
//! is escaped.

mod call_tables;
mod markup;
mod picture;
mod sections;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::review::facts::evidence::Evidence;
use crate::review::packet::Packet;
use crate::review::render::text;
use crate::time_text;
use crate::vault::words;
use markup::words_of;

const STYLE: &str = include_str!("style.css");

/// Returns the HTML page. `json` is the name and the bytes of the packet file. The page shows the digest of the packet
/// file.
pub fn page(packet: &Packet, json: (&str, &[u8])) -> String {
    let title = format!("Review of session {}", packet.session.id);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body(packet, json)) }
        }
    };
    page.into_string() + "\n"
}

/// Returns the page's Content-Security-Policy. The policy allows the page's style and nothing else.
fn policy() -> String {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'")
}

fn body(packet: &Packet, json: (&str, &[u8])) -> Markup {
    html! {
        header { (heading(packet)) }
        main {
            (picture(packet))
            (sections::findings(packet))
            (sections::opened(packet))
            (sections::approvals(packet))
            (sections::alerts(packet))
            (sections::window(packet))
            (call_tables::calls(packet))
            (sections::timeline(packet))
            (sections::evidence(packet))
            (sections::follow_up(packet))
        }
        (footer(packet, json))
    }
}

fn heading(packet: &Packet) -> Markup {
    let session = &packet.session;
    let target = &session.target;
    let kind = if session.drill { "Review after a drill" } else { "Review after a use of emergency access" };
    html! {
        p.over { (kind) }
        h1 { "Session " span.mono { (session.id) } }
        p.lead {
            "User " b { (words_of(&target.user)) } " in account " b { (words_of(&target.account)) }
            " (" (words_of(&target.name)) "): " (words_of(&session.reason))
        }
        (verdict(packet))
        dl.figures {
            div { dt { "Enabled" } dd { (figure(&text::enabled(packet))) } }
            div { dt { "Approved" } dd { (figure(&text::approved(packet))) } }
            div { dt { "Alerts" } dd { (figure(&text::alerts(packet))) } }
            div { dt { "Calls" } dd { (figure(&text::calls(packet))) } }
        }
    }
}

/// Shows the first part of a summary line in large letters, and the rest below.
fn figure(line: &str) -> Markup {
    let of = " of ";
    let split = line.find(" (").or_else(|| line.find(", ")).or_else(|| line.find(" on record"));
    let split = split.or_else(|| line.match_indices(of).next().map(|(at, _)| at + of.len() + 2)).unwrap_or(0);
    let split = (0..=split.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    let (large, rest) = line.split_at(split);
    html! {
        @if !large.is_empty() { b { (words_of(large)) } }
        (words_of(rest.trim_start_matches(", ").trim_start()))
    }
}

fn verdict(packet: &Packet) -> Markup {
    let counts = text::findings(packet);
    let is_clean = counts.problems + counts.to_explain == 0;
    let class = if is_clean { "verdict" } else { "verdict open" };
    let reviewed = packet.reviews.iter().any(|review| review.evidence == Evidence::Signature);
    html! {
        div class=(class) {
            strong { (counts.words()) }
            @if is_clean {
                "Everything that was checked is in order; the follow-up is at the end."
            } @else {
                "The findings are listed below the picture; the follow-up is at the end."
            }
            @if !reviewed { " This review has not been signed yet." }
        }
    }
}

fn picture(packet: &Packet) -> Markup {
    html! {
        section aria-labelledby="picture" {
            h2 id="picture" { "The session as a picture" }
            figure {
                div.picture { (picture::draw(packet)) }
                figcaption.quiet { (picture::caption(packet)) }
            }
        }
    }
}

fn footer(packet: &Packet, (name, bytes): (&str, &[u8])) -> Markup {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    html! {
        footer {
            p { "Created " (time_text::utc(packet.created)) " by " (packet.program) ". All times are UTC." }
            p {
                "The same facts as JSON, in the file that a custodian signs: " span.mono { (words_of(name)) }
                ", SHA-256 " span.mono { (hex::encode(digest)) } ", in words: " b { (words::of(&digest)) } "."
            }
        }
    }
}
