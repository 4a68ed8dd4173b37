//! What waits to be sent: under the key of the person whose it is; of a request, whose person nobody knows yet, under the table's.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use vutf_identity::{
    link::LinkPurpose,
    mail::{Letter, MailKind, MailRepo},
};
use vutf_kernel::{MailId, OrganizationId, PortError, Secret, Timestamp, UserId};

use super::reader::place;
use crate::{
    encrypted::MailContent,
    entity::mail_outbox::{ActiveModel, Column, Entity},
    error::port,
    sealed::Under,
    subjects::Holder,
    tx::Tx,
};

#[async_trait]
impl MailRepo for Tx {
    async fn push(&mut self, letter: &Letter) -> Result<(), PortError> {
        let Some(content) = &letter.content else {
            return Err(PortError::other("mail_outbox.push", "a letter that says nothing"));
        };
        let holder = match letter.user_id {
            Some(user) => self.holder(letter.organization_id, user).await?,
            None => Holder::Stranger,
        };
        let under = match &holder {
            Holder::Key(key) => Under::Person(key),
            Holder::Stranger => Under::Table,
            // Nobody is written to who was erased.
            Holder::Erased => return Ok(()),
        };
        // The kind is sealed, too: it decides what the token is presented as.
        let text = MailContent(Secret::new(format!(
            "{}\n{}",
            letter.kind.as_str(),
            content.text().expose()
        )));
        let sealed =
            place(&self.keyring, letter).seal(Column::ContentCt, &text, under, &mut *self.entropy)?;
        let row = ActiveModel {
            id: Set(letter.id.as_uuid()),
            organization_id: Set(letter.organization_id.as_uuid()),
            user_id: Set(letter.user_id.map(|user| user.as_uuid())),
            kind: Set(letter.kind.as_str().to_owned()),
            request_id: Set(letter.request_id.as_str().to_owned()),
            content_ct: Set(sealed),
            attempts: Set(letter.attempts.into()),
            due_at: Set(letter.due_at.as_micros()),
            expires_at: Set(letter.expires_at.as_micros()),
            created_at: Set(letter.created_at.as_micros()),
        };
        Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("mail_outbox.push"))
    }

    async fn requests(&mut self) -> Result<u64, PortError> {
        let requests = MailKind::ALL.iter().filter(|kind| kind.is_request());
        Entity::find()
            .filter(Column::Kind.is_in(requests.map(|kind| kind.as_str())))
            .count(&self.db)
            .await
            .map_err(port("mail_outbox.requests"))
    }

    async fn claim(&mut self, letter: &Letter, until: Timestamp) -> Result<bool, PortError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                due_at: Set(until.as_micros()),
                ..Default::default()
            })
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .filter(Column::Id.eq(letter.id.as_uuid()))
            .filter(Column::Attempts.eq(i64::from(letter.attempts)))
            .filter(Column::DueAt.eq(letter.due_at.as_micros()))
            .exec(&self.db)
            .await
            .map_err(port("mail_outbox.claim"))?;
        Ok(done.rows_affected == 1)
    }

    async fn postpone(&mut self, id: MailId, until: Timestamp) -> Result<(), PortError> {
        let change = ActiveModel {
            due_at: Set(until.as_micros()),
            ..Default::default()
        };
        Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(id.as_uuid()))
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(port("mail_outbox.postpone"))
    }

    async fn remove(&mut self, id: MailId) -> Result<bool, PortError> {
        Entity::delete_by_id(id.as_uuid())
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected == 1)
            .map_err(port("mail_outbox.remove"))
    }

    async fn recall(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        purposes: &[LinkPurpose],
    ) -> Result<u64, PortError> {
        let of_these = |kind: &&MailKind| kind.purpose().is_some_and(|purpose| purposes.contains(&purpose));
        let kinds = MailKind::ALL.iter().filter(of_these).map(|kind| kind.as_str());
        Entity::delete_many()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::Kind.is_in(kinds))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("mail_outbox.recall"))
    }

    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        Entity::delete_many()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("mail_outbox.remove_of"))
    }
}
