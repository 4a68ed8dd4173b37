//! API keys, from their making to their end, and the programs that hold them.

use std::{net::IpAddr, time::Duration};

use vutf_identity::{
    User,
    api_key::{
        ApiKeyError, ApiKeyName, MadeApiKey, Network, Whose, authenticate,
        create::{CreateApiKey, CreateApiKeyError, create},
        revoke::{RevokeApiKey, revoke},
        rotate::{RotateApiKey, RotateApiKeyError, rotate},
    },
    mfa::{TotpSecret, confirm, enrol},
    role::assign::{AssignRoles, assign},
    session,
    user::{
        create::{CreateServiceAccount, create_service},
        delete::{DeleteUser, delete},
        disable::{Disable, disable},
        lock::{Lock, lock},
        me,
        restore::{RestoreUser, restore},
    },
};
use vutf_kernel::{Class, Ctx, Detail, Origin};

use crate::support::{World, operator, request, username};

pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) fn plan(scopes: &[&str]) -> CreateApiKey {
    CreateApiKey {
        owner: None,
        name: ApiKeyName::parse("nightly export").unwrap(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        networks: Vec::new(),
        ttl: None,
    }
}

/// What a request comes from; `None` for whatever is no address.
fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn reason(error: &ApiKeyError) -> &'static str {
    // Whoever presents it is told the same.
    assert_eq!(
        (error.class(), error.code()),
        (Class::Unauthenticated, "invalid_api_key")
    );
    assert_eq!(error.to_string(), "the API key is not valid");
    match error {
        ApiKeyError::Refused(refusal) => refusal.reason,
        ApiKeyError::Port(error) => panic!("{}", error.chain()),
    }
}

impl World {
    pub(crate) async fn person(&self, name: &str, roles: &[&str]) -> (User, Ctx) {
        let user = self.user(name, roles).await;
        let ctx = self.ctx(&self.login(name).await).await;
        (user, ctx)
    }
    pub(crate) async fn key(&self, ctx: &Ctx, scopes: &[&str]) -> MadeApiKey {
        create(ctx, &self.id, plan(scopes)).await.unwrap()
    }
    pub(crate) async fn why(&self, made: &MadeApiKey) -> Option<&'static str> {
        let answer = authenticate(&self.id, made.token.expose(), ip("192.0.2.7")).await;
        answer.err().as_ref().map(reason)
    }
    pub(crate) async fn scopes(&self, made: &MadeApiKey) -> Vec<String> {
        let caller = authenticate(&self.id, made.token.expose(), None).await.unwrap();
        caller
            .grants
            .iter()
            .map(|scope| scope.as_str().to_owned())
            .collect()
    }
    pub(crate) async fn by_key(&self, made: &MadeApiKey) -> Ctx {
        let caller = authenticate(&self.id, made.token.expose(), None).await.unwrap();
        caller.ctx(request(), Origin::default())
    }
    pub(crate) async fn program(&self, name: &str, roles: &[&str]) -> User {
        let command = CreateServiceAccount {
            username: username(name),
            display_name: None,
            roles: roles.iter().map(ToString::to_string).collect(),
        };
        create_service(&operator(), &self.id, command).await.unwrap()
    }
}

#[tokio::test]
async fn a_key_acts_for_its_owner_within_its_scopes() {
    let world = World::new();
    let (ada, ctx) = world.person("ada", &["auditor"]).await;
    let made = world.key(&ctx, &["audit:read", "users:read"]).await;
    let caller = authenticate(&world.id, made.token.expose(), None).await.unwrap();
    assert_eq!((caller.user_id, caller.key_id), (ada.id, made.key.id));
    assert_eq!(world.scopes(&made).await, ["audit:read", "users:read"]);
    let by_key = world.by_key(&made).await;
    assert_eq!((by_key.actor.kind(), by_key.assurance), ("api_key", None));
    // The events of what it does name both.
    vutf_identity::user::view::view(
        &world.by_key(&made).await,
        &world.id,
        vutf_identity::user::view::ViewUser { user_id: ada.id },
    )
    .await
    .unwrap();
    let event = world.store.events().pop().unwrap();
    assert_eq!(
        (event.actor.kind(), event.actor.user_id()),
        ("api_key", Some(ada.id))
    );
    let made_event = world
        .store
        .events()
        .into_iter()
        .find(|event| event.action == "api_key.create")
        .unwrap();
    assert_eq!(made_event.subjects, [ada.id]);
    assert_eq!(
        made_event.details["lookup"],
        Detail::Text(made.key.lookup.as_str().to_owned())
    );
    let printed = format!("{made:?} {:?}", world.store.events());
    assert!(!printed.contains(made.token.expose()) && !printed.contains("nightly"));
}

