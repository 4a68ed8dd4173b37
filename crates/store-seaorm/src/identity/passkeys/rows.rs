//! Passkeys as rows. What lets somebody in is under the row's MAC; the name is sealed under its owner's own key.

use sea_orm::ActiveValue::Set;
use vutf_crypto_keys::{Keyring, SubjectKey, SubjectKeys};
use vutf_identity::passkey::{Backup, CredentialId, Passkey, Transport};
use vutf_kernel::{Entropy, FactorId, Fault, OrganizationId, PortError, Timestamp, UserId};

use super::instant;
use crate::{
    entity::passkeys::{ActiveModel, Column, Entity, Model},
    identity::{micros, set_stamps, stamps_of},
    row::corrupt,
    row_mac::{Authenticated as _, passkey::PasskeyRow},
    sealed::{Place, Under},
    subjects::Holder,
    tx::Tx,
};

impl Tx {
    /// The passkeys in `rows`, with one query for their owners' keys at most. Those of somebody who was erased, which stand here
    /// because older data was restored, are left out.
    pub(super) async fn passkeys_in(&self, rows: &[Model]) -> Result<Vec<Passkey>, PortError> {
        let ciphertexts = rows.iter().map(|row| row.name_ct.as_bytes()).collect();
        let keys = self.subject_keys(ciphertexts).await?;
        let found = rows.iter().map(|row| passkey(row, &self.keyring, &keys));
        found.filter_map(Result::transpose).collect()
    }
}

pub(super) fn place<'a>(keyring: &'a Keyring, passkey: &Passkey) -> Place<'a> {
    Place::of::<Entity>(
        keyring,
        passkey.organization_id,
        passkey.id.as_uuid(),
        passkey.user_id,
    )
}

/// The key under which a name is sealed.
pub(super) fn subject(holder: &Holder) -> Result<&SubjectKey, PortError> {
    let Holder::Key(subject) = holder else {
        let cause = "the owner has no key of their own";
        return Err(PortError::new("passkeys.seal", Fault::Stale, cause));
    };
    Ok(subject)
}

pub(super) fn mac(keyring: &Keyring, passkey: &Passkey) -> Result<Vec<u8>, PortError> {
    authenticated(passkey).mac(keyring)
}

fn authenticated(passkey: &Passkey) -> PasskeyRow<'_> {
    PasskeyRow {
        organization: passkey.organization_id.as_uuid(),
        id: passkey.id.as_uuid(),
        user: passkey.user_id.as_uuid(),
        credential_id: passkey.credential_id.as_bytes(),
        public_key: &passkey.public_key,
        sign_count: passkey.sign_count,
        backup: (passkey.backup.eligible, passkey.backup.present),
        password_changed_at: passkey.password_changed_at.map(Timestamp::as_micros),
    }
}

pub(super) fn row(
    passkey: &Passkey,
    keyring: &Keyring,
    holder: &Holder,
    entropy: &mut dyn Entropy,
) -> Result<ActiveModel, PortError> {
    let under = Under::Person(subject(holder)?);
    let transports: Vec<&str> = passkey.transports.iter().map(|one| one.as_str()).collect();
    let mut row = ActiveModel {
        id: Set(passkey.id.as_uuid()),
        organization_id: Set(passkey.organization_id.as_uuid()),
        user_id: Set(passkey.user_id.as_uuid()),
        credential_id: Set(passkey.credential_id.as_bytes().to_vec()),
        public_key: Set(passkey.public_key.clone()),
        name_ct: Set(place(keyring, passkey).seal(Column::NameCt, &passkey.name, under, entropy)?),
        transports: Set(transports.join(" ")),
        sign_count: Set(i64::from(passkey.sign_count)),
        backup_eligible: Set(passkey.backup.eligible),
        backed_up: Set(passkey.backup.present),
        password_changed_at: micros(passkey.password_changed_at),
        last_used_at: micros(passkey.last_used_at),
        row_mac: Set(Some(mac(keyring, passkey)?)),
        ..Default::default()
    };
    set_stamps!(row, &passkey.stamps);
    Ok(row)
}

/// The passkey; `None` when its owner's key was destroyed.
fn passkey(row: &Model, keyring: &Keyring, keys: &SubjectKeys) -> Result<Option<Passkey>, PortError> {
    let wrong = |column, problem: &'static str| corrupt("passkeys", column, row.id, problem);
    let (organization_id, user_id) = (
        OrganizationId::from_uuid(row.organization_id),
        UserId::from_uuid(row.user_id),
    );
    let place = Place::of::<Entity>(keyring, organization_id, row.id, user_id);
    let Some(name) = place.open(Column::NameCt, keys, &row.name_ct)? else {
        return Ok(None);
    };
    let words = row.transports.split_whitespace();
    let sign_count = u32::try_from(row.sign_count).map_err(|_| wrong("sign_count", "not a counter"))?;
    let passkey = Passkey {
        id: FactorId::from_uuid(row.id),
        organization_id,
        user_id,
        credential_id: CredentialId::new(row.credential_id.clone())
            .ok_or_else(|| wrong("credential_id", "not an id"))?,
        public_key: row.public_key.clone(),
        name,
        transports: words.filter_map(Transport::parse).collect(),
        sign_count,
        backup: Backup {
            eligible: row.backup_eligible,
            present: row.backed_up,
        },
        password_changed_at: instant(row.password_changed_at),
        last_used_at: instant(row.last_used_at),
        stamps: stamps_of!(row),
    };
    authenticated(&passkey).verify(keyring, row.row_mac.as_deref())?;
    Ok(Some(passkey))
}
