//! "Who saw or changed my data": the log as the person sees it whom it is about.
//!
//! A person may know that, when and by what kind of actor their data was reached (GDPR, article 15; CJEU C-579/21), and not who
//! the colleague was who did it on duty: that colleague has rights, too. So a line names no other person. Whoever needs the name
//! asks those who hold the log, with the reference of the line.

use uuid::Uuid;
use vutf_kernel::{Actor, Ctx, Page, PageRequest, Question, UserId};

use crate::{
    Access, AccessError, ActorKind, EventFilter, Order,
    access::{OWN_PERMISSION, action, ids},
    timeline::{Line, Span},
};

/// Who it was, as the person is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The person.
    Oneself,
    /// Another user, to be shown by [`reference_message`] alone.
    Another(Uuid),
    /// Somebody on the machine.
    Operator,
    /// The service itself.
    Service,
    /// Somebody who had not proved who they are.
    Unknown,
}

/// One event that touched the person's data.
#[derive(Clone, Debug)]
pub struct OwnLine {
    /// Who it was.
    pub by: By,
    /// What happened. Only what is the person's own, or nobody's, may be shown of it: neither ids of other people nor of
    /// resources, nor requests.
    pub line: Line,
}

impl By {
    fn of(line: &Line, own: UserId) -> Self {
        match line.actor_id {
            Some(actor) if actor == own.as_uuid() => Self::Oneself,
            Some(actor) => Self::Another(actor),
            None if line.actor_kind == ActorKind::Operator.as_str() => Self::Operator,
            None if line.actor_kind == ActorKind::System.as_str() => Self::Service,
            None => Self::Unknown,
        }
    }
}

/// What a MAC is made over, so that it stands for `actor` in what `person` sees: the same colleague has the same reference in all
/// lines of one person, and another one in those of everybody else.
pub fn reference_message(person: UserId, actor: Uuid) -> Vec<u8> {
    [&b"vutf/who-saw-me/v1\0"[..], person.as_bytes(), actor.as_bytes()].concat()
}

/// The caller's part of the log: events that touched their data, newest first. To look is an event, and touches it again.
///
/// # Errors
/// The caller is nobody in a session, or may not, which is an event; a port failed, that of the event included.
pub async fn own(
    ctx: &Ctx,
    log: Access<'_>,
    span: &Span,
    page: &PageRequest,
) -> Result<Page<OwnLine>, AccessError> {
    let resource = action::OWN.none();
    let Actor::User { user_id, .. } = ctx.actor else {
        return log
            .refuse_as(ctx, action::OWN, resource, AccessError::NotSignedIn)
            .await;
    };
    if !ctx.may(&OWN_PERMISSION) {
        return log
            .refuse_as(ctx, action::OWN, resource, AccessError::Denied)
            .await;
    }
    let filter = EventFilter {
        subject: Some(user_id),
        from: span.from,
        until: span.until,
        order: Order::Descending,
        ..EventFilter::within(ctx.organization_id)
    };
    let found = log.reader.search(&filter, page).await?;
    let question = Question::all(action::OWN)
        .with("from", span.from)
        .with("until", span.until);
    let event = log
        .event(ctx, action::OWN, resource, &[user_id])
        .shows(&question, &ids(&found));
    log.recorder.record(event).await?;
    Ok(found.map(|record| {
        let line = Line::of(&record);
        OwnLine {
            by: By::of(&line, user_id),
            line,
        }
    }))
}
