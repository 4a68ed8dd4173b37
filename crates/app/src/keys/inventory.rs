//! What there is of cryptography, for an inventory.

use vutf_crypto_keys::{
    action::KEY_INVENTORY,
    inventory::{Inventory, KekAsset},
};
use vutf_identity::role::permission;
use vutf_kernel::{Ctx, Question, id::uuid_v7};

use super::{Keys, KeysError, require};

impl Keys<'_> {
    /// Every key of `ctx`'s organization, destroyed ones included, with the key-encryption keys above them. Persons' keys are
    /// not listed one by one: each would name a person.
    pub async fn inventory(&self, ctx: &Ctx) -> Result<Inventory, KeysError> {
        let done = self.take_inventory(ctx).await;
        self.audited(ctx, KEY_INVENTORY, KEY_INVENTORY.none(), done).await
    }

    async fn take_inventory(&self, ctx: &Ctx) -> Result<Inventory, KeysError> {
        require(ctx, &permission::KEYS_READ)?;
        self.reload().await?;
        let home = Some(ctx.organization_id);
        let serial = uuid_v7(self.ambient.clock(), &mut *self.ambient.entropy());
        let inventory = Inventory {
            serial,
            organization_id: ctx.organization_id,
            at: self.ambient.now(),
            keys: self.reader.list(home).await?,
            keysets: self.reader.keysets(home).await?,
            keks: KekAsset::of(self.wrapper),
        };
        let ids: Vec<_> = inventory.keys.iter().map(|key| key.id.as_uuid()).collect();
        self.record(ctx, KEY_INVENTORY, KEY_INVENTORY.none(), |event| {
            event.shows(&Question::all(KEY_INVENTORY), &ids)
        })
        .await?;
        Ok(inventory)
    }
}
