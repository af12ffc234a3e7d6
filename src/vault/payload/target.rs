//! The one accepted form of a target, its keys and its MFA device.

use super::{AccessKey, Gatekeepers, Mfa, Target, Way};
use crate::vault::{canonical, manifest, names};

impl Target {
    /// What the manifest says of it.
    pub fn summary(&self) -> manifest::Target {
        manifest::Target {
            account: self.account.clone(),
            grant_sha256: hex::encode(canonical::digest(&self.grant)),
            max_window: self.max_window,
            mfa: self.mfa.is_some(),
            name: self.name.clone(),
            partition: self.partition.clone(),
            regions: self.regions.clone(),
            user: self.user.clone(),
        }
    }

    /// How its window is made.
    pub fn lane(&self) -> manifest::Lane {
        match self.way {
            Way::Gate(_) => manifest::Lane::Gate,
            Way::Static(_) => manifest::Lane::Static,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        names::target(&self.name, &self.partition, &self.account, &self.user, &self.regions)?;
        let own = |why: String| format!("{}: {why}", self.name);
        names::window(self.max_window).map_err(own)?;
        self.check_arns()?;
        for (role, key) in self.keys() {
            key.check().map_err(|why| own(format!("{role}: {why}")))?;
        }
        self.mfa.as_ref().map_or(Ok(()), Mfa::check).map_err(own)?;
        self.check_misplaced()?;
        names::all_different("access key", self.keys().map(|(_, key)| key.id.as_str())).map_err(own)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (&'static str, &AccessKey)> {
        let gatekeepers = match &self.way {
            Way::Gate(Gatekeepers { opener, closer, .. }) => vec![("opener", opener), ("closer", closer)],
            Way::Static(_) => Vec::new(),
        };
        gatekeepers.into_iter().chain([("emergency", &self.emergency)])
    }

    /// Every ARN, with what stands between the account and its name.
    fn arns(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let way = match &self.way {
            Way::Gate(gatekeepers) => ("policy", &gatekeepers.boundary),
            Way::Static(role) => ("role", role),
        };
        [way].into_iter().chain(self.mfa.iter().map(|mfa| ("mfa", &mfa.serial)))
    }

    fn check_arns(&self) -> Result<(), String> {
        for (kind, arn) in self.arns() {
            let prefix = format!("arn:{}:iam::{}:{kind}/", self.partition, self.account);
            let fits =
                |rest: &str| (1..=512).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_graphic());
            if !arn.strip_prefix(&prefix).is_some_and(fits) {
                let what = match kind {
                    "policy" => "the boundary is no policy",
                    "role" => "the role is no role",
                    _ => "the MFA device is none",
                };
                return Err(format!("{}: {what} of this account ({prefix}…)", self.name));
            }
        }
        Ok(())
    }

    /// The manifest shows much of a target to everybody.
    fn check_misplaced(&self) -> Result<(), String> {
        let secrets = self.keys().map(|(_, key)| &key.secret);
        let secrets: Vec<_> = secrets.chain(self.mfa.iter().map(|mfa| &mfa.seed)).collect();
        let public = [&self.name, &self.account, &self.user].into_iter().chain(&self.regions);
        let mut public = public.chain(self.arns().map(|(_, arn)| arn));
        if public.any(|text| secrets.iter().any(|secret| text.contains(secret.expose()))) {
            return Err(format!("{}: a secret stands where everybody can read it", self.account));
        }
        Ok(())
    }
}

impl Mfa {
    /// A seed is 80 bits or more: RFC 4226 asks for 128, AWS gives 320.
    fn check(&self) -> Result<(), String> {
        let seed = self.seed.expose();
        let in_base32 = |b: u8| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b);
        // RFC 4648 section 6: the last group has 2, 4, 5, 7 or 8 characters.
        let whole = matches!(seed.len() % 8, 0 | 2 | 4 | 5 | 7);
        if !(16..=128).contains(&seed.len()) || !whole || !seed.bytes().all(in_base32) {
            return Err("its TOTP seed is no base32 of 16 to 128 characters (A–Z, 2–7)".into());
        }
        Ok(())
    }
}

impl AccessKey {
    /// Whether id and secret have the shape of an AWS access key.
    ///
    /// # Errors
    /// What is wrong, in words, without the secret.
    pub fn check(&self) -> Result<(), String> {
        let in_id = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if !(16..=128).contains(&self.id.len()) || !self.id.bytes().all(in_id) {
            return Err("the access key id is not 16 or more capital letters and digits".into());
        }
        let secret = self.secret.expose();
        let in_secret = |b: u8| b.is_ascii_alphanumeric() || b"/+=".contains(&b);
        if secret.len() != 40 || !secret.bytes().all(in_secret) {
            return Err("the secret access key is not 40 characters of base64".into());
        }
        Ok(())
    }
}
