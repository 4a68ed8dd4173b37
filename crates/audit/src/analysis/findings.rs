//! What people do with findings: look, take on, resolve.

use std::sync::Arc;

use vutf_kernel::{
    Action, Class, Ctx, Detail, Env, Event, Fault, FindingId, Outcome, Page, PageRequest, Permission,
    PortError, Resource, UseCaseError, transact,
};

use super::{
    Analysis, Finding, FindingFilter, Resolution, Status, StatusChange,
    action::{FINDING_ACKNOWLEDGE, FINDING_LIST, FINDING_READ, FINDING_RESOLVE, MANAGE},
};
use crate::access::PERMISSION;

/// Bytes of a note or a reason, at most.
pub const LONGEST_NOTE: usize = 200;

/// Why nothing is shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// The caller lacks a permission.
    #[error("this needs the permission {}", .0.as_str())]
    Denied(Permission),
    /// No such finding in the caller's tenant.
    #[error("there is no such finding")]
    NoFinding,
    /// There is no such rule.
    #[error("there is no such rule")]
    NoRule,
    /// A finding that stands so cannot be brought there.
    #[error("the finding is {0}")]
    Status(Status),
    /// Somebody else changed it at the same time.
    #[error("it was changed at the same time")]
    Meanwhile,
    /// It is no longer what the caller read.
    #[error("the rule was changed since it was read")]
    Stale,
    /// The caller must say what they read.
    #[error("say which version you read")]
    Precondition,
    /// A value is not acceptable.
    #[error("{pointer}: {detail}")]
    Invalid {
        /// Which, as a JSON pointer.
        pointer: String,
        /// A stable word.
        code: &'static str,
        /// What is acceptable.
        detail: String,
    },
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl AnalysisError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied(_) => Class::Forbidden,
            Self::NoFinding | Self::NoRule => Class::NotFound,
            Self::Status(_) | Self::Meanwhile => Class::Conflict,
            Self::Stale => Class::Stale,
            Self::Precondition => Class::PreconditionRequired,
            Self::Invalid { .. } => Class::Invalid,
            Self::Port(error) => error.class(),
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "permission_denied",
            Self::NoFinding => "finding_not_found",
            Self::NoRule => "rule_not_found",
            Self::Status(_) => "finding_status",
            Self::Meanwhile => "changed_meanwhile",
            Self::Stale => "stale_version",
            Self::Precondition => "precondition_required",
            Self::Invalid { .. } => "invalid_value",
            Self::Port(error) if error.class() == Class::Unavailable => "unavailable",
            Self::Port(_) => "internal",
        }
    }
    pub(super) fn invalid(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

impl UseCaseError for AnalysisError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            _ => None,
        }
    }
}

/// A text that a person wrote about a finding or a rule, and that stays in the log for good.
pub(super) fn note(pointer: &str, text: &str) -> Result<String, AnalysisError> {
    let text = text.trim();
    if (1..=LONGEST_NOTE).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let detail = format!("1 to {LONGEST_NOTE} bytes without control characters");
    Err(AnalysisError::invalid(pointer, "unfit_note", detail))
}

/// The findings of the caller's tenant that `filter` matches, whatever tenant it names; oldest first.
///
/// # Errors
/// The caller may not, which is an event; a port failed, that of the event included.
pub async fn list(
    ctx: &Ctx,
    analysis: Analysis<'_>,
    filter: FindingFilter,
    page: &PageRequest,
) -> Result<Page<Finding>, AnalysisError> {
    let resource = FINDING_LIST.none();
    analysis
        .admit(ctx, &PERMISSION, FINDING_LIST, resource.clone())
        .await?;
    let filter = FindingFilter {
        organization_id: ctx.organization_id,
        ..filter
    };
    let found = analysis.reader.findings(&filter, page).await?;
    let count = Detail::Number(i64::try_from(found.items.len()).unwrap_or(i64::MAX));
    let event = analysis.event(ctx, FINDING_LIST, resource, Outcome::Success);
    analysis.recorder.record(event.detail("count", count)).await?;
    Ok(found)
}

/// One finding of the caller's tenant.
///
/// # Errors
/// As those of [`list`], and [`AnalysisError::NoFinding`].
pub async fn view(ctx: &Ctx, analysis: Analysis<'_>, id: FindingId) -> Result<Finding, AnalysisError> {
    let resource = FINDING_READ.one(id.as_uuid());
    analysis
        .admit(ctx, &PERMISSION, FINDING_READ, resource.clone())
        .await?;
    let found = analysis.reader.finding(ctx.organization_id, id).await?;
    let found = found.ok_or(AnalysisError::NoFinding)?;
    let event = analysis.event(ctx, FINDING_READ, resource, Outcome::Success);
    analysis.recorder.record(event).await?;
    Ok(found)
}

