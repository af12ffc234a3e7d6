//! HTML elements that several sections of the page use.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::review::facts::evidence::Evidence;
use crate::review::render::text;
use crate::time_text;

/// Returns a section of the page with a heading.
pub(super) fn section(id: &str, heading: &str, inside: &Markup) -> Markup {
    html! { section aria-labelledby=(id) { h2 id=(id) { (heading) } (inside) } }
}

/// Returns a table of names and values.
pub(super) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        table.facts { tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } } } }
    }
}

pub(super) fn head(names: &[&str]) -> Markup {
    html! { thead { tr { @for name in names { th scope="col" { (name) } } } } }
}

/// Shows untrusted text.
pub(super) fn words_of(text: &str) -> Markup {
    html! { bdi.text { (text::shown(text)) } }
}

/// Shows the evidence as a tag.
pub(super) fn tag(evidence: Evidence) -> Markup {
    let class = if evidence == Evidence::Reported { "tag record" } else { "tag evidence" };
    html! { span class=(class) { (evidence.words()) } }
}

pub(super) fn when(at: Timestamp) -> Markup {
    html! { td.when { (time_text::column(at)) } }
}
