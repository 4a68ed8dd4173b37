//! What people do with rules: look, switch, tune, silence. Each decision is an event that the engine heeds when it comes to it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use vutf_kernel::{
    Action, BoxFuture, Ctx, Detail, Env, Event, Fault, OrganizationId, Outcome, Timestamp, transact,
};

use super::{
    Analysis, AnalysisUnit, Rule, RuleSet, RuleSettings, Silence,
    action::{
        MANAGE, RULE_DISABLE, RULE_ENABLE, RULE_LIST, RULE_READ, RULE_SILENCE, RULE_UNSILENCE, RULE_UPDATE,
    },
    findings::{AnalysisError, note},
    settings::{assigned, tell},
};
use crate::access::PERMISSION;

/// The longest silence: what is to be silent for longer is to be tuned.
pub const LONGEST_SILENCE: Duration = Duration::from_hours(30 * 24);

/// A rule and what the caller's tenant decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleView {
    /// The rule.
    pub rule: Rule,
    /// What was decided.
    pub settings: RuleSettings,
}

impl RuleView {
    /// Whether it is evaluated.
    pub fn is_enabled(&self) -> bool {
        self.settings.is_enabled(&self.rule)
    }
    /// The parameters in force.
    pub fn parameters(&self) -> BTreeMap<String, i64> {
        self.rule.effective(&self.settings.overrides).0
    }
}

/// What is to be different; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleChange {
    /// The version that the caller read; 0 for a rule that nobody decided about.
    pub expected_version: Option<i64>,
    /// Whether it is evaluated.
    pub enabled: Option<bool>,
    /// Parameters; `None`: as the file says.
    pub parameters: BTreeMap<String, Option<i64>>,
}

/// Every rule, by id.
///
/// # Errors
/// The caller may not, which is an event; a port failed, that of the event included.
pub async fn list(ctx: &Ctx, analysis: Analysis<'_>) -> Result<Vec<RuleView>, AnalysisError> {
    analysis
        .admit(ctx, &PERMISSION, RULE_LIST, RULE_LIST.none())
        .await?;
    let mut decided: BTreeMap<String, RuleSettings> = BTreeMap::new();
    for settings in analysis.reader.rules(ctx.organization_id).await? {
        decided.insert(settings.rule.clone(), settings);
    }
    let views: Vec<RuleView> = analysis
        .rules
        .iter()
        .map(|rule| RuleView {
            settings: decided
                .remove(&rule.id)
                .unwrap_or_else(|| RuleSettings::undecided(ctx.organization_id, &rule.id)),
            rule: rule.clone(),
        })
        .collect();
    let count = Detail::Number(i64::try_from(views.len()).unwrap_or(i64::MAX));
    let event = analysis.event(ctx, RULE_LIST, RULE_LIST.none(), Outcome::Success);
    analysis.recorder.record(event.detail("count", count)).await?;
    Ok(views)
}

/// One rule.
///
/// # Errors
/// As those of [`list`], and [`AnalysisError::NoRule`].
pub async fn view(ctx: &Ctx, analysis: Analysis<'_>, id: &str) -> Result<RuleView, AnalysisError> {
    analysis
        .admit(ctx, &PERMISSION, RULE_READ, RULE_READ.none())
        .await?;
    let rule = analysis.rules.get(id).ok_or(AnalysisError::NoRule)?.clone();
    let decided = analysis.reader.rules(ctx.organization_id).await?;
    let settings = decided.into_iter().find(|settings| settings.rule == id);
    let event = analysis.event(ctx, RULE_READ, RULE_READ.none(), Outcome::Success);
    let event = event.detail("rule", Detail::Text(rule.id.clone()));
    analysis.recorder.record(event).await?;
    Ok(RuleView {
        settings: settings.unwrap_or_else(|| RuleSettings::undecided(ctx.organization_id, id)),
        rule,
    })
}

