//! What stands for a colleague in what a person sees of the log.

use uuid::Uuid;
use vutf_audit::own::reference_message;
use vutf_crypto_keys::Keyring;
use vutf_kernel::{Ctx, OrganizationId, UserId};

use super::problem::Problem;

/// Name of the key. A reference lasts as long as its version: after a rotation the same colleague has another one.
pub(super) const KEY: &str = "colleague-reference";

/// Letters that are not mistaken for one another (Crockford), in lower case.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 60 bits: among a million colleagues two share a reference with a chance of one in two million.
const LENGTH: usize = 12;

/// The references that one person sees.
pub(super) struct References<'a> {
    keyring: &'a Keyring,
    organization_id: OrganizationId,
    person: Option<UserId>,
}

impl<'a> References<'a> {
    /// For `ctx`'s user.
    pub(super) fn of(keyring: &'a Keyring, ctx: &Ctx) -> Self {
        Self {
            keyring,
            organization_id: ctx.organization_id,
            person: ctx.actor.user_id(),
        }
    }

    /// What stands for `actor`.
    pub(super) fn to(&self, actor: Uuid) -> Result<String, Problem> {
        let person = self
            .person
            .ok_or_else(|| Problem::internal("a reference for nobody"))?;
        let tag = self
            .keyring
            .mac(self.organization_id, KEY, &reference_message(person, actor))
            .map_err(|error| Problem::port(&error.into_port("reference.make")))?;
        Ok(letters(&tag))
    }
}

fn letters(tag: &[u8; 32]) -> String {
    let (head, _) = tag.split_at(8);
    let number = head
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let letter = |place: usize| {
        let five = (number >> (59 - 5 * place)) & 0x1F;
        char::from(LETTERS[usize::try_from(five).unwrap_or_default()])
    };
    (0..LENGTH).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_the_beginning_of_the_tag() {
        let mut tag = [0; 32];
        assert_eq!(letters(&tag), "000000000000");
        tag[0] = 0b1111_1000;
        tag[7] = 0b0001_0000;
        assert_eq!(letters(&tag), "z00000000001");
        assert_eq!(letters(&[0xFF; 32]), "zzzzzzzzzzzz");
    }
}
