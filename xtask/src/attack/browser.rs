//! Those who get at somebody's browser, but not at the machine.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    identity::Stood,
    site::{PASSWORD, Page, Site},
};

const VICTIM: &str = "192.0.2.7";
const ATTACKER: &str = "198.51.100.77";
const SESSION: &str = "__Host-violentutf_session";

fn sign_in(site: &Site, address: &str, name: &str, lines: &[&str]) -> Result<Page> {
    let body = json!({"username": name, "password": PASSWORD});
    site.browse(address, lines, ("POST", "/api/v1/auth/session"), &body)
}

/// The value of a cookie among those that were set.
fn value<'a>(page: &'a Page, name: &str) -> Result<&'a str> {
    let mut pairs = page.cookies.split("; ").filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(known, _)| *known == name);
    found
        .map(|(_, value)| value)
        .with_context(|| format!("no cookie {name}"))
}

fn me(site: &Site, address: &str, cookie: &str) -> Result<Page> {
    site.browse(address, &[cookie], ("GET", "/api/v1/me"), &Value::Null)
}

pub(super) fn fixation(site: &Site) -> Result<Stood> {
    site.register("fixed")?;
    site.register("fixer")?;
    let own = sign_in(site, ATTACKER, "fixer", &[])?;
    let own = format!("cookie: {SESSION}={}", value(&own, SESSION)?);
    let made_up = format!("cookie: {SESSION}={}", "A".repeat(43));
    let mut requests = 1;
    for planted in [&made_up, &own] {
        let page = sign_in(site, VICTIM, "fixed", &[planted])?;
        ensure!(page.status == 200, "{} {}", page.status, page.body);
        let fresh = format!("cookie: {SESSION}={}", value(&page, SESSION)?);
        ensure!(fresh != *planted, "the planted cookie was kept");
        let as_victim = me(site, VICTIM, &fresh)?;
        ensure!(as_victim.body["username"] == "fixed", "{}", as_victim.body);
        let by_planted = me(site, ATTACKER, planted)?;
        ensure!(
            by_planted.body["username"] != "fixed",
            "the planted cookie is the victim's session"
        );
        requests += 3;
    }
    ensure!(
        me(site, ATTACKER, &made_up)?.status == 401,
        "a made-up cookie signs in"
    );
    Ok(Stood {
        requests: requests + 1,
        answer: "a new cookie at each sign-in; the planted ones stay what they were: nobody's, and the attacker's own".into(),
        trace: "`session.login`, and the refused use of the made-up one".into(),
    })
}

pub(super) fn forgery(site: &Site) -> Result<Stood> {
    site.register("forged-for")?;
    let page = sign_in(site, VICTIM, "forged-for", &[])?;
    let token = page.body["csrf_token"].as_str().context("no token")?;
    let jar = format!("cookie: {}", page.cookies);
    let right = format!("x-csrf-token: {token}");
    let wrong = format!("x-csrf-token: {}A", token.get(1..).unwrap_or_default());
    let change = |lines: &[&str]| -> Result<u16> {
        let target = ("POST", "/api/v1/me/sessions/revoke-others");
        Ok(site.browse(VICTIM, lines, target, &Value::Null)?.status)
    };
    let attempts: [&[&str]; 5] = [
        &[&jar],
        &[&jar, &wrong],
        &[&jar, "origin: https://evil.example"],
        &[&jar, &right, "origin: https://evil.example"],
        &[&jar, &right, "sec-fetch-site: cross-site"],
    ];
    for lines in attempts {
        let status = change(lines)?;
        ensure!(status == 403, "{status} for {lines:?}");
    }
    ensure!(change(&[&jar, &right])? < 300, "the page itself is refused");
    let refused = site.refusals("session.revoke_others", "csrf_refused", None, 2)?;
    let foreign = site.refusals("session.revoke_others", "foreign_origin", None, 3)?;
    Ok(Stood {
        requests: attempts.len(),
        answer: "403 for each; the site's own page is served".into(),
        trace: format!("{refused} × `csrf_refused`, {foreign} × `foreign_origin`"),
    })
}
