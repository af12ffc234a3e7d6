//! The properties of the emergency user that the vault records.

/// The properties of the emergency user that were sealed in the vault.
#[derive(Clone, Debug)]
pub struct Expected {
    pub user: String,
    /// ARN of `AWSDenyAll` in the user's partition.
    pub deny: String,
    /// ARN of the permissions boundary.
    pub boundary: String,
    /// SHA-256 of the boundary's document, written as canonical JSON (RFC 8785).
    pub boundary_sha256: [u8; 32],
    /// The id of the sealed access key.
    pub key: String,
    /// Whether the custodians approved that the user has another access key, which is inactive.
    pub allows_extra_key: bool,
}
