//! What is due, for whoever works on the queue. A row that cannot be read comes without its content, so that it is given up instead of
//! holding up what is behind it.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use vutf_crypto_keys::{Keyring, SubjectKeys};
use vutf_identity::mail::{Content, Letter, MailKind, MailReader};
use vutf_kernel::{Fault, MailId, OrganizationId, PortError, RequestId, Secret, Timestamp, UserId};

use crate::{
    SeaStore,
    encrypted::MailContent,
    entity::mail_outbox::{Column, Entity, Model},
    row::corrupt,
    sealed::Place,
};

const TABLE: &str = "mail_outbox";

#[async_trait]
impl MailReader for SeaStore {
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Letter>, PortError> {
        let query = Entity::find()
            .filter(Column::DueAt.lte(now.as_micros()))
            // Of any other nobody could say what is to become of it: it waits, and is seen in the gauge.
            .filter(Column::Kind.is_in(MailKind::ALL.iter().map(|kind| kind.as_str())))
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .limit(u64::from(limit));
        let rows = self
            .read("mail_outbox.due", async |db: &sea_orm::DatabaseConnection| {
                query.all(db).await
            })
            .await?;
        let ciphertexts = rows.iter().map(|row| row.content_ct.as_bytes()).collect();
        let keys = self.keys_named_by(ciphertexts).await?;
        rows.iter()
            .map(|row| letter(row, &self.inner.keyring, &keys))
            .collect()
    }

    async fn waiting(&self) -> Result<u64, PortError> {
        self.read("mail_outbox.waiting", async |db: &sea_orm::DatabaseConnection| {
            Entity::find().count(db).await
        })
        .await
    }
}

pub(super) fn place<'a>(keyring: &'a Keyring, letter: &Letter) -> Place<'a> {
    Place {
        keyring,
        organization: letter.organization_id,
        table: TABLE,
        row: letter.id.as_uuid(),
        subject: letter.user_id,
    }
}

fn letter(row: &Model, keyring: &Keyring, keys: &SubjectKeys) -> Result<Letter, PortError> {
    let broken = |column, problem| corrupt(TABLE, column, row.id, problem);
    let (request_id, attempts) = (RequestId::parse(&row.request_id), u32::try_from(row.attempts));
    let is_whole = request_id.is_some() && attempts.is_ok();
    let mut letter = Letter {
        id: MailId::from_uuid(row.id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        user_id: row.user_id.map(UserId::from_uuid),
        kind: MailKind::parse(&row.kind).ok_or_else(|| broken("kind", "not a known kind"))?,
        request_id: request_id.unwrap_or_else(|| RequestId::from_uuid(row.id)),
        content: None,
        attempts: attempts.unwrap_or(u32::MAX),
        due_at: Timestamp::from_micros(row.due_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        created_at: Timestamp::from_micros(row.created_at),
    };
    if !is_whole {
        tracing::error!(mail = %row.id, "a mail's row was changed; it is given up");
        return Ok(letter);
    }
    letter.content = match place(keyring, &letter).open(Column::ContentCt, keys, &row.content_ct) {
        Ok(Some(MailContent(text))) => content(&letter, &text),
        Ok(None) => None,
        Err(error) if error.fault == Fault::Other => {
            tracing::error!(error = %error.chain(), "a mail cannot be read; it is given up");
            None
        }
        Err(error) => return Err(error),
    };
    Ok(letter)
}

fn content(letter: &Letter, text: &Secret<String>) -> Option<Content> {
    let (kind, content) = text.expose().split_once('\n')?;
    (kind == letter.kind.as_str())
        .then(|| Content::from_text(&Secret::new(content.to_owned())))
        .flatten()
}