/// Switches a rule, or tunes it within its bounds. Switching is an event of its own name.
///
/// # Errors
/// As those of [`view`]; the caller says no version, or it is no longer the present one; a parameter is unknown or out of its
/// bounds; it was changed at the same time.
pub async fn update(
    ctx: &Ctx,
    analysis: Analysis<'_>,
    id: &str,
    change: RuleChange,
) -> Result<RuleView, AnalysisError> {
    let action = match change.enabled {
        Some(true) => RULE_ENABLE,
        Some(false) => RULE_DISABLE,
        None => RULE_UPDATE,
    };
    let rule = known(ctx, analysis, action, id).await?;
    let expected = change.expected_version.ok_or(AnalysisError::Precondition)?;
    check(&rule, &change)?;
    let command = Arc::new((rule.clone(), change));
    decide(
        ctx,
        analysis,
        action,
        &rule,
        Some(expected),
        move |before, _now| {
            let (rule, change) = &*command;
            let mut after = before.clone();
            for (name, value) in &change.parameters {
                match value {
                    Some(value) => after.overrides.insert(name.clone(), *value),
                    None => after.overrides.remove(name),
                };
            }
            after.enabled = change.enabled.or(before.enabled);
            let mut told = Vec::new();
            if let Some(enabled) = change.enabled {
                let action = if enabled { RULE_ENABLE } else { RULE_DISABLE };
                told.push(Told {
                    action,
                    before: vec![format!("enabled={}", before.is_enabled(rule))],
                    after: vec![format!("enabled={enabled}")],
                });
            }
            let values = |settings: &RuleSettings| {
                let mut in_force = rule.effective(&settings.overrides).0;
                in_force.retain(|name, _| change.parameters.contains_key(name));
                in_force.iter().map(assigned).collect()
            };
            told.push(Told {
                action: RULE_UPDATE,
                before: values(before),
                after: values(&after),
            });
            (after, told)
        },
    )
    .await
}

/// Nobody is told of what the rule finds, until then; it goes on finding.
///
/// # Errors
/// As those of [`view`]; the reason is too long, or `until` is not within 30 days; it was changed at the same time.
pub async fn silence(
    ctx: &Ctx,
    analysis: Analysis<'_>,
    id: &str,
    until: Timestamp,
    reason: &str,
) -> Result<RuleView, AnalysisError> {
    let rule = known(ctx, analysis, RULE_SILENCE, id).await?;
    let reason = check_silence(analysis.ambient.now(), until, reason)?;
    decide(ctx, analysis, RULE_SILENCE, &rule, None, move |before, now| {
        silent(before, now, until, &reason)
    })
    .await
}

fn silent(before: &RuleSettings, now: Timestamp, until: Timestamp, reason: &str) -> Changed {
    let after = RuleSettings {
        silence: Some(Silence {
            until,
            reason: reason.to_owned(),
        }),
        ..before.clone()
    };
    let told = silenced(RULE_SILENCE, before, &after, now);
    (after, vec![told])
}

/// The reason as it is kept, if a silence until then may be asked for at `now`.
///
/// # Errors
/// The reason is too long, or `until` is not within 30 days.
pub fn check_silence(now: Timestamp, until: Timestamp, reason: &str) -> Result<String, AnalysisError> {
    let reason = note("/reason", reason)?;
    if until <= now || until.since(now) > LONGEST_SILENCE {
        let detail = "a time in the future, at most 30 days from now";
        return Err(AnalysisError::invalid("/until", "silence_span", detail));
    }
    Ok(reason)
}

/// People are told again.
///
/// # Errors
/// As those of [`view`]; it was changed at the same time.
pub async fn unsilence(ctx: &Ctx, analysis: Analysis<'_>, id: &str) -> Result<RuleView, AnalysisError> {
    let rule = known(ctx, analysis, RULE_UNSILENCE, id).await?;
    decide(ctx, analysis, RULE_UNSILENCE, &rule, None, |before, now| {
        let after = RuleSettings {
            silence: None,
            ..before.clone()
        };
        let told = silenced(RULE_UNSILENCE, before, &after, now);
        (after, vec![told])
    })
    .await
}

