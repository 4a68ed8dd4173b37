//! What waits to be sent.

use async_trait::async_trait;
use vutf_kernel::{MailId, OrganizationId, PortError, RequestId, Secret, Timestamp, UserId};

use super::MailKind;
use crate::link::LinkPurpose;

/// A mail that waits to be sent, or a request for one.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Its id, and its `Message-ID`: however often it is sent, it is one mail.
    pub id: MailId,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Whose it is; of a request nobody knows yet.
    pub user_id: Option<UserId>,
    /// What it is about.
    pub kind: MailKind,
    /// The request that led to it.
    pub request_id: RequestId,
    /// What it says; `None` when the store cannot read it, because its person was erased or somebody changed it.
    pub content: Option<Content>,
    /// Attempts that were begun.
    pub attempts: u32,
    /// Not before this; while an attempt is under way, nobody else's before this.
    pub due_at: Timestamp,
    /// After this it is not sent any more.
    pub expires_at: Timestamp,
    /// When it was queued.
    pub created_at: Timestamp,
}

/// What a letter says. Personal and secret: it is sealed at rest.
#[derive(Clone, Debug)]
pub struct Content {
    /// The address, or what a request is about.
    pub to: Secret<String>,
    /// The token of the link.
    pub token: Option<Secret<String>>,
    /// The account's name.
    pub name: Option<Secret<String>>,
}

impl Content {
    /// As one text, for a store to seal. Neither a token nor a name has a line break.
    pub fn text(&self) -> Secret<String> {
        let line = |part: &Option<Secret<String>>| {
            part.as_ref().map_or("", |part| part.expose().as_str()).to_owned()
        };
        let (token, name) = (Secret::new(line(&self.token)), Secret::new(line(&self.name)));
        Secret::new(format!(
            "{}\n{}\n{}",
            token.expose(),
            name.expose(),
            self.to.expose()
        ))
    }
    /// Reads such a text.
    pub fn from_text(text: &Secret<String>) -> Option<Self> {
        let mut parts = text.expose().splitn(3, '\n');
        let (token, name, to) = (parts.next()?, parts.next()?, parts.next()?);
        let some = |part: &str| (!part.is_empty()).then(|| Secret::new(part.to_owned()));
        Some(Self {
            to: Secret::new(to.to_owned()),
            token: some(token),
            name: some(name),
        })
    }
}

/// The queue, within a transaction.
#[async_trait]
pub trait MailRepo: Send {
    /// Adds one.
    async fn push(&mut self, letter: &Letter) -> Result<(), PortError>;
    /// How many requests wait, in all tenants.
    async fn requests(&mut self) -> Result<u64, PortError>;
    /// Begins an attempt: nobody else's is begun before `until`. `true` for one caller, and only if the letter is as it was read.
    async fn claim(&mut self, letter: &Letter, until: Timestamp) -> Result<bool, PortError>;
    /// Puts the next attempt off.
    async fn postpone(&mut self, id: MailId, until: Timestamp) -> Result<(), PortError>;
    /// Removes one: `true` for one caller.
    async fn remove(&mut self, id: MailId) -> Result<bool, PortError>;
    /// Removes the user's letters whose links are of these purposes; how many.
    async fn recall(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        purposes: &[LinkPurpose],
    ) -> Result<u64, PortError>;
    /// Removes all of a user's; how many.
    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError>;
}

/// The queue, for whoever works on it. It belongs to the whole installation, not to a tenant.
#[async_trait]
pub trait MailReader: Send + Sync {
    /// What is due, the longest due first, at most `limit`.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Letter>, PortError>;
    /// How many wait, due or not.
    async fn waiting(&self) -> Result<u64, PortError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_read_as_it_is_written() {
        let secret = |text: &str| Secret::new(text.to_owned());
        for (to, token, name) in [
            ("ada@example.org", Some("t"), Some("ada")),
            ("ada@example.org", None, Some("ada")),
            ("two\nlines", Some("t"), None),
            ("", None, None),
        ] {
            let content = Content {
                to: secret(to),
                token: token.map(secret),
                name: name.map(secret),
            };
            let read = Content::from_text(&content.text()).unwrap();
            assert!(read.to == content.to && read.token == content.token && read.name == content.name);
        }
        assert!(Content::from_text(&secret("one\ntwo")).is_none());
    }
}
