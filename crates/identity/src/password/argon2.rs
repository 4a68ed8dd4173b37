//! Argon2id (RFC 9106) over PHC strings, with memory that is used again: fresh pages cost as much as a pass over them.

use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash::phc::PasswordHash};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use subtle::ConstantTimeEq;
use vutf_kernel::{PortError, Secret};

use super::{
    Verification,
    foreign::{HashFormatError, StoredHash},
    policy::{MAX_BYTES, normalized},
};

/// Length of the tag, RFC 9106 §4.
const TAG: usize = 32;
/// Length of the salt, RFC 9106 §3.1.
const SALT: usize = 16;
const ZERO: Block = Block::new();

/// Cost of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
}

/// Parameters that are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// Weaker than OWASP ASVS 5.0, appendix C, allows.
    #[error("use at least 47104 KiB with 1 pass, 19456 KiB with 2, 12288 KiB with 3 or more")]
    TooWeak,
    /// More than this service will spend on one hash.
    #[error("use at most 1048576 KiB, 16 lanes, and 4194304 KiB times passes")]
    TooCostly,
}

impl Default for Argon2Params {
    /// 64 MiB, 3 passes, 1 lane: RFC 9106 §4, second recommendation, with one lane.
    fn default() -> Self {
        Self {
            memory_kib: 65_536,
            iterations: 3,
            parallelism: 1,
        }
    }
}

impl Argon2Params {
    /// Parameters for new hashes: memory in KiB, passes, lanes. The floor is OWASP ASVS 5.0, appendix C.
    pub fn new(memory_kib: u32, iterations: u32, parallelism: u32) -> Result<Self, ParamsError> {
        let floor = match iterations {
            0 => u32::MAX,
            1 => 47_104,
            2 => 19_456,
            _ => 12_288,
        };
        if memory_kib < floor {
            return Err(ParamsError::TooWeak);
        }
        Self::bounded(memory_kib, iterations, parallelism).ok_or(ParamsError::TooCostly)
    }
    /// The cheapest parameters that are accepted: 12 MiB, 3 passes. For tests and small devices.
    pub fn floor() -> Self {
        Self {
            memory_kib: 12_288,
            iterations: 3,
            parallelism: 1,
        }
    }
    /// Memory in KiB.
    pub fn memory_kib(&self) -> u32 {
        self.memory_kib
    }
    /// Passes over the memory.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }
    /// Lanes.
    pub fn parallelism(&self) -> u32 {
        self.parallelism
    }

    /// Bounds what a stored row can make the service spend; weak but honest parameters of an older row pass.
    fn bounded(memory_kib: u32, iterations: u32, parallelism: u32) -> Option<Self> {
        let work = u64::from(memory_kib) * u64::from(iterations);
        let fits = (1..=16).contains(&parallelism)
            && iterations >= 1
            && memory_kib <= 1_048_576
            && memory_kib >= 8 * parallelism
            && work <= 4_194_304;
        fits.then_some(Self {
            memory_kib,
            iterations,
            parallelism,
        })
    }

    /// What new hashes are made of.
    fn todays(self) -> Cost {
        Cost {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: self,
            length: TAG,
        }
    }
}

/// What a tag costs, and what it is.
#[derive(Clone, Copy, PartialEq)]
struct Cost {
    algorithm: Algorithm,
    version: Version,
    params: Argon2Params,
    length: usize,
}

impl Cost {
    fn argon2(&self) -> Result<Argon2<'static>, argon2::Error> {
        let Argon2Params {
            memory_kib,
            iterations,
            parallelism,
        } = self.params;
        let params = Params::new(memory_kib, iterations, parallelism, Some(self.length))?;
        Ok(Argon2::new(self.algorithm, self.version, params))
    }
}

/// A stored hash.
pub(super) struct Stored {
    cost: Cost,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl Stored {
    pub(super) fn scheme(&self) -> &'static str {
        match self.cost.algorithm {
            Algorithm::Argon2d => "argon2d",
            Algorithm::Argon2i => "argon2i",
            Algorithm::Argon2id => "argon2id",
        }
    }
}

