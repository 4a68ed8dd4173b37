//! Time-based one-time codes: RFC 6238 over RFC 4226 with HMAC-SHA-1, six digits and steps of 30 s, which every app knows.

use totp_rs::{Builder, Totp};
use vutf_kernel::{Entropy, PortError, Secret, Timestamp};

/// Bytes of a secret: the 160 bits that RFC 4226 §4 recommends.
pub const SECRET_BYTES: usize = 20;
/// Seconds that a code is shown (RFC 6238 §5.2).
pub const STEP_SECONDS: u64 = 30;
const DIGITS: u8 = 6;
/// Steps before and after the present one whose codes are taken (RFC 6238 §5.2: at most one).
const WINDOW: u16 = 1;

/// The secret that an app and this service share. It is never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotpSecret(Secret<[u8; SECRET_BYTES]>);

impl TotpSecret {
    /// A fresh one.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(Secret::new(entropy.bytes()))
    }

    /// From its Base32 form (RFC 4648 §6, without padding); `None` when it is not one of 160 bits.
    pub fn from_base32(text: &str) -> Option<Self> {
        let parsed = totp_rs::Secret::try_from_base32(text).ok()?;
        let bytes: [u8; SECRET_BYTES] = parsed.as_bytes().try_into().ok()?;
        Some(Self(Secret::new(bytes)))
    }

    /// As it is typed into an app that reads no QR code, and as a store seals it.
    pub fn to_base32(&self) -> Secret<String> {
        Secret::new(totp_rs::Secret::new_stack(*self.0.expose()).to_base32())
    }

    /// What an app shows at `at`.
    pub fn code(&self, at: Timestamp) -> Secret<String> {
        Secret::new(
            self.parameters()
                .build_noncompliant()
                .generate(seconds(at))
                .to_string(),
        )
    }

    /// The step whose code `code` is, at `now` or one step beside it. Each comparison takes constant time.
    pub fn matching_step(&self, code: &Secret<String>, now: Timestamp) -> Option<i64> {
        let totp = self.parameters().build_noncompliant();
        let step = totp.check(code.expose(), seconds(now))?;
        i64::try_from(step).ok()
    }

    /// The `otpauth://` URI that an app reads from a QR code.
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> Result<Secret<String>, PortError> {
        let failed = |error| PortError::other("totp.uri", error);
        let named: Totp = self
            .parameters()
            .with_issuer(Some(label(issuer)))
            .with_account_name(label(account))
            .build()
            .map_err(failed)?;
        named.to_url().map(Secret::new).map_err(failed)
    }

    fn parameters(&self) -> Builder {
        Builder::new()
            .with_secret(totp_rs::Secret::new_stack(*self.0.expose()))
            .with_digits(DIGITS)
            .with_skew(WINDOW)
            .with_step_duration(STEP_SECONDS)
    }
}

/// Whole seconds since the epoch; RFC 6238 knows no time before it.
fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_secs()).unwrap_or(0)
}

/// The URI separates issuer and account by a colon.
fn label(text: &str) -> String {
    text.replace(':', " ")
}

/// Who issues, as an app shows it: the host of the issuer's URL.
pub(crate) fn issuer_name(issuer: &str) -> &str {
    let host = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let end = host.find(['/', ':']).unwrap_or(host.len());
    host.get(..end).filter(|name| !name.is_empty()).unwrap_or(issuer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vutf_kernel::OsEntropy;

    use super::*;

    /// The secret of both documents.
    fn documented() -> TotpSecret {
        TotpSecret(Secret::new(*b"12345678901234567890"))
    }
    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }
    fn typed(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn rfc_4226_appendix_d() {
        let table = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (count, code) in (0_i64..).zip(table) {
            assert_eq!(documented().code(at(count * 30)).expose(), code, "{count}");
            assert_eq!(documented().code(at(count * 30 + 29)).expose(), code, "{count}");
        }
    }

    /// The column for SHA-1. Its codes have eight digits; ours are the last six of them.
    #[test]
    fn rfc_6238_appendix_b() {
        let table = [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ];
        for (time, code) in table {
            let eight = documented().parameters().with_digits(8).build_noncompliant();
            assert_eq!(eight.generate(time).to_string(), code);
            let now = at(i64::try_from(time).unwrap());
            assert_eq!(documented().code(now).expose(), &code[2..]);
            let step = documented().matching_step(&typed(&code[2..]), now);
            assert_eq!(step, Some(i64::try_from(time / 30).unwrap()));
        }
    }

    #[test]
    fn one_step_beside_the_present_one_is_taken_and_no_other() {
        let (secret, now) = (documented(), at(1_234_567_890));
        for (away, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let then = at(1_234_567_890 + away * 30);
            let step = secret.matching_step(&secret.code(then), now);
            assert_eq!(step, taken.then_some(1_234_567_890 / 30 + away), "{away}");
        }
    }

    #[test]
    fn a_secret_is_read_as_it_is_written_and_its_uri_names_everything() {
        let secret = TotpSecret::generate(&mut OsEntropy);
        let text = secret.to_base32();
        assert_eq!(text.expose().len(), 32);
        assert_eq!(TotpSecret::from_base32(text.expose()), Some(secret.clone()));
        assert_eq!(TotpSecret::from_base32("GEZDGNBVGY3TQOJQ"), None, "80 bits");
        assert_eq!(TotpSecret::from_base32("no base32!"), None);
        let uri = secret.otpauth_uri("id.example.org", "ada").unwrap();
        let uri = uri.expose();
        assert!(uri.starts_with("otpauth://totp/id.example.org:ada?"), "{uri}");
        assert!(
            uri.contains(text.expose()) && uri.contains("issuer=id.example.org"),
            "{uri}"
        );
        assert!(!format!("{secret:?}").contains(text.expose()));
    }

    #[test]
    fn an_issuer_is_shown_by_its_host() {
        for (issuer, shown) in [
            ("https://id.example.org", "id.example.org"),
            ("https://id.example.org:8443/path", "id.example.org"),
            ("violentutf", "violentutf"),
            ("https://", "https://"),
        ] {
            assert_eq!(issuer_name(issuer), shown);
        }
        assert!(documented().otpauth_uri("a:b", "c:d").is_ok());
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_panics(code in ".{0,12}", micros in any::<i64>()) {
            let now = Timestamp::from_micros(micros);
            if let Some(step) = documented().matching_step(&Secret::new(code), now) {
                prop_assert!((step - now.as_secs().max(0) / 30).abs() <= 1);
            }
        }
    }
}