/// Somebody takes a new finding on.
///
/// # Errors
/// As those of [`view`]; the note is too long; the finding is no longer new; it was changed at the same time.
pub async fn acknowledge(
    ctx: &Ctx,
    analysis: Analysis<'_>,
    id: FindingId,
    text: Option<&str>,
) -> Result<Finding, AnalysisError> {
    move_on(ctx, analysis, FINDING_ACKNOWLEDGE, id, Status::Acknowledged, text).await
}

/// A finding is dealt with, or was nothing.
///
/// # Errors
/// As those of [`acknowledge`]; the finding is closed already.
pub async fn resolve(
    ctx: &Ctx,
    analysis: Analysis<'_>,
    id: FindingId,
    resolution: Resolution,
    text: Option<&str>,
) -> Result<Finding, AnalysisError> {
    move_on(ctx, analysis, FINDING_RESOLVE, id, resolution.into(), text).await
}

async fn move_on(
    ctx: &Ctx,
    analysis: Analysis<'_>,
    action: Action,
    id: FindingId,
    to: Status,
    text: Option<&str>,
) -> Result<Finding, AnalysisError> {
    let resource = action.one(id.as_uuid());
    analysis.admit(ctx, &MANAGE, action, resource.clone()).await?;
    let text = text.map(|text| note("/note", text)).transpose()?;
    let command = Arc::new((ctx.clone(), text));
    let moved = transact(analysis.units, analysis.ambient, |unit, mut env| {
        let command = Arc::clone(&command);
        Box::pin(async move {
            let (ctx, text) = &*command;
            let found = unit.analysis().finding(ctx.organization_id, id).await?;
            let mut finding = found.ok_or(AnalysisError::NoFinding)?;
            let from = finding.status();
            if !from.admits(to) {
                return Err(AnalysisError::Status(from));
            }
            let mut event = Event::new(
                ctx,
                &mut env,
                action.name,
                action.one(id.as_uuid()),
                Outcome::Success,
            )
            .detail("from", Detail::Text(from.as_str().to_owned()))
            .detail("to", Detail::Text(to.as_str().to_owned()))
            .detail("rule", Detail::Text(finding.detection.rule.clone()));
            if let Some(text) = text {
                event = event.detail("note", Detail::Text(text.clone()));
            }
            let change = StatusChange {
                finding_id: id,
                organization_id: ctx.organization_id,
                number: u32::try_from(finding.changes.len())
                    .unwrap_or(u32::MAX)
                    .saturating_add(1),
                to,
                at: env.now(),
                by: ctx.actor.clone(),
                note: text.clone(),
                event_id: event.id,
            };
            unit.analysis().change(&change).await.map_err(|error| {
                if error.fault == Fault::Duplicate {
                    AnalysisError::Meanwhile
                } else {
                    error.into()
                }
            })?;
            unit.log().append(event).await?;
            finding.changes.push(change);
            Ok(finding)
        })
    })
    .await;
    analysis.audited(ctx, action, resource, moved).await
}

impl Analysis<'_> {
    pub(super) async fn admit(
        &self,
        ctx: &Ctx,
        permission: &Permission,
        action: Action,
        resource: Resource,
    ) -> Result<(), AnalysisError> {
        if ctx.may(permission) {
            return Ok(());
        }
        let denied = Err(AnalysisError::Denied(permission.clone()));
        self.audited(ctx, action, resource, denied).await
    }

    /// Writes a refusal to the log; its own transaction, if there was one, is rolled back. What is not there and what cannot be
    /// read is for the edge to write.
    pub(super) async fn audited<T: Send>(
        &self,
        ctx: &Ctx,
        action: Action,
        resource: Resource,
        done: Result<T, AnalysisError>,
    ) -> Result<T, AnalysisError> {
        if let Err(error) = &done
            && error.port().is_none()
            && matches!(error.class(), Class::Forbidden | Class::Conflict)
        {
            let event = self.event(ctx, action, resource, Outcome::refused(error.code()));
            self.recorder.record(event).await?;
        }
        done
    }

    pub(super) fn event(&self, ctx: &Ctx, action: Action, resource: Resource, outcome: Outcome) -> Event {
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        Event::new(ctx, &mut env, action.name, resource, outcome)
    }
}
