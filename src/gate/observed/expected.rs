//! The properties of a user as they were sealed.

/// The sealed properties of the user.
#[derive(Clone, Debug)]
pub struct Expected {
    pub user: String,
    /// ARN of `AWSDenyAll` in the user's partition.
    pub deny: String,
    /// ARN of the permissions boundary.
    pub boundary: String,
    /// SHA-256 of the boundary's document in RFC 8785 JSON.
    pub boundary_sha256: [u8; 32],
    /// The sealed access key's id.
    pub key: String,
    /// Whether the custodians approved that the user has another access key, which is inactive.
    pub allows_extra_key: bool,
}
