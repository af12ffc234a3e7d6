//! The encoding by tag, length and value that cards (BER) and certificates (DER) use.

/// Encodes one value. A `tag` that does not fit into one byte is encoded in two bytes.
pub(crate) fn tlv(tag: u16, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 6);
    let [high, low] = tag.to_be_bytes();
    if high != 0 {
        out.push(high);
    }
    out.push(low);
    match u16::try_from(value.len()).expect("a value should be shorter than 64 KiB").to_be_bytes() {
        [0, n @ 0..=0x7f] => out.push(n),
        [0, n] => out.extend([0x81, n]),
        [high, low] => out.extend([0x82, high, low]),
    }
    out.extend(value);
    out
}

/// Encodes several values under one `tag`.
pub(crate) fn group(tag: u16, parts: &[&[u8]]) -> Vec<u8> {
    tlv(tag, &parts.concat())
}

/// Splits off the first value with a one-byte tag. Returns the tag, the value and the rest.
pub(crate) fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        n @ 0..=0x7f => (usize::from(n), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), &rest[2..]),
        _ => return None,
    };
    Some((tag, rest.get(..len)?, &rest[len..]))
}

/// Returns the value with this `tag` in `bytes`. Returns `None` if the tag is absent or `bytes` are malformed.
pub(crate) fn find(tag: u8, mut bytes: &[u8]) -> Option<&[u8]> {
    while !bytes.is_empty() {
        let (found, value, rest) = split(bytes)?;
        if found == tag {
            return Some(value);
        }
        bytes = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tlv_that_is_written_is_read_back() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 3000] {
            let value = vec![7; len];
            let written = [tlv(0x81, b"before"), tlv(0x53, &value)].concat();
            assert_eq!(find(0x53, &written), Some(&value[..]));
            assert_eq!(find(0x54, &written), None);
        }
        assert_eq!(tlv(0x7f49, &[1]), [0x7f, 0x49, 1, 1]);
    }

    #[test]
    fn a_tlv_length_beyond_the_end_is_refused() {
        assert_eq!(find(0x53, &[0x53, 5, 1, 2]), None);
        assert_eq!(find(0x53, &[0x53, 0x82, 1]), None);
    }
}
