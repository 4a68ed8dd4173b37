//! Those who have somebody's token, or an account of their own.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    identity::Stood,
    site::{Answer, PASSWORD, Person, Site, all_are},
};

const THIEF: &str = "198.51.100.66";
const OWNER: &str = "192.0.2.1";
/// A retry with the token of before is answered with its successor for 10 s: it may be the owner's, whose answer got lost.
const BEYOND_THE_GRACE: Duration = Duration::from_secs(11);

fn me(site: &Site, token: &str) -> Result<Answer> {
    site.send(THIEF, Some(token), "GET", "/api/v1/me", &Value::Null)
}

fn refresh(site: &Site, address: &str, token: &str) -> Result<Answer> {
    let body = json!({"refresh_token": token});
    site.send(address, None, "POST", "/api/v1/auth/refresh", &body)
}

pub(super) fn forged(site: &Site) -> Result<Stood> {
    let person = site.person("forged")?;
    let other = site.person("forger")?;
    let body = |token: &str| token.split('.').nth(2).unwrap_or_default().to_owned();
    let (own, foreign) = (body(&person.access), body(&other.access));
    // The claims of one under the signature of the other: 64 bytes are 86 characters, as good as at a boundary.
    let spliced: String = own.chars().take(own.len().saturating_sub(86)).collect();
    let signature: String = foreign.chars().skip(foreign.len().saturating_sub(86)).collect();
    let mut tokens = vec![
        person.access.replacen(&own, &(spliced + &signature), 1),
        person.access.replacen("v4.public", "v4.local", 1),
        person.access.replacen("v4.public", "v3.public", 1),
        format!("v4.public.{own}"),
        format!("v4.public.{own}."),
        "v4.public.".to_owned(),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.".to_owned(),
    ];
    // Each place of the payload, the signature and the footer, some at a time.
    for at in (10..person.access.len()).step_by(23) {
        let mut changed = person.access.clone().into_bytes();
        let place = changed.get_mut(at).context("beyond the token")?;
        *place = if *place == b'A' { b'B' } else { b'A' };
        tokens.push(String::from_utf8(changed)?);
    }
    let answers: Vec<_> = tokens
        .iter()
        .map(|token| me(site, token))
        .collect::<Result<_>>()?;
    all_are(401, &answers)?;
    let told = site.refusals("user.read", "invalid_token", None, 1)?;
    Ok(Stood {
        requests: answers.len(),
        answer: "401 for each".into(),
        trace: format!("{told} × `invalid_token` at the route that was asked for"),
    })
}

pub(super) fn stolen_access(site: &Site) -> Result<Stood> {
    let person = site.person("robbed")?;
    ensure!(me(site, &person.access)?.0 == 200, "the token works until then");
    let out = site.send(
        OWNER,
        Some(&person.access),
        "POST",
        "/api/v1/auth/logout",
        &Value::Null,
    )?;
    ensure!(out.0 == 204, "{out:?}");
    let mut answers = vec![me(site, &person.access)?, refresh(site, THIEF, &person.refresh)?];
    let again = site.session(&person.id, &person.name)?;
    site.admin(&format!("/api/v1/users/{}/lock", person.id))?;
    answers.push(me(site, &again.access)?);
    answers.push(refresh(site, THIEF, &again.refresh)?);
    all_are(401, &answers)?;
    Ok(Stood {
        requests: answers.len() + 1,
        answer: "401 from the moment of the sign-out or the lock".into(),
        trace: "`session.logout`, `user.lock`, and each refused use".into(),
    })
}

pub(super) fn thief_first(site: &Site) -> Result<Stood> {
    let person = site.person("thiefs")?;
    let (status, stolen) = refresh(site, THIEF, &person.refresh)?;
    ensure!(status == 200, "the thief is first");
    thread::sleep(BEYOND_THE_GRACE);
    let late = refresh(site, OWNER, &person.refresh)?;
    reuse(site, &person, &late, &stolen)
}

pub(super) fn owner_first(site: &Site) -> Result<Stood> {
    let person = site.person("owners")?;
    let (status, own) = refresh(site, OWNER, &person.refresh)?;
    ensure!(status == 200, "the owner is first");
    thread::sleep(BEYOND_THE_GRACE);
    let late = refresh(site, THIEF, &person.refresh)?;
    reuse(site, &person, &late, &own)
}