/// Hashes and checks on the thread that calls; leaving the async workers is the hasher's business.
pub struct Argon2Scheme {
    params: Argon2Params,
    pool: Mutex<Vec<Vec<Block>>>,
    pooled: usize,
}

impl Argon2Scheme {
    /// New hashes take `params`; at most `pooled` buffers are kept between hashes.
    pub fn new(params: Argon2Params, pooled: usize) -> Self {
        Self {
            params,
            pool: Mutex::default(),
            pooled,
        }
    }
    /// Parameters of new hashes.
    pub fn params(&self) -> Argon2Params {
        self.params
    }
    /// A PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$tag`.
    pub fn hash(&self, password: &Secret<String>, salt: [u8; 16]) -> Result<Secret<String>, PortError> {
        let tag = self.tag(self.params.todays(), &normalized(password), &salt)?;
        let Argon2Params {
            memory_kib,
            iterations,
            parallelism,
        } = self.params;
        Ok(Secret::new(format!(
            "$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(tag.expose()),
        )))
    }
    /// Checks `password` against `phc` in time that depends on the stored parameters only. Without `phc`, and for a password that no
    /// policy would have let in, the same work is done and nothing matches.
    ///
    /// A hash that another system made is checked by its own rules; where it does not match, the work of one of ours is done
    /// besides, because where it matches one of ours is made.
    pub fn verify(
        &self,
        password: &Secret<String>,
        phc: Option<&Secret<String>>,
    ) -> Result<Verification, PortError> {
        let stored = match phc.map(|phc| StoredHash::parse(phc.expose())).transpose() {
            Ok(stored) => stored.unwrap_or_else(|| StoredHash::Argon2(self.dummy())),
            Err(error) => return Err(PortError::other("password.phc", error)),
        };
        let fits = password.expose().len() <= MAX_BYTES;
        let empty = Secret::new(String::new());
        let typed = if fits { password } else { &empty };
        let found = match stored {
            StoredHash::Argon2(stored) => self.check(typed, &stored)?,
            StoredHash::Other(stored) => {
                let matches = any_form(typed, |form| stored.matches(form.expose().as_bytes()))?;
                if matches.is_none() {
                    self.check(typed, &self.dummy())?;
                }
                Verification {
                    matches: matches.is_some(),
                    outdated: true,
                }
            }
        };
        Ok(Verification {
            matches: found.matches && fits && phc.is_some(),
            ..found
        })
    }
    /// Gives the kept buffers back to the system; worth a call when nobody has signed in for a while.
    pub fn release(&self) {
        self.buffers().clear();
    }

    /// Stands for an account that does not exist: today's parameters, a tag that nothing hashes to but by accident.
    fn dummy(&self) -> Stored {
        Stored {
            cost: self.params.todays(),
            salt: vec![0; SALT],
            tag: vec![0; TAG],
        }
    }

    fn check(&self, password: &Secret<String>, stored: &Stored) -> Result<Verification, PortError> {
        let form = any_form(password, |form| {
            let tag = self.tag(stored.cost, form, &stored.salt)?;
            Ok(tag.expose().ct_eq(&stored.tag).into())
        })?;
        let todays = stored.cost == self.params.todays() && stored.salt.len() == SALT;
        Ok(Verification {
            matches: form.is_some(),
            outdated: !todays || form == Some(Form::AsTyped),
        })
    }

