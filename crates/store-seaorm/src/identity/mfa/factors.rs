//! Authenticator apps.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use vutf_crypto_keys::{Keyring, SubjectKeys};
use vutf_identity::mfa::{TotpFactor, TotpSecret};
use vutf_kernel::{FactorId, OrganizationId, PortError, Timestamp, UserId};

use crate::{
    encrypted::TotpSeed,
    entity::totp_factors::{ActiveModel, Column, Entity, Model},
    error::port,
    identity::{micros, person, set_stamps, stamps_of},
    row::corrupt,
    row_mac::{Authenticated as _, Totp},
    sealed::{Place, Under},
    tx::Tx,
};

impl Tx {
    pub(super) async fn factor(
        &self,
        organization: OrganizationId,
        user: UserId,
        confirmed: bool,
    ) -> Result<Option<TotpFactor>, PortError> {
        let found = Entity::find()
            .filter(one_of(organization, user, confirmed))
            .one(&self.db)
            .await
            .map_err(port("totp_factors.find"))?;
        found.map(|row| factor(&row, &self.keyring)).transpose()
    }

    pub(super) async fn insert_factor(&mut self, factor: &TotpFactor) -> Result<(), PortError> {
        let seed = TotpSeed(factor.secret.to_base32());
        // Under the table's key, as a password: it goes with the row.
        let secret =
            place(&self.keyring, factor).seal(Column::SecretCt, &seed, Under::Table, &mut *self.entropy)?;
        let mut row = ActiveModel {
            id: Set(factor.id.as_uuid()),
            organization_id: Set(factor.organization_id.as_uuid()),
            user_id: Set(factor.user_id.as_uuid()),
            secret_ct: Set(secret),
            confirmed_at: micros(factor.confirmed_at),
            last_step: Set(factor.last_step),
            row_mac: Set(Some(mac(&self.keyring, factor)?)),
            ..Default::default()
        };
        set_stamps!(row, &factor.stamps);
        Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("totp_factors.insert"))
    }

    /// Whether the factor waits, and goes on to until the transaction ends.
    pub(super) async fn lock_pending(&self, factor: &TotpFactor) -> Result<bool, PortError> {
        let found = Entity::find_by_id(factor.id.as_uuid())
            .filter(one_of(factor.organization_id, factor.user_id, false))
            .lock_exclusive()
            .one(&self.db)
            .await
            .map_err(port("totp_factors.lock"))?;
        Ok(found.is_some())
    }

    /// The secret stays as it was sealed.
    pub(super) async fn confirm_factor(&mut self, factor: &TotpFactor) -> Result<bool, PortError> {
        let change = ActiveModel {
            confirmed_at: micros(factor.confirmed_at),
            ..moved(&self.keyring, factor, factor.stamps.updated_at)?
        };
        let waits = Column::ConfirmedAt.is_null();
        self.change_factor("totp_factors.confirm", factor, change, waits.into())
            .await
    }

    /// The MAC covers the step; nothing else of a confirmed row ever changes, so that both can be written without reading anew.
    pub(super) async fn move_step(
        &mut self,
        factor: &TotpFactor,
        step: i64,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let used = TotpFactor {
            last_step: step,
            ..factor.clone()
        };
        let change = moved(&self.keyring, &used, at)?;
        let unused = Condition::all()
            .add(Column::ConfirmedAt.is_not_null())
            .add(Column::LastStep.lt(step));
        self.change_factor("totp_factors.use_step", factor, change, unused)
            .await
    }

    async fn change_factor(
        &mut self,
        op: &'static str,
        factor: &TotpFactor,
        change: ActiveModel,
        condition: Condition,
    ) -> Result<bool, PortError> {
        let done = Entity::update_many()
            .set(change)
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.eq(factor.id.as_uuid()))
            .filter(Column::OrganizationId.eq(factor.organization_id.as_uuid()))
            .filter(condition)
            .exec(&self.db)
            .await
            .map_err(port(op))?;
        Ok(done.rows_affected == 1)
    }

    pub(super) async fn remove_factor(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        confirmed: bool,
    ) -> Result<u64, PortError> {
        Entity::delete_many()
            .filter(one_of(organization, user, confirmed))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("totp_factors.remove"))
    }
}

fn one_of(organization: OrganizationId, user: UserId, confirmed: bool) -> Condition {
    let state = if confirmed {
        Column::ConfirmedAt.is_not_null()
    } else {
        Column::ConfirmedAt.is_null()
    };
    Condition::all()
        .add(Column::UserId.eq(user.as_uuid()))
        .add(Column::OrganizationId.eq(organization.as_uuid()))
        .add(state)
}

/// What a use of a code writes.
fn moved(keyring: &Keyring, factor: &TotpFactor, at: Timestamp) -> Result<ActiveModel, PortError> {
    Ok(ActiveModel {
        last_step: Set(factor.last_step),
        row_mac: Set(Some(mac(keyring, factor)?)),
        updated_at: Set(at.as_micros()),
        updated_by: person(Some(factor.user_id)),
        ..Default::default()
    })
}

fn place<'a>(keyring: &'a Keyring, factor: &TotpFactor) -> Place<'a> {
    Place::of::<Entity>(
        keyring,
        factor.organization_id,
        factor.id.as_uuid(),
        factor.user_id,
    )
}

fn mac(keyring: &Keyring, factor: &TotpFactor) -> Result<Vec<u8>, PortError> {
    let secret = factor.secret.to_base32();
    authenticated(factor, secret.expose()).mac(keyring)
}

fn authenticated<'a>(factor: &TotpFactor, secret: &'a str) -> Totp<'a> {
    Totp {
        organization: factor.organization_id.as_uuid(),
        id: factor.id.as_uuid(),
        user: factor.user_id.as_uuid(),
        secret,
        confirmed_at: factor.confirmed_at.map(Timestamp::as_micros),
        last_step: factor.last_step,
    }
}

fn factor(row: &Model, keyring: &Keyring) -> Result<TotpFactor, PortError> {
    let (organization, user) = (
        OrganizationId::from_uuid(row.organization_id),
        UserId::from_uuid(row.user_id),
    );
    let place = Place::of::<Entity>(keyring, organization, row.id, user);
    let keys = SubjectKeys::default();
    let TotpSeed(seed) = place.require(Column::SecretCt, &keys, Some(&row.secret_ct))?;
    let secret = TotpSecret::from_base32(seed.expose());
    let factor = TotpFactor {
        id: FactorId::from_uuid(row.id),
        organization_id: organization,
        user_id: user,
        secret: secret.ok_or_else(|| corrupt("totp_factors", "secret_ct", row.id, "not a secret"))?,
        confirmed_at: row.confirmed_at.map(Timestamp::from_micros),
        last_step: row.last_step,
        stamps: stamps_of!(row),
    };
    authenticated(&factor, seed.expose()).verify(keyring, row.row_mac.as_deref())?;
    Ok(factor)
}