/// Whoever was first has nothing of it either: nobody knows which of the two is the thief.
fn reuse(site: &Site, person: &Person, late: &Answer, first: &Value) -> Result<Stood> {
    let text = |field: &str| first[field].as_str().unwrap_or_default().to_owned();
    let answers = [
        late.clone(),
        refresh(site, THIEF, &text("refresh_token"))?,
        me(site, &text("access_token"))?,
    ];
    all_are(401, &answers)?;
    let path = format!(
        "/api/v1/audit/events?limit=10&action=session.refresh_reuse&subject={}",
        person.id
    );
    site.events(&path, 1)?;
    Ok(Stood {
        requests: 4,
        answer: "401 for both from then on: the family and its session end".into(),
        trace: "`session.refresh_reuse`".into(),
    })
}

/// Password alone, from before there was a factor: it must not be able to take the account over.
pub(super) fn session_from_before(site: &Site) -> Result<Stood> {
    let person = site.person("before")?;
    let owner = site.session(&person.id, &person.name)?;
    site.enrol(&owner)?;
    let send =
        |method: &str, path: &str, body: &Value| site.send(THIEF, Some(&person.access), method, path, body);
    let change = json!({"current_password": PASSWORD, "new_password": "nine loud anchors under the bridge"});
    let answers = [
        send("POST", "/api/v1/auth/password/change", &change)?,
        send("DELETE", "/api/v1/me/mfa/totp", &Value::Null)?,
        send("POST", "/api/v1/me/mfa/backup-codes", &Value::Null)?,
        send("POST", "/api/v1/me/mfa/totp", &Value::Null)?,
    ];
    for answer in &answers {
        ensure!((401..=409).contains(&answer.0), "{} {}", answer.0, answer.1);
    }
    ensure!(
        site.login(THIEF, &person.name, PASSWORD)?.1["challenge"].is_string(),
        "the password alone signs in"
    );
    Ok(Stood {
        requests: answers.len() + 1,
        answer: "401 `insufficient_user_authentication` (RFC 9470); the password alone gives a challenge"
            .into(),
        trace: "each refusal with its reason".into(),
    })
}

pub(super) fn foreign_ids(site: &Site) -> Result<Stood> {
    let (victim, attacker) = (site.person("victim")?, site.person("mallory")?);
    let send = |method: &str, path: String, body: &Value| {
        site.send(THIEF, Some(&attacker.access), method, &path, body)
    };
    let answers = [
        send(
            "DELETE",
            format!("/api/v1/me/sessions/{}", victim.session),
            &Value::Null,
        )?,
        send("GET", format!("/api/v1/users/{}", victim.id), &Value::Null)?,
        send("POST", format!("/api/v1/users/{}/lock", victim.id), &Value::Null)?,
        send(
            "POST",
            format!("/api/v1/users/{}/revoke-sessions", victim.id),
            &Value::Null,
        )?,
        send(
            "GET",
            format!("/api/v1/audit/timeline/subject/{}", victim.id),
            &Value::Null,
        )?,
    ];
    for answer in &answers {
        ensure!(matches!(answer.0, 403 | 404), "{} {}", answer.0, answer.1);
    }
    ensure!(
        me(site, &victim.access)?.0 == 200,
        "the victim's session has ended"
    );
    let denied = site.refusals("user.lock", "forbidden", None, 1)?;
    Ok(Stood {
        requests: answers.len(),
        answer: "404 for what is not theirs, 403 for what they may not; the victim's session goes on".into(),
        trace: format!("each refusal; {denied} × `forbidden` at the lock"),
    })
}

pub(super) fn own_rights(site: &Site) -> Result<Stood> {
    let person = site.person("climber")?;
    let send = |method: &str, path: String, body: &Value| {
        site.send(THIEF, Some(&person.access), method, &path, body)
    };
    let id = &person.id;
    let answers = [
        send(
            "PUT",
            format!("/api/v1/users/{id}/roles"),
            &json!({"roles": ["super_admin"]}),
        )?,
        send("POST", format!("/api/v1/users/{id}/reset-mfa"), &Value::Null)?,
        send("POST", format!("/api/v1/users/{id}/unlock"), &Value::Null)?,
        send("GET", "/api/v1/audit/events".into(), &Value::Null)?,
        send("GET", "/api/v1/keys".into(), &Value::Null)?,
    ];
    for answer in &answers {
        ensure!(answer.0 == 403, "{} {}", answer.0, answer.1);
    }
    site.refusals("role.assign", "forbidden", None, 1)?;
    Ok(Stood {
        requests: answers.len(),
        answer: "403 for each".into(),
        trace: "each refusal with its reason".into(),
    })
}
