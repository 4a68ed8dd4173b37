//! Passkeys.

use async_trait::async_trait;
use vutf_kernel::{FactorId, Fault, OrganizationId, PortError, UserId};

use super::MemoryTx;
use crate::{
    passkey::{CredentialId, Passkey, PasskeyChallenge, PasskeyRepo},
    refresh::TokenHash,
};

fn theirs(passkey: &Passkey, organization: OrganizationId, user: UserId) -> bool {
    passkey.organization_id == organization && passkey.user_id == user
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

#[async_trait]
impl PasskeyRepo for MemoryTx {
    async fn insert(&mut self, passkey: &Passkey) -> Result<(), PortError> {
        let clash = self.state.passkeys.values().any(|known| {
            known.id == passkey.id
                || known.organization_id == passkey.organization_id
                    && known.credential_id == passkey.credential_id
                || known.user_id == passkey.user_id && known.public_key == passkey.public_key
        });
        if clash {
            let cause = "the credential or its key is known";
            return Err(PortError::new("passkeys.insert", Fault::Duplicate, cause));
        }
        self.write().passkeys.insert(passkey.id, passkey.clone());
        Ok(())
    }

    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<Passkey>, PortError> {
        let all = self.state.passkeys.values();
        Ok(all
            .filter(|known| theirs(known, organization, user))
            .cloned()
            .collect())
    }

    async fn count_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let all = self.state.passkeys.values();
        Ok(count(
            all.filter(|known| theirs(known, organization, user)).count(),
        ))
    }

    async fn find_credential(
        &mut self,
        organization: OrganizationId,
        id: &CredentialId,
    ) -> Result<Option<Passkey>, PortError> {
        let mut all = self.state.passkeys.values();
        let found = all.find(|known| known.organization_id == organization && known.credential_id == *id);
        Ok(found.cloned())
    }

    async fn note_use(&mut self, used: &Passkey) -> Result<bool, PortError> {
        let below = |known: &Passkey| {
            theirs(known, used.organization_id, used.user_id)
                && (known.sign_count < used.sign_count || known.sign_count == 0 && used.sign_count == 0)
        };
        if !self.state.passkeys.get(&used.id).is_some_and(below) {
            return Ok(false);
        }
        if let Some(known) = self.write().passkeys.get_mut(&used.id) {
            known.sign_count = used.sign_count;
            known.backup = used.backup;
            known.password_changed_at = used.password_changed_at;
            known.last_used_at = used.last_used_at;
        }
        Ok(true)
    }

    async fn rename(&mut self, passkey: &Passkey) -> Result<bool, PortError> {
        let known = self.write().passkeys.get_mut(&passkey.id);
        let known = known.filter(|known| theirs(known, passkey.organization_id, passkey.user_id));
        Ok(known
            .map(|known| {
                known.name = passkey.name.clone();
                known.stamps = passkey.stamps.clone();
            })
            .is_some())
    }

    async fn remove(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        id: FactorId,
    ) -> Result<bool, PortError> {
        let known = self.state.passkeys.get(&id);
        if !known.is_some_and(|known| theirs(known, organization, user)) {
            return Ok(false);
        }
        Ok(self.write().passkeys.remove(&id).is_some())
    }

    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let state = self.write();
        let before = state.passkeys.len();
        state
            .passkeys
            .retain(|_, known| !theirs(known, organization, user));
        state.ceremonies.retain(|_, known| {
            known.organization_id != organization || known.session.is_none_or(|(whose, _)| whose != user)
        });
        Ok(count(before - state.passkeys.len()))
    }

    async fn open_challenge(&mut self, challenge: &PasskeyChallenge) -> Result<(), PortError> {
        self.write().ceremonies.insert(challenge.hash, challenge.clone());
        Ok(())
    }

    async fn take_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<PasskeyChallenge>, PortError> {
        let known = self.state.ceremonies.get(hash);
        if known.is_none_or(|known| known.organization_id != organization) {
            return Ok(None);
        }
        Ok(self.write().ceremonies.remove(hash))
    }
}
