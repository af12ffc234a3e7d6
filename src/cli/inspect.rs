//! `inspect`: prints all public information about a vault, as text or as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::args::InspectArgs;
use super::input;
use crate::error::Result;
use crate::terminal::print;
use crate::time_text;
use crate::vault::file::Vault;
use crate::vault::firmware::Firmware;
use crate::vault::manifest::{Attested, Custodian, EnrolledToken, Lane, TargetSummary, TokenKind};
use crate::vault::words;

pub fn run(arguments: &InspectArgs) -> Result<()> {
    let vault = input::vault(&arguments.vault)?;
    let report = Report::of(&vault);
    if arguments.json.json {
        print::exact(&format!("{}\n", serde_json::to_string_pretty(&report).unwrap_or_default()))
    } else {
        print::result(&report.text())
    }
}

#[derive(Serialize)]
struct Report<'a> {
    vault_id: &'a str,
    label: &'a str,
    epoch: u32,
    credentials_epoch: u32,
    replaces: Option<&'a str>,
    created: &'a str,
    threshold: u8,
    lane: Lane,
    sha256: String,
    words: String,
    alerts: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    drill_of: Option<&'a str>,
    custodians: Vec<CustodianReport<'a>>,
    targets: &'a [TargetSummary],
}

#[derive(Serialize)]
struct CustodianReport<'a> {
    index: u8,
    name: &'a str,
    enrolment: &'a str,
    fingerprint_checked: bool,
    tokens: Vec<TokenReport>,
}

#[derive(Serialize)]
struct TokenReport {
    kind: TokenKind,
    serial: u32,
    firmware: Firmware,
    /// The security advisory that affects the firmware.
    advisory: Option<&'static str>,
    slot: String,
    attestation: Attested,
}

impl<'a> Report<'a> {
    fn of(vault: &'a Vault) -> Self {
        let manifest = &vault.manifest;
        Self {
            vault_id: &manifest.vault_id,
            label: &manifest.label,
            epoch: manifest.epoch,
            credentials_epoch: manifest.credentials_epoch,
            replaces: manifest.replaces.as_deref(),
            created: &manifest.created,
            threshold: manifest.threshold.get(),
            lane: manifest.lane,
            sha256: hex::encode(vault.sha256),
            words: words::of(&vault.sha256),
            alerts: &manifest.alerts,
            drill_of: manifest.drill_of.as_deref(),
            custodians: manifest.custodians.iter().map(CustodianReport::of).collect(),
            targets: &manifest.targets,
        }
    }

    fn text(&self) -> String {
        let mut out = format!(
            "vault       {} ({})\nepoch       {} (credentials {})\nlane        {}\nsealed      {}\nreplaces    {}\n\
             sha256      {}\nwords       {}\ncustodians  {} of {} needed to open\n",
            self.label,
            self.vault_id,
            self.epoch,
            self.credentials_epoch,
            self.lane.words(),
            self.created,
            self.replaces.unwrap_or("nothing"),
            self.sha256,
            self.words,
            self.threshold,
            self.custodians.len(),
        );
        self.custodians.iter().for_each(|custodian| out.push_str(&custodian.text()));
        let alerts = if self.alerts.is_empty() { "none".into() } else { self.alerts.join(", ") };
        out.push_str("alerts      ");
        out.push_str(&alerts);
        out.push('\n');
        if let Some(vault) = self.drill_of {
            out.push_str("drill of    ");
            out.push_str(vault);
            out.push('\n');
        }
        out.push_str("targets\n");
        self.targets.iter().for_each(|target| out.push_str(&target_text(target)));
        out
    }
}

impl<'a> CustodianReport<'a> {
    fn of(custodian: &'a Custodian) -> Self {
        Self {
            index: custodian.index,
            name: &custodian.name,
            enrolment: &custodian.enrolment,
            fingerprint_checked: custodian.fingerprint_checked,
            tokens: custodian.tokens.iter().map(TokenReport::of).collect(),
        }
    }

    fn text(&self) -> String {
        let unchecked = if self.fingerprint_checked { "" } else { "; fingerprint not checked at sealing" };
        let tokens: Vec<_> = self
            .tokens
            .iter()
            .map(|t| {
                let attested = t.attestation.words();
                format!(
                    "YubiKey {} {} {}, firmware {}, {attested}",
                    t.serial,
                    t.kind.slot_word(),
                    t.slot,
                    t.firmware
                )
            })
            .collect();
        let mut text = format!("  {}. {:<10}{}{unchecked}\n", self.index, self.name, tokens.join("; "));
        for (token, advisory) in self.tokens.iter().filter_map(|token| Some((token, token.advisory?))) {
            let _ = writeln!(text, "{:15}{advisory} affects YubiKey {}", "", token.serial);
        }
        text
    }
}

impl TokenReport {
    fn of(token: &EnrolledToken) -> Self {
        Self {
            kind: token.keys.kind(),
            serial: token.serial,
            firmware: token.firmware,
            advisory: token.firmware.advisory(),
            slot: token.keys.slot(),
            attestation: token.attestation,
        }
    }
}

/// Returns a target as text: the user, and the access that an opening gives.
fn target_text(target: &TargetSummary) -> String {
    let mut text = format!(
        "  {:<13}user {} of account {} ({}), {}, at most {}{}\n",
        target.name,
        target.user,
        target.account,
        target.partition,
        target.regions.join(" "),
        time_text::duration(target.max_window.duration()),
        if target.mfa { ", under MFA" } else { "" },
    );
    let allows: Vec<_> = target.grant.iter().map(ToString::to_string).collect();
    let line = |name: &str, value: &str| format!("{:15}{name:<13}{value}\n", "");
    let allows = if allows.is_empty() { "nothing".into() } else { allows.join("; ") };
    text += &line("allows", &allows);
    text += &line("console", if target.console { "yes" } else { "no" });
    text +=
        &line("identities", if target.repairs_identity { "may be changed" } else { "may not be changed" });
    let outlive = target.may_outlive.join(" ");
    text += &line("may outlive", if outlive.is_empty() { "no known action" } else { &outlive });
    text += &line("grant sha256", &target.grant_sha256);
    text
}
