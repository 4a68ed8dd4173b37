//! Recovery by mail: what one does after another, what thirty-two do at the same moment, and what a killed process leaves to be
//! sent.

use serde_json::{Value, json};
use vutf_testkit::{
    client::{ApiClient, Call, Person},
    mailbox::Mailbox,
    process::{ServerBuilder, ServerProcess},
};

use super::{
    Admin, World, eventually,
    races::{PARALLEL, at_once, on_both_databases, statuses},
    world::{metric, signed_in},
};

const SITE: &str = "https://app.example.org/account";
const NEXT: &str = "seven quiet copper lanterns";
const FORGOT: &str = "/api/v1/auth/password/forgot";
const RESET: &str = "/api/v1/auth/password/reset";

on_both_databases!(
    a_forgotten_password,
    one_link,
    one_address,
    an_address_that_must_be_verified,
    a_lockout,
    an_invitation,
    a_killed_process_leaves_its_mail_to_the_next
);

struct Site {
    world: World,
    builder: ServerBuilder,
    server: ServerProcess,
    api: ApiClient,
    mailbox: Mailbox,
}

impl Site {
    fn raise(world: World, settings: &[(&str, &str)]) -> Self {
        let directory = world.home().join("mail");
        let builder = world
            .server()
            .env("VUTF__RATE_LIMIT__ENABLED", "false")
            .env("VUTF__MAIL__DELIVERY", "file")
            .env("VUTF__MAIL__DIRECTORY", &directory.display().to_string())
            .env("VUTF__MAIL__FROM", "Accounts <accounts@example.org>")
            .env("VUTF__MAIL__LINK_URL", SITE)
            .env("VUTF__IDENTITY__LINKS__PAUSE", "0s");
        let builder = settings
            .iter()
            .fold(builder, |builder, (name, value)| builder.env(name, value));
        let server = builder.spawn().unwrap();
        Self {
            api: ApiClient::new(server.base_url()).unwrap(),
            mailbox: Mailbox::new(&directory),
            world,
            builder,
            server,
        }
    }

    fn forgot(&self, email: &str) -> Call {
        self.api.post(FORGOT).json(&json!({"email": email}))
    }

    fn with_link(&self, path: &str, token: &str) -> Call {
        self.api.post(path).json(&json!({"token": token}))
    }

    fn reset(&self, token: &str, password: &str) -> Call {
        self.api
            .post(RESET)
            .json(&json!({"token": token, "password": password}))
    }
}

async fn a_forgotten_password(world: World) {
    let site = Site::raise(world, &[]);
    let person = Person::new("ada");
    let before = signed_in(&site.api, &person).await;
    let hostile = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example"),
    ];
    let known = hostile
        .iter()
        .fold(site.forgot(&person.email), |call, (name, value)| {
            call.header(name, value)
        });
    let known = known.expect(202).await.unwrap();
    let unknown = site.forgot("nobody@example.org").expect(202).await.unwrap();
    assert_eq!(
        known.body, unknown.body,
        "the same for whoever is known and whoever is not"
    );

    let mail = site.mailbox.nth("reset", &person.email, 1).await.unwrap();
    let id = mail.name.trim_end_matches(".eml");
    for head in [
        "From: Accounts <accounts@example.org>\r\n".to_owned(),
        "Auto-Submitted: auto-generated\r\n".to_owned(),
        format!("Message-ID: <{id}@example.org>\r\n"),
        "Content-Type: multipart/alternative".to_owned(),
        "Content-Type: text/html".to_owned(),
        "Subject: Set a new password".to_owned(),
    ] {
        assert!(mail.text.contains(&head), "{head}: {}", mail.text);
    }
    assert!(
        !mail.text.contains("evil"),
        "links are made of the configuration alone"
    );
    let link = mail.link().unwrap();
    assert!(
        link.starts_with(&format!("{SITE}/reset-password#token=")),
        "{link}"
    );

    let token = mail.token().unwrap();
    site.reset(&token, "short").expect(400).await.unwrap();
    site.reset(&token, NEXT).expect(204).await.unwrap();
    let used = site.reset(&token, NEXT).expect(403).await.unwrap();
    assert_eq!(used.json().unwrap()["code"], "VUTF_LINK_INVALID");
    site.api.me(&before).expect(401).await.unwrap();
    site.api.refresh(&before.refresh).expect(401).await.unwrap();
    site.api.login(&person).expect(401).await.unwrap();
    let renewed = Person {
        password: NEXT.to_owned(),
        ..person.clone()
    };
    site.api.login(&renewed).expect(200).await.unwrap();
    let notice = site
        .mailbox
        .nth("password_reset", &person.email, 1)
        .await
        .unwrap();
    assert!(notice.link().is_err());
    let to_nobody = site.mailbox.mails("reset", "nobody@example.org").unwrap();
    assert!(to_nobody.is_empty());
    let log = site.server.logs();
    assert!(!log.contains(&token) && !log.contains(&person.email));
}