/// What a request for a second person's approval is about, for a tenant's settings of a rule: rules have names and no ids.
pub fn rule_subject(organization: OrganizationId, rule: &str) -> Uuid {
    let digest = Sha256::new()
        .chain_update(b"vutf/rule-subject/v1\0")
        .chain_update(organization.as_bytes())
        .chain_update(rule.as_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The version of what a tenant decided about a rule: what is asked for is about that one. `expected` is the one that the caller
/// read, if they must have read one.
///
/// # Errors
/// As those of [`view`]; it is no longer the present one.
pub async fn version(
    ctx: &Ctx,
    analysis: Analysis<'_>,
    id: &str,
    expected: Option<i64>,
) -> Result<i64, AnalysisError> {
    analysis.rules.get(id).ok_or(AnalysisError::NoRule)?;
    let decided = analysis.reader.rules(ctx.organization_id).await?;
    let settings = decided.into_iter().find(|settings| settings.rule == id);
    let present = settings.map_or(0, |settings| settings.stamps.version);
    match expected {
        Some(expected) if expected != present => Err(AnalysisError::Stale),
        _ => Ok(present),
    }
}

/// Switches a rule off in the transaction of an approval: the second person is `ctx`, and both were held against the request by
/// whoever calls this.
///
/// # Errors
/// As those of [`update`].
pub async fn disable_approved(
    unit: &mut (dyn AnalysisUnit + 'static),
    env: Env<'_>,
    ctx: &Ctx,
    rules: &RuleSet,
    id: &str,
    version: i64,
) -> Result<(), AnalysisError> {
    let rule = admitted(ctx, rules, id)?;
    let change = move |before: &RuleSettings, _: Timestamp| {
        let after = RuleSettings {
            enabled: Some(false),
            ..before.clone()
        };
        let told = Told {
            action: RULE_DISABLE,
            before: vec![format!("enabled={}", before.is_enabled(&rule))],
            after: vec!["enabled=false".to_owned()],
        };
        (after, vec![told])
    };
    put(unit, env, ctx, id, Some(version), &change).await?;
    Ok(())
}

/// The same for a silence until `until`, for `reason`; neither is judged again, but what is over by now is refused.
///
/// # Errors
/// As those of [`silence`].
pub async fn silence_approved(
    unit: &mut (dyn AnalysisUnit + 'static),
    env: Env<'_>,
    ctx: &Ctx,
    rules: &RuleSet,
    id: &str,
    version: i64,
    (until, reason): (Timestamp, &str),
) -> Result<(), AnalysisError> {
    admitted(ctx, rules, id)?;
    let reason = check_silence(env.now(), until, reason)?;
    let change = move |before: &RuleSettings, now: Timestamp| silent(before, now, until, &reason);
    put(unit, env, ctx, id, Some(version), &change).await?;
    Ok(())
}

fn admitted(ctx: &Ctx, rules: &RuleSet, id: &str) -> Result<Rule, AnalysisError> {
    if !ctx.may(&MANAGE) {
        return Err(AnalysisError::Denied(MANAGE));
    }
    rules.get(id).cloned().ok_or(AnalysisError::NoRule)
}

/// An event of a decision, and what it says of before and after.
struct Told {
    action: Action,
    before: Vec<String>,
    after: Vec<String>,
}

/// The settings afterwards, and the events that tell it.
type Changed = (RuleSettings, Vec<Told>);
type Change = dyn Fn(&RuleSettings, Timestamp) -> Changed + Send + Sync;

fn silenced(action: Action, before: &RuleSettings, after: &RuleSettings, now: Timestamp) -> Told {
    let shown = |settings: &RuleSettings| {
        let silence = settings.silence.iter().filter(|silence| silence.until > now);
        silence
            .map(|silence| format!("silent until {}: {}", silence.until, silence.reason))
            .collect()
    };
    Told {
        action,
        before: shown(before),
        after: shown(after),
    }
}

async fn known(ctx: &Ctx, analysis: Analysis<'_>, action: Action, id: &str) -> Result<Rule, AnalysisError> {
    analysis.admit(ctx, &MANAGE, action, action.none()).await?;
    analysis.rules.get(id).cloned().ok_or(AnalysisError::NoRule)
}

fn check(rule: &Rule, change: &RuleChange) -> Result<(), AnalysisError> {
    for (name, value) in &change.parameters {
        let pointer = format!("/parameters/{}", name.replace('~', "~0").replace('/', "~1"));
        let Some(parameter) = rule.parameters.get(name) else {
            let names: Vec<&str> = rule.parameters.keys().map(String::as_str).collect();
            let detail = format!("one of {}", names.join(", "));
            return Err(AnalysisError::invalid(pointer, "unknown_parameter", detail));
        };
        if value.is_some_and(|value| !parameter.admits(value)) {
            let detail = format!("{} to {}", parameter.minimum, parameter.maximum);
            return Err(AnalysisError::invalid(pointer, "parameter_bounds", detail));
        }
    }
    Ok(())
}

/// The row and the events of a decision, in one transaction.
async fn decide(
    ctx: &Ctx,
    analysis: Analysis<'_>,
    action: Action,
    rule: &Rule,
    expected: Option<i64>,
    change: impl Fn(&RuleSettings, Timestamp) -> Changed + Send + Sync + 'static,
) -> Result<RuleView, AnalysisError> {
    let command = Arc::new((ctx.clone(), rule.id.clone(), change));
    let decided = transact(analysis.units, analysis.ambient, |unit, env| {
        let command = Arc::clone(&command);
        let work: BoxFuture<'_, Result<RuleSettings, AnalysisError>> = Box::pin(async move {
            let (ctx, id, change) = &*command;
            put(unit, env, ctx, id, expected, change).await
        });
        work
    })
    .await;
    let settings = analysis.audited(ctx, action, action.none(), decided).await?;
    Ok(RuleView {
        rule: rule.clone(),
        settings,
    })
}

async fn put(
    unit: &mut (dyn AnalysisUnit + 'static),
    mut env: Env<'_>,
    ctx: &Ctx,
    id: &str,
    expected: Option<i64>,
    change: &Change,
) -> Result<RuleSettings, AnalysisError> {
    let now = env.now();
    let found = unit.analysis().rule(ctx.organization_id, id).await?;
    let before = found.unwrap_or_else(|| RuleSettings::undecided(ctx.organization_id, id));
    if expected.is_some_and(|expected| expected != before.stamps.version) {
        return Err(AnalysisError::Stale);
    }
    let (mut after, told) = change(&before, now);
    after.stamps = before.stamps.clone().changed(ctx.actor.user_id(), now);
    if before.stamps.version == 0 {
        after.stamps.created_at = now;
        after.stamps.created_by = ctx.actor.user_id();
    }
    unit.analysis().put_rule(&after).await.map_err(|error| {
        // Somebody else decided between the look and this.
        let raced = matches!(error.fault, Fault::Stale | Fault::Duplicate);
        match (raced, expected) {
            (true, Some(_)) => AnalysisError::Stale,
            (true, None) => AnalysisError::Meanwhile,
            (false, _) => error.into(),
        }
    })?;
    for Told {
        action,
        before,
        after: now,
    } in told
    {
        let event = Event::new(ctx, &mut env, action.name, action.none(), Outcome::Success)
            .detail("before", Detail::List(before))
            .detail("after", Detail::List(now));
        unit.log().append(tell(event, &after)).await?;
    }
    Ok(after)
}
