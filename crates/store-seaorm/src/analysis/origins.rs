//! Where events came from, as tags: the sealed parts are opened, hashed under a key of the tenant, and forgotten.

use async_trait::async_trait;
use vutf_audit::{
    LogEntry, SealedPart, StoredIntake,
    analysis::{OriginReader, OriginTag, network_of},
};
use vutf_crypto_keys::SubjectKeys;
use vutf_kernel::{Fault, OrganizationId, PortError, UserId};
use zeroize::Zeroizing;

use crate::{SeaStore, audit::place, purposes::ANALYSIS};

const ADDRESS: &str = "source_ip";
const AGENT: &str = "user_agent";

#[async_trait]
impl OriginReader for SeaStore {
    async fn origins(&self, entries: &[&LogEntry]) -> Result<Vec<OriginTag>, PortError> {
        match self.tags(entries, false).await {
            // Another replica may have made the key. One that is not there after a look is not there any more.
            Err(error) if error.fault == Fault::KeyNotLoaded => {
                self.retry_after(1, &error).await;
                self.tags(entries, true).await
            }
            done => done,
        }
    }
}

impl SeaStore {
    async fn tags(&self, entries: &[&LogEntry], was_reloaded: bool) -> Result<Vec<OriginTag>, PortError> {
        let parts = entries.iter().filter_map(|entry| entry.intake.as_ref());
        let wanted = parts
            .flat_map(|intake| &intake.parts)
            .filter(|part| is_wanted(part));
        let ciphertexts = wanted.map(|part| part.ciphertext.as_slice()).collect();
        let keys = self.keys_named_by(ciphertexts).await?;
        let tag = |entry: &&LogEntry| match &entry.intake {
            Some(intake) => self.tag(intake, &keys, was_reloaded),
            None => Ok(OriginTag::default()),
        };
        entries.iter().map(tag).collect()
    }

    fn tag(
        &self,
        intake: &StoredIntake,
        keys: &SubjectKeys,
        was_reloaded: bool,
    ) -> Result<OriginTag, PortError> {
        let open = |name: &str| -> Result<Option<Zeroizing<String>>, PortError> {
            let Some(part) = intake.parts.iter().find(|part| part.name == name) else {
                return Ok(None);
            };
            let actor = intake.actor_id.map(UserId::from_uuid);
            let place = place(
                &self.inner.keyring,
                intake.organization_id,
                intake.id.as_uuid(),
                actor,
            );
            match place.open_text("parts", &part.name, keys, &part.ciphertext) {
                Ok(text) => Ok(text.map(Zeroizing::new)),
                // What was tampered with is for the verifier to tell, and what has no key any more cannot be waited for.
                Err(error) if error.fault == Fault::Other => Ok(None),
                Err(error) if error.fault == Fault::KeyNotLoaded && was_reloaded => Ok(None),
                Err(error) => Err(error),
            }
        };
        let network = open(ADDRESS)?.and_then(|address| network_of(&address));
        let agent = open(AGENT)?;
        let organization = intake.organization_id;
        Ok(OriginTag {
            network: network
                .map(|network| self.hashed(organization, b"network", network.as_bytes()))
                .transpose()?,
            device: agent
                .map(|agent| self.hashed(organization, b"device", agent.as_bytes()))
                .transpose()?,
        })
    }

    fn hashed(&self, organization: OrganizationId, kind: &[u8], text: &[u8]) -> Result<[u8; 16], PortError> {
        let message = [b"vutf/analysis/", kind, b"/v1\0", text].concat();
        let mac = self
            .inner
            .keyring
            .mac(organization, ANALYSIS, &message)
            .map_err(|error| error.into_port("analysis.tag"))?;
        let mut tag = [0; 16];
        tag.copy_from_slice(&mac[..16]);
        Ok(tag)
    }
}

fn is_wanted(part: &SealedPart) -> bool {
    [ADDRESS, AGENT].contains(&part.name.as_str())
}
