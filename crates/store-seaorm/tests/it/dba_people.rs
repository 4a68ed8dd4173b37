//! What an administrator of the database can do to requests, consents and passwords that are due; that requests are carried out once; and
//! that an export holds each row about its person and none about others.

use std::time::Duration;

use async_trait::async_trait;
use vutf_app::{
    UnitOfWork,
    erasure::Held,
    export::{Cell, Holdings, PersonalData as _},
};
use vutf_identity::{
    User, consent::Consent, erasure_request::ErasureRequest, password::PastPassword, refresh::TokenHash,
};
use vutf_kernel::{OrganizationId, PastPasswordId, PortError, UserId};
use vutf_testkit::{contracts::NEIGHBOUR, factory::Factory};

use crate::{
    erasure::{Site, person},
    world::{World, ctx_in},
};

on_both!(
    a_request_that_somebody_else_made_erases_nobody,
    a_password_that_is_due_stays_due,
    a_short_password_stays_short_and_those_of_before_stay_in_their_place,
    requests_are_carried_out_once_and_holds_are_respected,
    an_export_holds_each_row_about_its_person
);

const HOME: OrganizationId = OrganizationId::DEFAULT;
const LONG_AGO: Duration = Duration::from_hours(24 * 365 * 20);

/// A consent of `user`, a password of before, and a request that has been due for long.
pub(crate) async fn asked(unit: &mut dyn UnitOfWork, factory: &mut Factory, user: &User) {
    let now = factory.now();
    let consent = Consent {
        organization_id: user.organization_id,
        user_id: user.id,
        document: "system_use".to_owned(),
        version: "1".to_owned(),
        accepted_at: now,
    };
    assert!(unit.consents().put(&consent).await.unwrap());
    let request = ErasureRequest {
        organization_id: user.organization_id,
        user_id: user.id,
        receipt: TokenHash(factory.bytes()),
        requested_at: now.minus(LONG_AGO),
        due_at: now.minus(LONG_AGO),
        done_at: None,
    };
    assert!(unit.erasure_requests().put(&request).await.unwrap());
    let past = PastPassword {
        id: PastPasswordId::from_uuid(factory.id()),
        organization_id: user.organization_id,
        user_id: user.id,
        phc: factory.password(user).phc,
        replaced_at: now,
    };
    unit.passwords().remember(&past).await.unwrap();
}

/// Everybody, or nobody, is under a legal hold.
struct Everybody(bool);

#[async_trait]
impl Held for Everybody {
    async fn is_held(&self, _: OrganizationId, _: UserId) -> Result<bool, PortError> {
        Ok(self.0)
    }
}

async fn a_request_that_somebody_else_made_erases_nobody(world: World) {
    let mut factory = Factory::new(0x3FC1);
    let (asker, victim) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let (asker, victim) = (
        world.id(asker.user.id.as_uuid()),
        world.id(victim.user.id.as_uuid()),
    );
    world
        .sql(&format!("DELETE FROM erasure_requests WHERE user_id = {victim}"))
        .await;
    let site = Site::of(&world);
    let columns = "organization_id, receipt_hash, requested_at, due_at, row_mac";
    for change in [
        format!("UPDATE erasure_requests SET user_id = {victim}"),
        "UPDATE erasure_requests SET due_at = due_at - 1".to_owned(),
        "UPDATE erasure_requests SET row_mac = NULL".to_owned(),
        format!(
            "INSERT INTO erasure_requests (user_id, {columns}) SELECT {victim}, {columns} FROM \
             (SELECT * FROM erasure_requests WHERE user_id = {asker}) AS theirs"
        ),
    ] {
        world
            .sql("CREATE TABLE kept AS SELECT * FROM erasure_requests")
            .await;
        // The receipt is unique: the copy takes its place.
        if change.starts_with("INSERT") {
            world.sql("DROP INDEX erasure_requests_receipt").await;
        }
        world.sql(&change).await;
        let done = site.erasure().carry_out(&ctx_in(HOME), &Everybody(false)).await;
        done.unwrap();
        let erased = "SELECT COUNT(*) FROM users WHERE erased_at IS NOT NULL";
        // Beside a forged one, who asked in truth is erased.
        let genuine = i64::from(change.starts_with("INSERT"));
        assert_eq!(world.number(erased).await, genuine, "{change}");
        let of_victim = format!("{erased} AND id = {victim}");
        assert_eq!(world.number(&of_victim).await, 0, "{change}");
        world.sql("DELETE FROM erasure_requests").await;
        world.sql("INSERT INTO erasure_requests SELECT * FROM kept").await;
        world.sql("DROP TABLE kept").await;
    }
}

async fn a_password_that_is_due_stays_due(world: World) {
    let mut factory = Factory::new(0x3FC2);
    let user = person(&world, &mut factory).await.user;
    let mut password = factory.password(&user);
    password.must_change_at = Some(factory.now());
    let put = async || {
        let mut unit = world.unit().await;
        unit.passwords().put(&password).await.unwrap();
        unit.commit().await.unwrap();
    };
    for change in ["must_change_at = NULL", "must_change_at = must_change_at + 1"] {
        put().await;
        world.sql(&format!("UPDATE passwords SET {change}")).await;
        let mut unit = world.unit().await;
        assert!(unit.passwords().find(HOME, user.id).await.is_err(), "{change}");
        unit.rollback().await.unwrap();
    }
    put().await;
    let mut unit = world.unit().await;
    let found = unit.passwords().find(HOME, user.id).await.unwrap().unwrap();
    assert_eq!(found.must_change_at, password.must_change_at);
}

