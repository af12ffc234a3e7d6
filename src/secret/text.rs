//! Secret text in locked pages, such as a secret access key or a typed line.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::Pages;

/// UTF-8 text in locked pages. The type implements neither `Clone` nor `Serialize`.
pub struct SecretText(Pages);

impl SecretText {
    /// Copies `text` into locked pages.
    pub fn copy_of(text: &str) -> Self {
        let mut pages = Pages::zeroed(text.len());
        pages.as_mut_slice().copy_from_slice(text.as_bytes());
        Self(pages)
    }

    /// Returns the text.
    ///
    /// # Panics
    /// Never panics, because the text is UTF-8. After [`super::wipe_all`], the text consists of zeros, which are also
    /// UTF-8.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.as_slice()).expect("the text is UTF-8")
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = SecretText;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretText, E> {
                Ok(SecretText::copy_of(text))
            }
        }

        deserializer.deserialize_str(Text)
    }
}
