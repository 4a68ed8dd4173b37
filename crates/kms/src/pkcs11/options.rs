//! Where the token, its key and its PIN are.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use vutf_kernel::Secret;

use super::Pkcs11Error;

/// The longest id of a key-encryption key that a row can name.
const MAX_KEK_ID: usize = 128;

/// Where the PIN of the token's user comes from.
#[derive(Clone, Debug)]
pub enum Pkcs11Pin {
    /// The PIN itself.
    Text(Secret<String>),
    /// A file that holds it, read at each login; one trailing newline is not part of it.
    File(PathBuf),
}

/// A key in a PKCS#11 token, and how to get to it.
#[derive(Clone, Debug)]
pub struct Pkcs11Options {
    /// The vendor's module, e.g. `/usr/lib/softhsm/libsofthsm2.so`.
    pub module: PathBuf,
    /// The token's label.
    pub token_label: String,
    /// The token's serial number, where several tokens have that label.
    pub token_serial: Option<String>,
    /// The label of the AES-256 key object.
    pub key_label: String,
    /// The user's PIN.
    pub pin: Pkcs11Pin,
    /// Sessions, and so calls at once; at least 1.
    pub sessions: usize,
    /// How long one call may take, waiting for a session included.
    pub timeout: Duration,
}

impl Pkcs11Options {
    /// `pkcs11:token=…;object=…`, a PKCS#11 URI (RFC 7512). The serial number is not part of it: a key that was cloned to
    /// another token is the same key.
    pub(super) fn kek_id(&self) -> Result<String, Pkcs11Error> {
        let id = format!(
            "pkcs11:token={};object={}",
            escaped(&self.token_label),
            escaped(&self.key_label)
        );
        if id.len() > MAX_KEK_ID {
            return Err(Pkcs11Error::Options(
                "the labels of token and key are too long together",
            ));
        }
        Ok(id)
    }

    pub(super) fn check(&self) -> Result<(), Pkcs11Error> {
        let wrong = [
            (self.token_label.is_empty(), "the token's label is empty"),
            (self.key_label.is_empty(), "the key's label is empty"),
            (self.sessions == 0, "no session is allowed"),
            (self.timeout.is_zero(), "the time-out is zero"),
        ];
        match wrong.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, problem)) => Err(Pkcs11Error::Options(problem)),
            None => Ok(()),
        }
    }
}

/// Percent-encoded but for the unreserved characters of RFC 3986.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _never_fails = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(token: &str, key: &str) -> Pkcs11Options {
        Pkcs11Options {
            module: "/m.so".into(),
            token_label: token.into(),
            token_serial: None,
            key_label: key.into(),
            pin: Pkcs11Pin::Text(Secret::new("1234".into())),
            sessions: 1,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn the_id_is_a_uri_that_no_label_can_forge() {
        let id = |token, key| options(token, key).kek_id().unwrap();
        assert_eq!(id("kek", "kek-v1"), "pkcs11:token=kek;object=kek-v1");
        assert_eq!(
            id("a b", "ä;object=x"),
            "pkcs11:token=a%20b;object=%C3%A4%3Bobject%3Dx"
        );
        assert!(options("kek", &"x".repeat(128)).kek_id().is_err());
    }

    #[test]
    fn nonsense_is_refused_before_a_module_is_loaded() {
        let mut wrong = options("", "k");
        assert!(wrong.check().is_err());
        wrong.token_label = "t".into();
        wrong.check().unwrap();
        wrong.sessions = 0;
        assert!(wrong.check().is_err());
        assert!(options("t", "").check().is_err());
    }

    #[test]
    fn the_pin_is_not_printed() {
        let mut options = options("t", "k");
        options.pin = Pkcs11Pin::Text(Secret::new("planted-pin".into()));
        assert!(!format!("{options:?}").contains("planted-pin"));
    }
}