/// Neither may a short password pass for a long one, nor is what somebody had before taken for what somebody else had.
async fn a_short_password_stays_short_and_those_of_before_stay_in_their_place(world: World) {
    let mut factory = Factory::new(0x3FC5);
    let (one, two) = (
        person(&world, &mut factory).await.user,
        person(&world, &mut factory).await.user,
    );
    let mut password = factory.password(&one);
    password.beside_factor = true;
    let mut unit = world.unit().await;
    unit.passwords().put(&password).await.unwrap();
    unit.commit().await.unwrap();
    let id = world.id(one.id.as_uuid());
    world
        .sql(&format!(
            "UPDATE passwords SET beside_factor = FALSE WHERE user_id = {id}"
        ))
        .await;
    world
        .sql(&format!(
            "UPDATE password_history SET phc_ct = (SELECT phc_ct FROM password_history WHERE user_id = {}) WHERE user_id = {id}",
            world.id(two.id.as_uuid())
        ))
        .await;
    let mut unit = world.unit().await;
    assert!(unit.passwords().find(HOME, one.id).await.is_err());
    assert!(unit.passwords().past(HOME, one.id, 24).await.is_err());
    assert_eq!(unit.passwords().past(HOME, two.id, 24).await.unwrap().len(), 1);
    unit.rollback().await.unwrap();
}

async fn requests_are_carried_out_once_and_holds_are_respected(world: World) {
    let mut factory = Factory::new(0x3FC3);
    let (one, two) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let site = Site::of(&world);
    let ctx = ctx_in(HOME);
    let held = site.erasure().carry_out(&ctx, &Everybody(true)).await.unwrap();
    assert_eq!((held.erased, held.postponed), (0, 2));
    let nothing = site.erasure().carry_out(&ctx, &Everybody(false)).await.unwrap();
    assert_eq!((nothing.erased, nothing.postponed), (0, 0), "they wait for a day");

    let mut unit = world.unit().await;
    for person in [&one, &two] {
        let due_at = factory.now().minus(LONG_AGO);
        assert!(
            unit.erasure_requests()
                .postpone(HOME, person.user.id, due_at)
                .await
                .unwrap()
        );
    }
    unit.commit().await.unwrap();
    // Two processes at once: each person is erased once.
    let (first, second) = (site.erasure(), site.erasure());
    let nobody = Everybody(false);
    let (first, second) = tokio::join!(first.carry_out(&ctx, &nobody), second.carry_out(&ctx, &nobody));
    first.unwrap();
    second.unwrap();
    for action in ["subject.erase", "key.destroy"] {
        let sql = format!("SELECT COUNT(*) FROM audit_intake WHERE action = '{action}'");
        assert_eq!(world.number(&sql).await, 2, "{action}");
    }
    let waiting = "SELECT COUNT(*) FROM erasure_requests WHERE done_at IS NULL";
    assert_eq!(world.number(waiting).await, 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM consents").await, 0);
}

/// The text of every cell.
fn cells(holdings: &Holdings) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for part in &holdings.parts {
        for (column, cell) in part.rows.iter().flatten() {
            let text = match cell {
                Cell::Personal(text) => text.expose().clone(),
                Cell::Word(text) => text.clone(),
                Cell::Number(number) => number.to_string(),
                Cell::Time(at) => at.rfc3339(),
            };
            all.push((format!("{}.{column}", part.table), text));
        }
    }
    all
}

async fn an_export_holds_each_row_about_its_person(world: World) {
    let mut factory = Factory::new(0x3FC4);
    let (own, other) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let user = &own.user;
    let holdings = world.store.holdings(HOME, user.id, 1_000).await.unwrap();
    let planted = [
        "users",
        "passwords",
        "password_history",
        "totp_factors",
        "backup_codes",
        "mfa_challenges",
        "api_keys",
        "account_links",
        "mail_outbox",
        "user_roles",
        "sessions",
        "consents",
        "erasure_requests",
    ];
    for part in &holdings.parts {
        let rows = u64::try_from(part.rows.len()).unwrap();
        assert_eq!(rows, part.total, "{}", part.table);
        if planted.contains(&part.table) {
            assert!(rows > 0, "{}", part.table);
        }
    }
    let all = cells(&holdings);
    let has = |column: &str, text: &str| all.contains(&(column.to_owned(), text.to_owned()));
    assert!(has("users.username_ct", user.username.expose()));
    assert!(has("users.email_ct", user.email.expose()));
    assert!(has("account_links.address_ct", user.email.expose()));
    // No line of anybody else, and no secret.
    for (column, text) in &all {
        for needle in [other.user.username.expose(), other.user.email.expose(), "$argon2"] {
            assert!(!text.contains(needle), "{column}: {text}");
        }
        assert!(!text.contains(&other.user.id.to_string()), "{column}: {text}");
    }
    let keys = holdings
        .left_out
        .iter()
        .find(|left| left.table == "crypto_keys")
        .unwrap();
    assert_eq!(keys.rows, Some(1));
    let bounded = world.store.holdings(HOME, user.id, 3).await.unwrap();
    let codes = bounded
        .parts
        .iter()
        .find(|part| part.table == "backup_codes")
        .unwrap();
    assert_eq!((codes.rows.len(), codes.total), (3, 10));
    let next_door = world.store.holdings(NEIGHBOUR, user.id, 1_000).await.unwrap();
    assert!(cells(&next_door).is_empty());
}
