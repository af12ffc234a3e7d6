//! Creates two keys on the YubiKey, reads the attestations of the keys, and creates the enrolment.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Enrolling, Roots};
use crate::cli::genuine;
use crate::custody::attestation;
use crate::custody::enrolment::{Certificates, Enrolment, spki};
use crate::custody::part::Part;
use crate::custody::token::{Token as _, TokenError};
use crate::error::Result;
use crate::terminal::note;
use crate::token::enrol::GeneratedKey;
use crate::vault::manifest::{Attested, EnrolledToken, TokenKeys};
use crate::vault::{random, share};

impl Enrolling<'_> {
    /// Creates the custodian's part and two keys. Returns the enrolment and the signing key.
    pub(super) fn make(&mut self, roots: Option<&Roots>) -> Result<(Enrolment, GeneratedKey)> {
        // A YubiKey that is not genuine is refused before any key is created on it.
        let chain = roots.map(|roots| self.chain(roots)).transpose()?;
        let (first, second) = self.token.free_slots().map_err(|why| self.failed(why))?;
        // The keys are created only after the custodian has typed the words back. If the custodian stops earlier, no
        // new keys are left on the YubiKey.
        let id = random::bytes::<16>();
        let part = Part::generate();
        self.show(&part)?;
        note(&format!(
            "{}: creating two keys in slots {first} and {second} of YubiKey {}",
            self.name,
            self.token.serial()
        ));
        let decryption = self.token.generate(first).map_err(|why| self.failed(why))?;
        let signing = self.token.generate(second).map_err(|why| self.failed(why))?;
        let attested = self.attest(&decryption, &signing, chain)?;
        let enrolment = Enrolment {
            attestation: attested.1,
            created: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string(),
            enrolment: hex::encode(id),
            name: self.name.to_owned(),
            part: part.identity(&id).to_public().to_string(),
            token: EnrolledToken { attestation: attested.0, ..self.record(&decryption, &signing)? },
            version: 1,
        };
        Ok((enrolment, signing))
    }

    fn record(&self, decryption: &GeneratedKey, signing: &GeneratedKey) -> Result<EnrolledToken> {
        let compressed = p256::PublicKey::from_sec1_bytes(&decryption.point).ok().and_then(|key| {
            p256::elliptic_curve::sec1::ToSec1Point::to_sec1_point(&key, true).as_bytes().try_into().ok()
        });
        let compressed: [u8; 33] = compressed
            .ok_or_else(|| self.failed(TokenError::Failed("the key is not a point on the curve")))?;
        let signing_key = spki(&signing.point)
            .ok_or_else(|| self.failed(TokenError::Failed("the key is not a point on the curve")))?;
        Ok(EnrolledToken {
            attestation: Attested::None,
            firmware: self.token.firmware(),
            keys: TokenKeys::Piv {
                decryption_slot: decryption.slot.to_string(),
                signing_slot: signing.slot.to_string(),
            },
            recipient: share::tag_recipient(&compressed),
            serial: self.token.serial(),
            signing_key: BASE64_STANDARD.encode(signing_key),
        })
    }

    /// Returns the certificate chain from the YubiKey's attestation certificate to a trusted root. Fails if the root
    /// is not Yubico's and the operator has not allowed other roots.
    fn chain(&mut self, roots: &Roots) -> Result<Vec<Vec<u8>>> {
        let device = self.token.device_certificate().map_err(|why| self.failed(why))?;
        let chain = attestation::chain(&device, &roots.certificates).map_err(|why| self.no_chain(&why))?;
        let owner = attestation::root_owner(&chain).map_err(|why| self.not_genuine(&why))?;
        if owner == Attested::Yubico || roots.allow_other {
            Ok(chain)
        } else {
            let serial = self.token.serial();
            Err(genuine::not_by_yubico(self.name, serial, owner, genuine::ALLOW_OTHER)
                .and("no file was written"))
        }
    }

    /// Reads the attestation certificates of both keys, and stores each certificate in the slot of its key. Verifies
    /// the certificates if `chain` is given.
    fn attest(
        &mut self,
        decryption: &GeneratedKey,
        signing: &GeneratedKey,
        chain: Option<Vec<Vec<u8>>>,
    ) -> Result<(Attested, Option<Certificates>)> {
        let of_decryption = self.token.attest(decryption.slot).map_err(|why| self.failed(why))?;
        let of_signing = self.token.attest(signing.slot).map_err(|why| self.failed(why))?;
        self.token.mark(decryption.slot, &of_decryption).map_err(|why| self.failed(why))?;
        self.token.mark(signing.slot, &of_signing).map_err(|why| self.failed(why))?;
        let Some(chain) = chain else { return Ok((Attested::None, None)) };
        let encode = |der: &Vec<u8>| BASE64_STANDARD.encode(der);
        let certificates = Certificates {
            chain: chain.iter().map(encode).collect(),
            decryption: encode(&of_decryption),
            signing: encode(&of_signing),
        };
        let token = self.record(decryption, signing)?;
        let attested = certificates.verify(&token).map_err(|why| self.not_genuine(&why))?;
        Ok((attested, Some(certificates)))
    }
}