async fn one_link(world: World) {
    let site = Site::raise(world, &[]);
    let person = Person::new("ada");
    signed_in(&site.api, &person).await;
    site.forgot(&person.email).expect(202).await.unwrap();
    let token = site.mailbox.token("reset", &person.email).await.unwrap();
    let calls = (0..PARALLEL).map(|racer| site.reset(&token, &format!("{NEXT} {racer}")));
    let answers = at_once(calls).await;
    let mut statuses = statuses(&answers);
    statuses.sort_unstable();
    let mut wanted = vec![403; PARALLEL];
    wanted[0] = 204;
    assert_eq!(statuses, wanted);
    let notices = site
        .mailbox
        .nth("password_reset", &person.email, 1)
        .await
        .unwrap();
    assert!(notices.link().is_err());
}

/// Eight who want the same address, four times each.
async fn one_address(world: World) {
    let site = Site::raise(world, &[]);
    let mut tokens = Vec::new();
    for racer in 0..8 {
        let person = Person::new("ada");
        let signed_in = signed_in(&site.api, &person).await;
        let change = site.api.post("/api/v1/me/email").bearer(&signed_in.access);
        let change = change.json(&json!({"email": "wanted@example.org"}));
        change.expect(202).await.unwrap();
        let mail = site
            .mailbox
            .nth("email_change", "wanted@example.org", racer + 1)
            .await;
        tokens.push(mail.unwrap().token().unwrap());
        site.mailbox
            .nth("email_objection", &person.email, 1)
            .await
            .unwrap();
    }
    let confirm = |token: &String| site.with_link("/api/v1/auth/email/confirm", token);
    let answers = at_once((0..PARALLEL).map(|racer| confirm(&tokens[racer % 8]))).await;
    let done = statuses(&answers).iter().filter(|status| **status == 204).count();
    assert_eq!(done, 1, "{:?}", statuses(&answers));
    assert!(
        answers
            .iter()
            .all(|answer| [204, 403, 409].contains(&answer.status))
    );
}

async fn an_address_that_must_be_verified(world: World) {
    let site = Site::raise(world, &[("VUTF__IDENTITY__EMAIL_VERIFICATION", "required")]);
    let person = Person::new("ada");
    site.api.register(&person).expect(201).await.unwrap();
    let refused = site.api.login(&person).expect(401).await.unwrap();
    let stranger = site.api.login(&Person::new("nobody")).expect(401).await.unwrap();
    let told = |body: Value| {
        (
            body["code"].clone(),
            body["detail"].clone(),
            body["title"].clone(),
        )
    };
    assert_eq!(told(refused.json().unwrap()), told(stranger.json().unwrap()));
    let first = site.mailbox.token("verification", &person.email).await.unwrap();
    let resend = "/api/v1/auth/email/verify/resend";
    let again = site.api.post(resend).json(&json!({"email": person.email}));
    again.expect(202).await.unwrap();
    let second = site.mailbox.nth("verification", &person.email, 2).await.unwrap();
    let verify = "/api/v1/auth/email/verify";
    site.with_link(verify, &first).expect(403).await.unwrap();
    site.with_link(verify, &second.token().unwrap())
        .expect(204)
        .await
        .unwrap();
    site.api.login(&person).expect(200).await.unwrap();
}

async fn a_lockout(world: World) {
    let site = Site::raise(world, &[("VUTF__IDENTITY__LOCKOUT__DELAYS", "10m")]);
    let person = Person::new("ada");
    signed_in(&site.api, &person).await;
    let wrong = Person {
        password: "not the right phrase".to_owned(),
        ..person.clone()
    };
    for _ in 0..6 {
        site.api.login(&wrong).expect(401).await.unwrap();
    }
    site.api.login(&person).expect(401).await.unwrap();
    let token = site.mailbox.token("lockout", &person.email).await.unwrap();
    site.with_link("/api/v1/auth/unlock", &token)
        .expect(204)
        .await
        .unwrap();
    site.api.login(&person).expect(200).await.unwrap();
}

