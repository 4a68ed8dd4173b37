//! scrypt (RFC 7914): as a PHC string, which is passlib's way, too, and as Django writes it.

use scrypt::{Params, scrypt};
use subtle::ConstantTimeEq;
use vutf_kernel::{PortError, Secret};

use super::{HashFormatError, text};

pub(super) const NAME: &str = "scrypt";
/// N × r blocks of 128 bytes: 128 MiB.
const MAX_BLOCKS: u64 = 1 << 20;
/// N × r × p: four times what OWASP asks for.
const MAX_WORK: u64 = 1 << 22;

pub(in crate::password) struct Scrypt {
    params: Params,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl Scrypt {
    /// `None`: it is of another kind.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, HashFormatError> {
        let read = match (text.strip_prefix("$scrypt$"), text.strip_prefix("scrypt$")) {
            (Some(rest), _) => Self::phc(rest),
            (None, Some(rest)) => Self::django(rest),
            (None, None) => return Ok(None),
        };
        read.map(Some)
    }

    /// `ln=16,r=8,p=1$salt$tag`
    fn phc(rest: &str) -> Result<Self, HashFormatError> {
        let malformed = HashFormatError::Malformed(NAME);
        let parts: Vec<&str> = rest.split('$').collect();
        let [cost, salt, tag] = parts[..] else {
            return Err(malformed);
        };
        let value = |name| {
            text::parameter(cost, name)
                .and_then(text::number::<u32>)
                .ok_or(malformed)
        };
        let params = bounded(value("ln")?, value("r")?, value("p")?)?;
        Ok(Self {
            params,
            salt: text::salt(salt).ok_or(malformed)?,
            tag: text::tag(tag).ok_or(malformed)?,
        })
    }

    /// `16384$salt$8$5$tag`
    fn django(rest: &str) -> Result<Self, HashFormatError> {
        let malformed = HashFormatError::Malformed(NAME);
        let parts: Vec<&str> = rest.split('$').collect();
        let [n, salt, r, p, tag] = parts[..] else {
            return Err(malformed);
        };
        let value = |text| text::number::<u32>(text).ok_or(malformed);
        let n = value(n)?;
        if !n.is_power_of_two() {
            return Err(malformed);
        }
        let params = bounded(n.ilog2(), value(r)?, value(p)?)?;
        Ok(Self {
            params,
            salt: text::plain_salt(salt).ok_or(malformed)?,
            tag: text::tag(tag).ok_or(malformed)?,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, PortError> {
        let mut tag = vec![0; self.tag.len()];
        scrypt(password, &self.salt, &self.params, &mut tag)
            .map_err(|error| PortError::other("password.scrypt", error))?;
        Ok(Secret::new(tag).expose().ct_eq(&self.tag).into())
    }
}

fn bounded(log_n: u32, r: u32, p: u32) -> Result<Params, HashFormatError> {
    let malformed = HashFormatError::Malformed(NAME);
    if log_n == 0 || r == 0 || p == 0 {
        return Err(malformed);
    }
    let costly = HashFormatError::TooCostly("scrypt of at most 128 MiB, and N × r × p of at most 4194304");
    let blocks = 1_u64
        .checked_shl(log_n)
        .filter(|_| log_n < 32)
        .ok_or(costly)?
        .saturating_mul(r.into());
    if blocks > MAX_BLOCKS || blocks.saturating_mul(p.into()) > MAX_WORK {
        return Err(costly);
    }
    let log_n = u8::try_from(log_n).map_err(|_| costly)?;
    Params::new(log_n, r, p).map_err(|_| malformed)
}
