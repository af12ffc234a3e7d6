//! Reads the certificates of a PEM file.

use der::{DecodePem as _, Encode as _};
use x509_cert::Certificate;

use super::error::AttestationError;

/// Reads the certificates of a PEM file and returns them in DER. Ignores text between the certificates (RFC 7468
/// section 2).
///
/// # Errors
/// Fails if the file contains no certificate, or a certificate does not parse.
pub fn read(text: &[u8]) -> Result<Vec<Vec<u8>>, AttestationError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let text = std::str::from_utf8(text).map_err(|_| AttestationError::NotPem)?;
    let certificates: Vec<_> = text
        .match_indices(BEGIN)
        .map(|(at, _)| {
            let certificate = Certificate::from_pem(first_block(&text[at..]));
            certificate.and_then(|c| c.to_der()).map_err(|why| AttestationError::Certificate(why.to_string()))
        })
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err(AttestationError::NoCertificate) } else { Ok(certificates) }
}

/// Returns the first PEM block of `text`.
fn first_block(text: &str) -> &str {
    const END: &str = "-----END CERTIFICATE-----";
    text.find(END).map_or(text, |end| &text[..end + END.len()])
}