async fn an_invitation(world: World) {
    let site = Site::raise(world, &[("VUTF__IDENTITY__REGISTRATION", "invitation")]);
    let admin = Admin::bootstrap(&site.server, &site.api).await;
    let person = Person::new("ada");
    let refused = site.api.register(&person).expect(403).await.unwrap();
    assert_eq!(refused.json().unwrap()["code"], "VUTF_INVITATION_NEEDED");
    let invite = |email: &str| {
        let call = site.api.post("/api/v1/invitations").bearer(&admin.tokens.access);
        call.json(&json!({"email": email, "roles": ["auditor"]}))
    };
    let first = invite(&person.email).expect(201).await.unwrap().json().unwrap();
    let older = site.mailbox.token("invitation", &person.email).await.unwrap();
    let second = invite(&person.email).expect(201).await.unwrap().json().unwrap();
    assert_ne!(first["id"], second["id"]);
    let token = site
        .mailbox
        .nth("invitation", &person.email, 2)
        .await
        .unwrap()
        .token()
        .unwrap();
    let with = |person: &Person, token: &str| {
        let body = json!({
            "username": person.username, "email": person.email, "password": person.password, "invitation": token,
        });
        site.api.post("/api/v1/auth/register").json(&body)
    };
    with(&person, &older).expect(403).await.unwrap();
    with(&Person::new("eve"), &token).expect(403).await.unwrap();
    let calls = (0..PARALLEL).map(|racer| {
        let one = Person {
            username: format!("{}-{racer}", person.username),
            ..person.clone()
        };
        with(&one, &token)
    });
    let answers = at_once(calls).await;
    let made: Vec<&u16> = answers
        .iter()
        .map(|answer| &answer.status)
        .filter(|status| **status == 201)
        .collect();
    assert_eq!(made.len(), 1, "{:?}", statuses(&answers));
    let known = Person {
        username: person.email.clone(),
        ..person.clone()
    };
    let tokens = site
        .api
        .login(&known)
        .expect(200)
        .await
        .unwrap()
        .tokens()
        .unwrap();
    let me = site.api.me(&tokens).expect(200).await.unwrap().json().unwrap();
    assert_eq!(me["roles"], json!(["auditor", "user"]));
    invite(&person.email).expect(409).await.unwrap();
    let other = invite("other@example.org")
        .expect(201)
        .await
        .unwrap()
        .json()
        .unwrap();
    let path = format!("/api/v1/invitations/{}", other["id"].as_str().unwrap());
    let listed = site.api.all("/api/v1/invitations?", &admin.tokens).await.unwrap();
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &other["id"]));
    let revoke = || site.api.request("DELETE", &path).bearer(&admin.tokens.access);
    revoke().expect(204).await.unwrap();
    revoke().expect(404).await.unwrap();
}

/// The mail server is away when the request is acknowledged, and the process dies.
async fn a_killed_process_leaves_its_mail_to_the_next(world: World) {
    let away = [
        ("VUTF__MAIL__DELIVERY", "smtp"),
        ("VUTF__MAIL__HOST", "127.0.0.1"),
        ("VUTF__MAIL__PORT", "1"),
        ("VUTF__MAIL__SECURITY", "none"),
        ("VUTF__IDENTITY__LINKS__FIRST_PAUSE", "100ms"),
        ("VUTF__MAIL__TIMEOUT", "1s"),
    ];
    let mut site = Site::raise(world, &away);
    let person = Person::new("ada");
    signed_in(&site.api, &person).await;
    site.forgot(&person.email).expect(202).await.unwrap();
    site.server.kill9().unwrap();
    assert!(site.mailbox.mails("reset", &person.email).unwrap().is_empty());
    let there = site.builder.clone().env("VUTF__MAIL__DELIVERY", "file");
    site.server = there.spawn().unwrap();
    site.api = site.api.at(site.server.base_url());
    let token = site.mailbox.token("reset", &person.email).await.unwrap();
    site.reset(&token, NEXT).expect(204).await.unwrap();
    let left = "SELECT count(*) FROM account_links";
    let left = vutf_testkit::sql::number(&site.world.database_url(), left).await;
    assert_eq!(left.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_replicas_send_each_mail_once() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let directory = world.home().join("mail").display().to_string();
    let replica = |name: &str| {
        world
            .replica(name)
            .env("VUTF__RATE_LIMIT__ENABLED", "false")
            .env("VUTF__MAIL__DELIVERY", "file")
            .env("VUTF__MAIL__DIRECTORY", &directory)
            .env("VUTF__MAIL__LINK_URL", SITE)
    };
    let (one, two) = (replica("one").spawn().unwrap(), replica("two").spawn().unwrap());
    let api = ApiClient::new(one.base_url()).unwrap();
    Admin::bootstrap(&one, &api).await;
    let people: Vec<Person> = (0..PARALLEL).map(|_| Person::new("ada")).collect();
    for person in &people {
        signed_in(&api, person).await;
    }
    let ask = |person: &Person| api.post(FORGOT).json(&json!({"email": person.email}));
    let answers = at_once(people.iter().map(ask)).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    let mailbox = Mailbox::new(std::path::Path::new(&directory));
    for person in &people {
        mailbox.token("reset", &person.email).await.unwrap();
    }
    let sent = async || {
        let mut sum = 0;
        for server in [&one, &two] {
            let management = ApiClient::new(server.management_url()).unwrap();
            let series = "vutf_mails_total{kind=\"reset\",result=\"sent\"}";
            sum += metric(&management, series).await.unwrap_or(0);
        }
        sum
    };
    let all = i64::try_from(PARALLEL).unwrap();
    eventually("all are counted", async || sent().await >= all).await;
    assert_eq!(sent().await, all);
}
