//! Second factors: what thirty-two callers do at the same moment, and what one does after another.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use vutf_testkit::{
    authenticator::Authenticator,
    client::{ApiClient, Person, Tokens},
    process::ServerProcess,
    sql,
};

use super::{
    Admin, World,
    races::{PARALLEL, at_once, on_both_databases, statuses, without_id},
    world::signed_in,
};

on_both_databases!(
    one_code_of_an_app,
    one_backup_code,
    one_challenge,
    wrong_codes,
    a_restart_keeps_what_was_used,
    the_operator_resets_what_an_administrator_lost
);

/// A service and somebody with a second factor.
struct Site {
    world: World,
    server: ServerProcess,
    api: ApiClient,
    admin: Admin,
    person: Person,
    app: Authenticator,
}

impl Site {
    async fn raise(world: World) -> Self {
        let server = world
            .server()
            .env("VUTF__IDENTITY__LOCKOUT__DELAYS", "10m")
            .spawn()
            .unwrap();
        let api = ApiClient::new(server.base_url()).unwrap();
        let admin = Admin::bootstrap(&server, &api).await;
        let person = Person::new("ada");
        let tokens: Tokens = signed_in(&api, &person).await;
        let app = Authenticator::enrol(&api, &tokens).await.unwrap();
        Self {
            world,
            server,
            api,
            admin,
            person,
            app,
        }
    }

    async fn challenge(&self) -> String {
        let answer = self.api.login(&self.person).expect(200).await.unwrap();
        let body = answer.json().unwrap();
        assert_eq!(body["status"], "mfa_required");
        assert!(body.get("access_token").is_none(), "no session yet");
        body["challenge"].as_str().unwrap().to_owned()
    }

    async fn challenges(&self) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..PARALLEL {
            all.push(self.challenge().await);
        }
        all
    }

    /// Sessions that were opened with both factors; the one in which the app was enrolled has them, too.
    async fn opened(&self) -> i64 {
        let query = "SELECT count(*) FROM sessions WHERE aal = 'aal2'";
        sql::number(&self.world.database_url(), query).await.unwrap() - 1
    }

    /// Why sign-ins were refused, and how often.
    async fn reasons(&self) -> BTreeMap<String, usize> {
        let path = "/api/v1/audit/events?action=session.login&outcome=refused";
        let events = self.api.all(path, &self.admin.tokens).await.unwrap();
        let mut counts = BTreeMap::new();
        for event in events {
            let reason = event["outcome"]["reason"].as_str().unwrap().to_owned();
            *counts.entry(reason).or_default() += 1;
        }
        counts
    }
}

fn succeeded(statuses: &[u16]) -> usize {
    assert!(
        statuses.iter().all(|status| [200, 401].contains(status)),
        "{statuses:?}"
    );
    statuses.iter().filter(|status| **status == 200).count()
}

async fn one_code_of_an_app(world: World) {
    let mut site = Site::raise(world).await;
    let challenges = site.challenges().await;
    let code = site.app.next_code().await;
    let calls = challenges
        .iter()
        .map(|challenge| site.api.verify_mfa(challenge, "totp", &code));
    let answers = at_once(calls).await;
    assert_eq!(succeeded(&statuses(&answers)), 1);
    assert_eq!(site.opened().await, 1);
    let reasons = site.reasons().await;
    let known = ["replayed_code", "barred"];
    assert!(
        reasons.keys().all(|reason| known.contains(&reason.as_str())),
        "{reasons:?}"
    );
    assert_eq!(reasons.values().sum::<usize>(), PARALLEL - 1);
}

async fn one_backup_code(world: World) {
    let site = Site::raise(world).await;
    let challenges = site.challenges().await;
    let code = &site.app.backup_codes[0];
    let calls = challenges
        .iter()
        .map(|challenge| site.api.verify_mfa(challenge, "backup_code", code));
    let answers = at_once(calls).await;
    assert_eq!(succeeded(&statuses(&answers)), 1);
    assert_eq!(site.opened().await, 1);
    let left = "SELECT count(*) FROM backup_codes";
    assert_eq!(sql::number(&site.world.database_url(), left).await.unwrap(), 9);
}