#[tokio::test]
async fn a_right_that_the_owner_loses_is_gone_from_the_key_at_once() {
    let world = World::new();
    let (ada, ctx) = world.person("ada", &["auditor"]).await;
    let made = world.key(&ctx, &["audit:read", "self:manage"]).await;
    assert_eq!(world.scopes(&made).await, ["audit:read", "self:manage"]);
    let command = AssignRoles {
        user_id: ada.id,
        expected_version: Some(ada.stamps.version),
        roles: Vec::new(),
    };
    assign(&operator(), &world.id, command).await.unwrap();
    assert_eq!(world.scopes(&made).await, ["self:manage"]);
}

#[tokio::test]
async fn a_key_asks_for_no_more_than_its_owner_holds() {
    let world = World::new();
    let (_, ctx) = world.person("ada", &[]).await;
    for (scopes, code) in [
        (&["users:read"][..], "scopes_exceed_owner"),
        (&["self:manage", "users:read"], "scopes_exceed_owner"),
        (&["nothing:known"], "unknown_scope"),
        (&[], "unknown_scope"),
    ] {
        let error = create(&ctx, &world.id, plan(scopes)).await.unwrap_err();
        assert_eq!(error.code(), code);
    }
    let many = CreateApiKey {
        networks: vec![Network::parse("10.0.0.0/8").unwrap(); 17],
        ..plan(&["self:manage"])
    };
    assert_eq!(
        create(&ctx, &world.id, many).await.unwrap_err().code(),
        "too_many_networks"
    );
    for ttl in [Duration::ZERO, DAY * 365 + Duration::from_secs(1)] {
        let command = CreateApiKey {
            ttl: Some(ttl),
            ..plan(&["self:manage"])
        };
        assert_eq!(
            create(&ctx, &world.id, command).await.unwrap_err().code(),
            "api_key_lifetime"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_for_the_log_alone() {
    let world = World::new();
    let (ada, ctx) = world.person("ada", &[]).await;
    let made = world.key(&ctx, &["self:manage"]).await;
    let other = world.key(&ctx, &["self:manage"]).await;
    let text = made.token.expose().clone();
    let unknown = vutf_identity::api_key::Token::generate(&mut vutf_kernel::OsEntropy).to_text();
    let checksum = if text.ends_with('0') { "1" } else { "0" };
    for (presented, reason_of_it) in [
        ("vutf_", "api_key_malformed"),
        (&text[..62], "api_key_malformed"),
        (&format!("{}{checksum}", &text[..62]), "api_key_checksum"),
        (unknown.expose(), "api_key_unknown"),
    ] {
        let error = authenticate(&world.id, presented, None).await.unwrap_err();
        assert_eq!(reason(&error), reason_of_it, "{presented}");
    }
    // The lookup of one key with the secret of another, under a right checksum: made as an attacker would.
    let forged = forge(&text, other.token.expose());
    let error = authenticate(&world.id, &forged, None).await.unwrap_err();
    assert_eq!(reason(&error), "api_key_wrong_secret");
    let ApiKeyError::Refused(refusal) = error else {
        panic!()
    };
    assert_eq!(
        (refusal.lookup, refusal.key),
        (Some(made.key.lookup), Some((made.key.id, ada.id)))
    );
}

/// A key of the lookup of `one` and the secret of `other`.
fn forge(one: &str, other: &str) -> String {
    let body = format!("{}{}", &one[..14], &other[14..57]);
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    let mut rest = !crc;
    let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(alphabet[usize::try_from(rest % 62).unwrap()]);
        rest /= 62;
    }
    format!("{body}{}", digits.iter().rev().collect::<String>())
}

#[tokio::test]
async fn a_key_is_good_for_its_time_from_its_networks() {
    let world = World::new();
    let (_, ctx) = world.person("ada", &[]).await;
    let command = CreateApiKey {
        networks: vec![
            Network::parse("192.0.2.0/24").unwrap(),
            Network::parse("2001:db8::/48").unwrap(),
        ],
        ttl: Some(DAY),
        ..plan(&["self:manage"])
    };
    let made = create(&ctx, &world.id, command).await.unwrap();
    for (from, why) in [
        (ip("192.0.2.9"), None),
        (ip("::ffff:192.0.2.9"), None),
        (ip("2001:db8::1"), None),
        (ip("198.51.100.1"), Some("api_key_wrong_network")),
        (ip("2001:db8:1::1"), Some("api_key_wrong_network")),
        (None, Some("api_key_wrong_network")),
    ] {
        let answer = authenticate(&world.id, made.token.expose(), from).await;
        assert_eq!(answer.err().as_ref().map(reason), why, "{from:?}");
    }
    let last = Duration::from_micros(1);
    world.pass(DAY.saturating_sub(last));
    assert_eq!(world.why(&made).await, None);
    world.pass(last);
    assert_eq!(world.why(&made).await, Some("api_key_expired"));
}

#[tokio::test]
async fn a_key_of_somebody_who_is_barred_is_none() {
    let world = World::new();
    for name in ["locked", "disabled", "deleted"] {
        let (user, ctx) = world.person(name, &[]).await;
        let made = world.key(&ctx, &["self:manage"]).await;
        assert_eq!(world.why(&made).await, None);
        let user_id = user.id;
        match name {
            "locked" => {
                lock(&operator(), &world.id, Lock { user_id }).await.unwrap();
                assert_eq!(world.why(&made).await, Some("api_key_owner_barred"));
            }
            "disabled" => {
                disable(&operator(), &world.id, Disable { user_id })
                    .await
                    .unwrap();
                assert_eq!(world.why(&made).await, Some("api_key_owner_barred"));
            }
            _ => {
                let command = DeleteUser {
                    user_id,
                    expected_version: Some(user.stamps.version),
                };
                delete(&operator(), &world.id, command).await.unwrap();
                assert_eq!(world.why(&made).await, Some("api_key_revoked"));
                restore(&operator(), &world.id, RestoreUser { user_id })
                    .await
                    .unwrap();
                // What a delete ended stays ended.
                assert_eq!(world.why(&made).await, Some("api_key_revoked"));
            }
        }
    }
}

#[tokio::test]
async fn a_rotation_leaves_the_old_key_its_overlap() {
    let world = World::new();
    let (_, ctx) = world.person("ada", &[]).await;
    let first = world.key(&ctx, &["self:manage"]).await;
    let command = RotateApiKey {
        key_id: first.key.id,
        whose: Whose::Own,
        overlap: Some(Duration::from_mins(1)),
    };
    let second = rotate(&ctx, &world.id, command).await.unwrap();
    assert_ne!(first.token, second.token);
    assert_eq!(
        (&second.key.name, &second.key.scopes, second.key.expires_at),
        (&first.key.name, &first.key.scopes, first.key.expires_at)
    );
    assert_eq!((world.why(&first).await, world.why(&second).await), (None, None));
    let again = rotate(&ctx, &world.id, command).await.unwrap_err();
    assert!(matches!(again, RotateApiKeyError::Rotated), "{again}");
    world.pass(Duration::from_mins(1));
    assert_eq!(world.why(&first).await, Some("api_key_expired"));
    assert_eq!(world.why(&second).await, None);
}

#[tokio::test]
async fn a_chain_of_rotations_has_two_live_keys_at_most() {
    let world = World::new();
    let (_, ctx) = world.person("ada", &[]).await;
    let mut chain = vec![world.key(&ctx, &["self:manage"]).await];
    for _ in 0..3 {
        let command = RotateApiKey {
            key_id: chain.last().unwrap().key.id,
            whose: Whose::Own,
            overlap: None,
        };
        chain.push(rotate(&ctx, &world.id, command).await.unwrap());
    }
    let mut why = Vec::new();
    for made in &chain {
        why.push(world.why(made).await);
    }
    assert_eq!(
        why,
        [Some("api_key_revoked"), Some("api_key_revoked"), None, None]
    );
    let none = RotateApiKey {
        key_id: chain[3].key.id,
        whose: Whose::Own,
        overlap: Some(Duration::ZERO),
    };
    let last = rotate(&ctx, &world.id, none).await.unwrap();
    assert_eq!(world.why(&chain[3]).await, Some("api_key_revoked"));
    assert_eq!(world.why(&last).await, None);
    let long = RotateApiKey {
        key_id: last.key.id,
        whose: Whose::Own,
        overlap: Some(DAY * 8),
    };
    assert_eq!(
        rotate(&ctx, &world.id, long).await.unwrap_err().code(),
        "api_key_overlap"
    );
}

#[tokio::test]
async fn a_revoked_key_is_none_and_may_be_revoked_again() {
    let world = World::new();
    let (_, ctx) = world.person("ada", &[]).await;
    let made = world.key(&ctx, &["self:manage"]).await;
    assert_eq!(world.why(&made).await, None);
    let command = RevokeApiKey {
        key_id: made.key.id,
        whose: Whose::Own,
    };
    revoke(&ctx, &world.id, command).await.unwrap();
    assert_eq!(world.why(&made).await, Some("api_key_revoked"));
    revoke(&ctx, &world.id, command).await.unwrap();
    let last = world.store.events().pop().unwrap();
    assert_eq!(last.details["repeated"], Detail::Bool(true));
    let rotating = RotateApiKey {
        key_id: made.key.id,
        whose: Whose::Own,
        overlap: None,
    };
    assert_eq!(
        rotate(&ctx, &world.id, rotating).await.unwrap_err().code(),
        "api_key_ended"
    );
}

#[tokio::test]
async fn an_account_has_so_many_live_keys_and_no_more() {
    let world = World::new();
    let (_, ctx) = world.person("ada", &[]).await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(world.key(&ctx, &["self:manage"]).await);
    }
    let error = create(&ctx, &world.id, plan(&["self:manage"])).await.unwrap_err();
    assert!(matches!(error, CreateApiKeyError::TooMany), "{error}");
    // What is rotated counts once.
    let command = RotateApiKey {
        key_id: keys[0].key.id,
        whose: Whose::Own,
        overlap: None,
    };
    rotate(&ctx, &world.id, command).await.unwrap();
    let command = RevokeApiKey {
        key_id: keys[1].key.id,
        whose: Whose::Own,
    };
    revoke(&ctx, &world.id, command).await.unwrap();
    world.key(&ctx, &["self:manage"]).await;
    assert_eq!(
        create(&ctx, &world.id, plan(&["self:manage"]))
            .await
            .unwrap_err()
            .code(),
        "too_many_api_keys"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_rotations_at_once_one_succeeds() {
    let world = World::new();
    let (_, ctx) = world.person("ada", &[]).await;
    let made = world.key(&ctx, &["self:manage"]).await;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (ctx, id) = (ctx.clone(), world.id.clone());
            let command = RotateApiKey {
                key_id: made.key.id,
                whose: Whose::Own,
                overlap: None,
            };
            tokio::spawn(async move { rotate(&ctx, &id, command).await.map_err(|error| error.code()) })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(code) => assert_eq!(code, "api_key_rotated"),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn whoever_makes_a_key_has_proved_lately_who_they_are() {
    let world = World::new();
    let (_, ctx) = world.person("ada", &[]).await;
    let made = world.key(&ctx, &["self:manage"]).await;
    let rotating = RotateApiKey {
        key_id: made.key.id,
        whose: Whose::Own,
        overlap: None,
    };
    world.pass(Duration::from_mins(5) + Duration::from_micros(1));
    let stale = create(&ctx, &world.id, plan(&["self:manage"])).await.unwrap_err();
    assert_eq!(stale.code(), "insufficient_user_authentication");
    assert_eq!(
        rotate(&ctx, &world.id, rotating).await.unwrap_err().code(),
        "insufficient_user_authentication"
    );
    // With a second factor the password alone does not do.
    let ctx = world.ctx(&world.login("ada").await).await;
    let enrolled = enrol::enrol(&ctx, &world.id).await.unwrap();
    let code = TotpSecret::from_base32(enrolled.secret.expose())
        .unwrap()
        .code(world.now());
    confirm::confirm(&ctx, &world.id, confirm::Confirm { code })
        .await
        .unwrap();
    let refused = create(&ctx, &world.id, plan(&["self:manage"])).await.unwrap_err();
    assert_eq!(refused.code(), "insufficient_user_authentication");
}

#[tokio::test]
async fn a_key_is_no_way_around_a_session() {
    let world = World::new();
    let (ada, ctx) = world.person("ada", &["super_admin"]).await;
    let all: Vec<&str> = vutf_identity::role::permission::ALL
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let made = world.key(&ctx, &all).await;
    let by_key = world.by_key(&made).await;
    let own = RotateApiKey {
        key_id: made.key.id,
        whose: Whose::Own,
        overlap: None,
    };
    let program = world.program("export", &[]).await;
    let for_program = CreateApiKey {
        owner: Some(program.id),
        ..plan(&["self:manage"])
    };
    let codes = [
        create(&by_key, &world.id, plan(&["self:manage"]))
            .await
            .unwrap_err()
            .code(),
        create(&by_key, &world.id, for_program.clone())
            .await
            .unwrap_err()
            .code(),
        rotate(&by_key, &world.id, own).await.unwrap_err().code(),
        session::list::list(&by_key, &world.id).await.unwrap_err().code(),
        session::revoke::revoke_others(&by_key, &world.id)
            .await
            .unwrap_err()
            .code(),
        enrol::enrol(&by_key, &world.id).await.unwrap_err().code(),
        vutf_identity::mfa::view::view(&by_key, &world.id)
            .await
            .unwrap_err()
            .code(),
        vutf_identity::mfa::regenerate::regenerate(&by_key, &world.id)
            .await
            .unwrap_err()
            .code(),
        vutf_identity::mfa::remove::remove(&by_key, &world.id)
            .await
            .unwrap_err()
            .code(),
    ];
    assert_eq!(codes, ["not_signed_in"; 9]);
    // What it may see is for whom it acts.
    assert_eq!(
        me::view(&by_key, &world.id).await.unwrap().profile.user.id,
        ada.id
    );
    // A key of somebody with every right gives no roles beyond its own scopes.
    let narrow = world.key(&ctx, &["roles:assign", "users:lock"]).await;
    let narrow = world.by_key(&narrow).await;
    let eve = world.user("eve", &[]).await;
    let command = |role: &str| AssignRoles {
        user_id: eve.id,
        expected_version: Some(eve.stamps.version),
        roles: vec![role.to_owned()],
    };
    let refused = assign(&narrow, &world.id, command("auditor")).await.unwrap_err();
    assert_eq!(refused.code(), "exceeds_own_rights");
    // It reaches those who have what everybody has.
    lock(&narrow, &world.id, Lock { user_id: eve.id }).await.unwrap();
    let refused = lock(
        &narrow,
        &world.id,
        Lock {
            user_id: world.user("watch", &["auditor"]).await.id,
        },
    )
    .await;
    assert_eq!(refused.unwrap_err().code(), "exceeds_own_rights");
}
