//! Checks a target, its keys and its MFA device.

use super::error::{PayloadError, TargetFault};
use super::{AccessKey, Gatekeepers, Mfa, SealedTarget, Way};
use crate::secret::SecretText;
use crate::vault::grant::{self, GrantStatement};
use crate::vault::{canonical, manifest, names};

impl SealedTarget {
    /// Returns the target's entry in the manifest.
    ///
    /// # Panics
    /// Never panics: the program checks the statements of a target when it reads the target.
    pub fn summary(&self) -> manifest::TargetSummary {
        let statements = self.statements().expect("the grant was checked");
        manifest::TargetSummary {
            account: self.account.clone(),
            console: self.lane() == manifest::Lane::Static || grant::allows(&statements, grant::FEDERATION),
            grant: grant::summarize(&statements),
            grant_sha256: hex::encode(canonical::digest(&self.grant)),
            max_window: self.max_window,
            may_outlive: self.may_outlive.clone(),
            mfa: self.mfa.is_some(),
            name: self.name.clone(),
            partition: self.partition.clone(),
            regions: self.regions.clone(),
            repairs_identity: self.repairs_identity,
            user: self.user.clone(),
        }
    }

    /// Returns the target's lane.
    pub fn lane(&self) -> manifest::Lane {
        match self.way {
            Way::Gate(_) => manifest::Lane::Gate,
            Way::Static(_) => manifest::Lane::Static,
        }
    }

    /// Reads the statements of the grant.
    ///
    /// # Errors
    /// Returns [`TargetFault::Statement`].
    pub fn statements(&self) -> Result<Vec<GrantStatement>, TargetFault> {
        let parse = |(index, statement)| {
            GrantStatement::parse(statement).map_err(|why| TargetFault::Statement(index + 1, why))
        };
        self.grant.iter().enumerate().map(parse).collect()
    }

    pub(super) fn check(&self) -> Result<(), PayloadError> {
        names::target(&self.name, &self.partition, &self.account, &self.user, &self.regions)?;
        let wrong = |why| PayloadError::Target(self.name.clone(), why);
        names::window(self.max_window).map_err(|why| wrong(TargetFault::Name(why)))?;
        names::may_outlive(&self.name, &self.may_outlive)?;
        let statements = self.statements().map_err(wrong)?;
        if grant::summarize(&statements).len() > manifest::MAX_SERVICES {
            return Err(wrong(TargetFault::ServiceCount));
        }
        if self.repairs_identity && self.mfa.is_none() {
            return Err(wrong(TargetFault::RepairsWithoutMfa));
        }
        self.check_arns().map_err(wrong)?;
        for (role, key) in self.keys() {
            key.check().map_err(|why| wrong(TargetFault::Key(role, why)))?;
        }
        self.mfa.as_ref().map_or(Ok(()), Mfa::check).map_err(wrong)?;
        self.check_misplaced(&grant::summarize(&statements))?;
        names::all_different("access key", self.keys().map(|(_, key)| key.id.as_str()))
            .map_err(|why| wrong(TargetFault::Name(why)))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (&'static str, &AccessKey)> {
        let gatekeepers = match &self.way {
            Way::Gate(Gatekeepers { opener, closer, .. }) => vec![("opener", opener), ("closer", closer)],
            Way::Static(_) => Vec::new(),
        };
        gatekeepers.into_iter().chain([("emergency", &self.emergency)])
    }

    /// Returns every ARN of the target, with the resource type of each ARN.
    fn arns(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let way = match &self.way {
            Way::Gate(gatekeepers) => ("policy", &gatekeepers.boundary),
            Way::Static(role) => ("role", role),
        };
        [way].into_iter().chain(self.mfa.iter().map(|mfa| ("mfa", &mfa.serial)))
    }

    fn check_arns(&self) -> Result<(), TargetFault> {
        for (kind, arn) in self.arns() {
            let prefix = format!("arn:{}:iam::{}:{kind}/", self.partition, self.account);
            let fits =
                |rest: &str| (1..=512).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_graphic());
            if !arn.strip_prefix(&prefix).is_some_and(fits) {
                return Err(match kind {
                    "policy" => TargetFault::Boundary(prefix),
                    "role" => TargetFault::Role(prefix),
                    _ => TargetFault::MfaDevice(prefix),
                });
            }
        }
        Ok(())
    }

    /// Fails if a public field of the target contains a secret. The texts of the summary are in lower case.
    fn check_misplaced(&self, summary: &[grant::ServiceAccess]) -> Result<(), PayloadError> {
        let public = [&self.name, &self.user].into_iter().chain(&self.regions).chain(&self.may_outlive);
        let mut public = public.chain(self.arns().map(|(_, arn)| arn));
        let mut of_grant = summary.iter().flat_map(|entry| entry.conditions.iter().chain([&entry.service]));
        if public.any(|text| self.exposes(text)) || of_grant.any(|text| self.exposes_lower(text)) {
            return Err(PayloadError::ExposedSecret(self.account.clone()));
        }
        Ok(())
    }

    fn secrets(&self) -> impl Iterator<Item = &SecretText> {
        let secrets = self.keys().map(|(_, key)| &key.secret);
        secrets.chain(self.mfa.iter().map(|mfa| &mfa.seed))
    }

    /// Returns whether the text contains a secret of the target.
    pub(super) fn exposes(&self, text: &str) -> bool {
        self.secrets().any(|secret| text.contains(secret.expose()))
    }

    /// Returns whether the text contains a secret of the target in any case.
    fn exposes_lower(&self, text: &str) -> bool {
        let is_at =
            |secret: &SecretText, window: &[u8]| window.eq_ignore_ascii_case(secret.expose().as_bytes());
        self.secrets()
            .any(|secret| text.as_bytes().windows(secret.expose().len()).any(|window| is_at(secret, window)))
    }
}

impl Mfa {
    /// Checks the TOTP seed, which must have 80 bits or more. RFC 4226 requires 128 bits, and AWS creates seeds of 320
    /// bits.
    fn check(&self) -> Result<(), TargetFault> {
        let seed = self.seed.expose();
        let known = seed.bytes().all(|b| base32_value(b).is_some());
        // In base32 (RFC 4648 section 6) the last group has 2, 4, 5, 7 or 8 characters. A last group of such a length
        // has 2, 4, 1, 3 or 0 unused bits, respectively.
        let surplus = match seed.len() % 8 {
            0 => Some(0),
            2 => Some(2),
            4 => Some(4),
            5 => Some(1),
            7 => Some(3),
            _ => None,
        };
        let last = seed.bytes().next_back().and_then(base32_value);
        let canonical = last.zip(surplus).is_some_and(|(last, bits)| last & ((1 << bits) - 1) == 0);
        if !(16..=128).contains(&seed.len()) || !known || !canonical {
            return Err(TargetFault::TotpSeed);
        }
        Ok(())
    }
}

/// Returns the five bits that a base32 character encodes.
fn base32_value(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'2'..=b'7' => Some(character - b'2' + 26),
        _ => None,
    }
}