    fn tag(&self, cost: Cost, password: &Secret<String>, salt: &[u8]) -> Result<Secret<Vec<u8>>, PortError> {
        let argon2 = cost
            .argon2()
            .map_err(|error| PortError::other("password.argon2", error))?;
        let mut memory = self.take(argon2.params().block_count())?;
        let mut tag = vec![0; cost.length];
        let done = argon2.hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            &mut tag,
            &mut memory[..],
        );
        self.give_back(memory);
        done.map_err(|error| PortError::other("password.argon2", error))?;
        Ok(Secret::new(tag))
    }

    fn take(&self, blocks: usize) -> Result<Vec<Block>, PortError> {
        let kept = {
            let mut pool = self.buffers();
            let at = pool.iter().position(|buffer| buffer.len() == blocks);
            at.map(|at| pool.swap_remove(at))
        };
        if let Some(buffer) = kept {
            return Ok(buffer);
        }
        let mut buffer = Vec::new();
        buffer
            .try_reserve_exact(blocks)
            .map_err(|error| PortError::other("password.memory", error))?;
        buffer.resize(blocks, ZERO);
        Ok(buffer)
    }

    /// What a hash left behind could be used to check guesses: it is overwritten before the buffer waits for the next one.
    fn give_back(&self, mut buffer: Vec<Block>) {
        buffer.fill(ZERO);
        let todays = |argon2: Argon2<'_>| argon2.params().block_count() == buffer.len();
        let worth_keeping = self.params.todays().argon2().is_ok_and(todays);
        let mut pool = self.buffers();
        if worth_keeping && pool.len() < self.pooled {
            pool.push(buffer);
        }
    }

    fn buffers(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In which form a password matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// NFC, in which our own hashes are made.
    Normal,
    /// As it was typed: other systems do not normalise.
    AsTyped,
}

/// Tries both forms, where they differ; which one matched.
fn any_form(
    password: &Secret<String>,
    mut matches: impl FnMut(&Secret<String>) -> Result<bool, PortError>,
) -> Result<Option<Form>, PortError> {
    let normal = normalized(password);
    if matches(&normal)? {
        return Ok(Some(Form::Normal));
    }
    let differs = normal != *password;
    Ok((differs && matches(password)?).then_some(Form::AsTyped))
}

