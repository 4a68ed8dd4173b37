//! Randomness as an argument.

/// A source of cryptographically secure random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` completely.
    fn fill(&mut self, buffer: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0_u8; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's generator.
///
/// When the operating system cannot give random bytes nothing here can be secure: the process ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one door to ambient randomness")]
    fn fill(&mut self, buffer: &mut [u8]) {
        if getrandom::fill(buffer).is_err() {
            std::process::abort();
        }
    }
}