/// Whoever holds one proof of the password opens one session with it, however many factors they have.
async fn one_challenge(world: World) {
    let mut site = Site::raise(world).await;
    let challenge = site.challenge().await;
    let code = site.app.next_code().await;
    let codes = site
        .app
        .backup_codes
        .iter()
        .map(|code| ("backup_code", code.as_str()));
    let calls = codes
        .chain([("totp", code.as_str())])
        .map(|(method, code)| site.api.verify_mfa(&challenge, method, code));
    let answers = at_once(calls).await;
    assert_eq!(succeeded(&statuses(&answers)), 1);
    assert_eq!(site.opened().await, 1);
}

async fn wrong_codes(world: World) {
    let mut site = Site::raise(world).await;
    let challenge = site.challenge().await;
    let guesses = (0..PARALLEL)
        .map(|guess| format!("{guess:06}"))
        .collect::<Vec<_>>();
    let calls = guesses
        .iter()
        .map(|code| site.api.verify_mfa(&challenge, "totp", code));
    let answers = at_once(calls).await;
    assert_eq!(succeeded(&statuses(&answers)), 0);
    let bodies: HashSet<_> = answers.iter().map(without_id).collect();
    assert_eq!(bodies.len(), 1, "a caller cannot tell why it was refused");
    let reasons = site.reasons().await;
    assert_eq!(reasons["wrong_code"], 5, "{reasons:?}");
    assert_eq!(reasons["barred"], PARALLEL - 5);
    // A right one is refused as well, and the other factor has a counter of its own.
    let code = site.app.next_code().await;
    site.api
        .verify_mfa(&challenge, "totp", &code)
        .expect(401)
        .await
        .unwrap();
    let backup = &site.app.backup_codes[0];
    site.api
        .verify_mfa(&challenge, "backup_code", backup)
        .expect(200)
        .await
        .unwrap();
}

async fn a_restart_keeps_what_was_used(world: World) {
    let mut site = Site::raise(world).await;
    let (challenge, next) = (site.challenge().await, site.challenge().await);
    let code = site.app.next_code().await;
    let tokens = site
        .api
        .verify_mfa(&challenge, "totp", &code)
        .expect(200)
        .await
        .unwrap();
    let tokens = tokens.tokens().unwrap();
    assert_eq!(site.server.terminate().unwrap(), Some(0));
    site.server = site.world.server().spawn().unwrap();
    site.api = site.api.at(site.server.base_url());
    let replay = site
        .api
        .verify_mfa(&next, "totp", &code)
        .expect(401)
        .await
        .unwrap();
    assert_eq!(replay.json().unwrap()["code"], "VUTF_INVALID_MFA_CODE");
    let renewed = site.api.refresh(&tokens.refresh).expect(200).await.unwrap();
    let sessions = site
        .api
        .get("/api/v1/me/sessions")
        .bearer(&renewed.tokens().unwrap().access);
    let sessions: Value = sessions.expect(200).await.unwrap().json().unwrap();
    let own = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == tokens.session.as_str());
    assert_eq!(own.unwrap()["assurance"], "aal2");
}

async fn the_operator_resets_what_an_administrator_lost(world: World) {
    let site = Site::raise(world).await;
    Authenticator::enrol(&site.api, &site.admin.tokens).await.unwrap();
    let name = site.admin.person.username.as_str();
    let done = site.world.server().command(&["user", "reset-mfa", name]).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let again = site.world.server().command(&["user", "reset-mfa", name]).unwrap();
    assert_eq!(again.status.code(), Some(1));
    let admin = Admin::login(&site.api, site.admin.person.clone()).await;
    let events = site.api.events("mfa.reset", &admin.tokens).await.unwrap();
    let seen: Vec<_> = events
        .iter()
        .map(|event| (&event["actor"]["type"], &event["outcome"]["result"]))
        .collect();
    assert_eq!(seen.len(), 2, "{events:?}");
    assert!(seen.iter().all(|(actor, _)| **actor == "operator"), "{events:?}");
}