/// Reads a PHC string of Argon2id or Argon2i, ours or of another system.
pub(super) fn parse(phc: &str) -> Result<Stored, HashFormatError> {
    let algorithm = match phc.split('$').nth(1) {
        Some("argon2id") => Algorithm::Argon2id,
        Some("argon2i") => Algorithm::Argon2i,
        _ => return Err(HashFormatError::Malformed("argon2id or argon2i")),
    };
    let malformed = HashFormatError::Malformed(algorithm.as_str());
    let hash = PasswordHash::new(phc).map_err(|_| malformed)?;
    let version = match hash.version {
        Some(19) => Version::V0x13,
        // What was made before there was a version does not name it.
        Some(16) | None => Version::V0x10,
        Some(_) => return Err(malformed),
    };
    // `keyid` and `data` are of no use without the key.
    if hash
        .params
        .iter()
        .any(|(name, _)| !matches!(name.as_str(), "m" | "t" | "p"))
    {
        return Err(malformed);
    }
    let number = |name: &str| hash.params.get_decimal(name).ok_or(malformed);
    let (memory, passes, lanes) = (number("m")?, number("t")?, number("p")?);
    if passes == 0 || lanes == 0 || u64::from(memory) < 8 * u64::from(lanes) {
        return Err(malformed);
    }
    let costly = HashFormatError::TooCostly("Argon2 of at most 1 GiB, 16 lanes, and 4 GiB times passes");
    let params = Argon2Params::bounded(memory, passes, lanes).ok_or(costly)?;
    let salt = hash.salt.as_ref().ok_or(malformed)?;
    let tag = hash.hash.as_ref().ok_or(malformed)?.as_bytes();
    if !(16..=64).contains(&tag.len()) {
        return Err(malformed);
    }
    Ok(Stored {
        cost: Cost {
            algorithm,
            version,
            params,
            length: tag.len(),
        },
        salt: salt.to_vec(),
        tag: tag.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_hash_verifies_and_another_password_does_not() {
        let scheme = Argon2Scheme::new(Argon2Params::floor(), 1);
        let phc = scheme.hash(&secret("correct horse"), [7; 16]).unwrap();
        assert!(phc.expose().starts_with("$argon2id$v=19$m=12288,t=3,p=1$"));
        assert!(
            scheme
                .verify(&secret("correct horse"), Some(&phc))
                .unwrap()
                .matches
        );
        assert!(
            !scheme
                .verify(&secret("correct hors"), Some(&phc))
                .unwrap()
                .matches
        );
        assert!(!scheme.verify(&secret("correct horse"), None).unwrap().matches);
        // The buffer was used five times and is the only one.
        assert_eq!(scheme.buffers().len(), 1);
        assert!(
            scheme.buffers()[0]
                .iter()
                .all(|block| block.as_ref().iter().all(|word| *word == 0))
        );
        scheme.release();
        assert!(scheme.buffers().is_empty());
    }

    #[test]
    fn agrees_with_the_reference_implementation() {
        // phc-winner-argon2 20190702: `echo -n password | ./argon2 somesalt -id -t 2 -m 16 -p 1` gives this tag.
        let params = Argon2Params::bounded(65_536, 2, 1).unwrap();
        let scheme = Argon2Scheme::new(params, 0);
        let tag = scheme
            .tag(params.todays(), &secret("password"), b"somesalt")
            .unwrap();
        let expected = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let tag = STANDARD_NO_PAD.encode(tag.expose());
        assert_eq!(tag, expected);
    }

    #[test]
    fn both_normal_forms_are_the_same_password() {
        let scheme = Argon2Scheme::new(Argon2Params::floor(), 1);
        let phc = scheme.hash(&secret("caf\u{e9}"), [1; 16]).unwrap();
        assert!(scheme.verify(&secret("cafe\u{301}"), Some(&phc)).unwrap().matches);
    }

    #[test]
    fn other_parameters_are_outdated() {
        let old = Argon2Scheme::new(Argon2Params::floor(), 1);
        let new = Argon2Scheme::new(Argon2Params::new(12_289, 3, 1).unwrap(), 1);
        let phc = old.hash(&secret("correct horse"), [7; 16]).unwrap();
        let found = new.verify(&secret("correct horse"), Some(&phc)).unwrap();
        assert!(found.matches && found.outdated);
    }

    #[test]
    fn floors_and_ceilings() {
        for (m, t, p) in [(47_103, 1, 1), (19_455, 2, 1), (12_287, 3, 1), (65_536, 0, 1)] {
            assert_eq!(
                Argon2Params::new(m, t, p),
                Err(ParamsError::TooWeak),
                "{m}/{t}/{p}"
            );
        }
        for (m, t, p) in [
            (1_048_577, 1, 1),
            (65_536, 65, 1),
            (65_536, 3, 17),
            (65_536, 3, 0),
        ] {
            assert_eq!(
                Argon2Params::new(m, t, p),
                Err(ParamsError::TooCostly),
                "{m}/{t}/{p}"
            );
        }
        assert_eq!(Argon2Params::new(65_536, 3, 1), Ok(Argon2Params::default()));
    }

    #[test]
    fn a_corrupt_row_cannot_ask_for_unbounded_memory() {
        let scheme = Argon2Scheme::new(Argon2Params::floor(), 1);
        let tag = STANDARD_NO_PAD.encode([0; TAG]);
        for params in [
            "m=4294967295,t=1,p=1",
            "m=65536,t=4294967295,p=1",
            "m=65536,t=3,p=99999",
            "m=1,t=1,p=1",
        ] {
            let phc = secret(&format!("$argon2id$v=19${params}$AAAAAAAAAAAAAAAAAAAAAA${tag}"));
            assert!(scheme.verify(&secret("x"), Some(&phc)).is_err(), "{params}");
        }
    }

    proptest! {
        #[test]
        fn reading_a_stored_hash_never_panics(text in "(\\$argon2id?)?(\\$v=1[0-9])?[$a-z0-9=,A-Z+/]{0,120}") {
            let _ = parse(&text);
        }
    }
}
