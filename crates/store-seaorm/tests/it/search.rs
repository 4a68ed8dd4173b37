//! Each search of the log goes along an index: nothing is read as a whole, and nothing large is sorted.

use std::time::Duration;

use uuid::Uuid;
use vutf_audit::{ActionMatch, ActorKind, Ending, EventFilter, LogReader as _, Order, Word};
use vutf_kernel::{OrganizationId, PageRequest, RequestId, Timestamp, UserId};

use crate::world::World;

on_both!(
    every_filter_is_led_by_an_index_in_the_order_of_the_answer,
    a_page_behind_a_cursor_begins_at_it,
    a_search_of_somebody_who_is_everywhere_goes_on_page_by_page,
    a_search_of_somebody_who_does_everything_goes_on_page_by_page,
);

/// So many rows may be sorted: those of a page of each of some actions, or of somebody who has done little.
const FEW: u64 = 2_500;
/// The events of the fixture are thousands of pages; what a world writes at its start, in the month of today, is a few.
const A_FEW_PAGES: f64 = 25.0;
const DAY: Duration = Duration::from_hours(24);
/// The first event; one follows each second.
const START: i64 = 1_795_255_200;

/// Thirty thousand events of a few and of many, in two tenants.
const POSTGRES: &str = "
INSERT INTO audit_intake (id, occurred_at, organization_id, request_id, actor_kind, actor_id, action, resource_kind, resource_id, outcome,
    reason, body, parts, mac)
  SELECT (lpad(to_hex((1795255200 + n)::bigint * 1000), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid, (1795255200 + n)::bigint * 1000000,
    CASE WHEN n % 10 = 0 THEN '00000000-0000-7000-8000-000000000002' ELSE '00000000-0000-7000-8000-000000000001' END::uuid, 'r-' || n / 2,
    CASE WHEN n % 50 = 1 THEN 'system' WHEN n % 20 = 3 THEN 'anonymous' ELSE 'user' END,
    CASE WHEN n % 50 = 1 OR n % 20 = 3 THEN NULL ELSE ('00000000-0000-7000-8000-' || lpad(to_hex(n % 300), 12, '0'))::uuid END,
    (ARRAY['user.read', 'user.list', 'session.login', 'key.read', 'user.lock'])[1 + n % 7 % 5], (ARRAY['user', 'session', 'key'])[1 + n % 3],
    ('00000000-0000-7000-8000-' || lpad(to_hex(n % 2000), 12, '0'))::uuid, CASE WHEN n % 25 = 7 THEN 'refused' ELSE 'success' END,
    CASE WHEN n % 25 = 7 THEN 'reason_' || n % 4 END, decode(repeat('7b', 300), 'hex'), '', decode(repeat('00', 32), 'hex')
  FROM generate_series(1, 30000) n;
INSERT INTO audit_subject_ref (event_id, organization_id, subject_id) SELECT id, organization_id, resource_id FROM audit_intake;
ANALYZE;
";

const SQLITE: &str = "
WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 3000)
INSERT INTO audit_intake (id, occurred_at, organization_id, request_id, actor_kind, actor_id, action, resource_kind, resource_id, outcome,
    reason, body, parts, mac)
  SELECT unhex(printf('%012x70008%015x', (1795255200 + n) * 1000, n)), (1795255200 + n) * 1000000,
    X'00000000000070008000000000000001', 'r-' || n / 2, CASE WHEN n % 20 = 3 THEN 'anonymous' ELSE 'user' END,
    unhex(printf('00000000000070008000%012x', n % 300)), 'user.' || CASE n % 3 WHEN 0 THEN 'read' ELSE 'list' END, 'user',
    unhex(printf('00000000000070008000%012x', n % 200)), CASE WHEN n % 25 = 7 THEN 'refused' ELSE 'success' END,
    CASE WHEN n % 25 = 7 THEN 'reason_' || n % 4 END, X'7B', X'', zeroblob(32)
  FROM s;
INSERT INTO audit_subject_ref (event_id, organization_id, subject_id) SELECT id, organization_id, resource_id FROM audit_intake;
";

async fn fill(world: &World) {
    world
        .sql(if world.is_postgres() { POSTGRES } else { SQLITE })
        .await;
}

/// Twenty-five thousand events of one actor, on the day after; what is searched for beside is every four-thousandth, and the first.
const BUSY_POSTGRES: &str = "
INSERT INTO audit_intake (id, occurred_at, organization_id, request_id, actor_kind, actor_id, action, resource_kind, outcome, body, parts, mac)
  SELECT (lpad(to_hex((1795341600 + n)::bigint * 1000), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid,
    (1795341600 + n)::bigint * 1000000, '00000000-0000-7000-8000-000000000001', 'busy', 'user', '00000000-0000-7000-8000-0000ffffffff',
    CASE WHEN n % 4000 = 1 THEN 'busy.seldom' ELSE 'busy.always' END, 'user', 'success', decode('7b', 'hex'), '', decode(repeat('00', 32), 'hex')
  FROM generate_series(1, 25000) n;
ANALYZE;
";

const BUSY_SQLITE: &str = "
WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 25000)
INSERT INTO audit_intake (id, occurred_at, organization_id, request_id, actor_kind, actor_id, action, resource_kind, outcome, body, parts, mac)
  SELECT unhex(printf('%012x70008%015x', (1795341600 + n) * 1000, n)), (1795341600 + n) * 1000000,
    X'00000000000070008000000000000001', 'busy', 'user', X'000000000000700080000000ffffffff',
    CASE WHEN n % 4000 = 1 THEN 'busy.seldom' ELSE 'busy.always' END, 'user', 'success', X'7B', X'', zeroblob(32)
  FROM s;
";

type Part = (&'static str, &'static str, fn(&mut EventFilter));

fn person(n: u128) -> Uuid {
    Uuid::from_u128(0x7000_8000_0000_0000_0000 | n)
}

/// Each part of a filter, and the index that leads where it stands alone.
const PARTS: [Part; 16] = [
    ("everything", "audit_intake_list", |_| {}),
    ("period", "audit_intake_list", |f| {
        let from = Timestamp::from_secs(START).plus(DAY / 8);
        (f.from, f.until) = (Some(from), Some(from.plus(DAY / 24)));
    }),
    ("actor", "audit_intake_actor", |f| f.actor_id = Some(person(7))),
    ("user", "audit_intake_list", |f| {
        f.actor_kind = Some(ActorKind::User);
    }),
    ("anonymous", "audit_intake_actor_kind", |f| {
        f.actor_kind = Some(ActorKind::Anonymous);
    }),
    ("subject", "audit_subject_ref_subject", |f| {
        f.subject = Some(UserId::from_uuid(person(7)));
    }),
    ("action", "audit_intake_action", |f| {
        f.action = ActionMatch::parse("user.list").ok();
    }),
    ("rare action", "audit_intake_action", |f| {
        f.action = ActionMatch::parse("user.nothing").ok();
    }),
    ("actions", "audit_intake_action", |f| {
        f.action = ActionMatch::parse("user.").ok();
    }),
    ("kind", "audit_intake_resource_kind", |f| {
        f.resource_kind = Word::parse("user").ok();
    }),
    ("resource", "audit_intake_resource", |f| {
        f.resource_id = Some(person(7));
    }),
    ("success", "audit_intake_list", |f| {
        f.outcome = Some(Ending::Success);
    }),
    ("refused", "audit_intake_undone", |f| {
        f.outcome = Some(Ending::Refused);
    }),
    ("failed", "audit_intake_undone", |f| {
        f.outcome = Some(Ending::Failed);
    }),
    ("reason", "audit_intake_reason", |f| {
        f.reason = Word::parse("reason_1").ok();
    }),
    ("request", "audit_intake_request", |f| {
        f.request_id = RequestId::parse("r-77");
    }),
];

async fn every_filter_is_led_by_an_index_in_the_order_of_the_answer(world: World) {
    fill(&world).await;
    for (number, (one, index, change)) in PARTS.iter().enumerate() {
        for (two, _, also) in &PARTS[number..] {
            for order in Order::ALL {
                let mut filter = EventFilter::within(OrganizationId::DEFAULT);
                filter.order = *order;
                change(&mut filter);
                also(&mut filter);
                let page = PageRequest::default();
                let plan = world.store.explain_search(&filter, &page).await.unwrap();
                let what = format!("{one} and {two}, {}:\n{}", order.as_str(), plan.join("\n"));
                assert!(!plan.is_empty(), "{what}");
                is_along_an_index(&plan, &what);
                // PostgreSQL may know of a shorter way, by what there is.
                if one == two && !world.is_postgres() {
                    assert!(plan.iter().any(|step| step.contains(index)), "{what}");
                }
            }
        }
    }
}

/// What PostgreSQL expects a step to cost: one is the reading of a page.
fn cost(step: &str) -> f64 {
    let most = step
        .split("(cost=")
        .nth(1)
        .and_then(|rest| rest.split("..").nth(1));
    let most = most.and_then(|rest| rest.split(' ').next());
    most.unwrap().parse().unwrap()
}

#[track_caller]
fn is_along_an_index(plan: &[String], what: &str) {
    // Only what the statement itself has chosen, a page for each action, is read as a whole.
    let derived = |step: &str| {
        [
            "SCAN CONSTANT ROW",
            "SCAN f",
            "SCAN every",
            "SCAN one",
            "SCAN r",
            "SCAN (subquery",
        ]
        .iter()
        .any(|scan| step.starts_with(scan))
    };
    let merges = plan.iter().any(|step| step.contains("UNION ALL"));
    for step in plan {
        // A month that has a page or none costs nothing to read whole.
        assert!(!step.contains("Seq Scan") || cost(step) < A_FEW_PAGES, "{what}");
        assert!(!step.starts_with("SCAN ") || derived(step), "{what}");
        assert!(!step.contains("TEMP B-TREE") || merges, "{what}");
        let node = step.trim_start().trim_start_matches("-> ").trim_start();
        if node.starts_with("Sort ") && node.contains("rows=") {
            let rows = node.split("rows=").nth(1).and_then(|rest| rest.split(' ').next());
            assert!(rows.unwrap().parse::<u64>().unwrap() <= FEW, "{what}");
        }
    }
}

async fn a_page_behind_a_cursor_begins_at_it(world: World) {
    fill(&world).await;
    let mut filter = EventFilter::within(OrganizationId::DEFAULT);
    filter.actor_id = Some(person(7));
    let page = PageRequest {
        after: None,
        limit: 3,
    };
    let first = world.store.search(&filter, &page).await.unwrap();
    let page = PageRequest {
        after: first.next,
        ..page
    };
    let second = world.store.search(&filter, &page).await.unwrap();
    assert!(second.items[0].intake.id > first.items[2].intake.id);
    let plan = world
        .store
        .explain_search(&filter, &page)
        .await
        .unwrap()
        .join("\n");
    let bound = if world.is_postgres() { "(id > " } else { "id>?" };
    assert!(
        plan.contains(bound),
        "the cursor bounds the index itself:\n{plan}"
    );
    let nothing = EventFilter {
        action: ActionMatch::parse("nothing.").ok(),
        ..EventFilter::within(OrganizationId::DEFAULT)
    };
    let plan = world.store.explain_search(&nothing, &page).await.unwrap();
    assert!(plan.is_empty(), "what no action begins with is not looked for");
    assert!(
        world
            .store
            .search(&nothing, &page)
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

/// In each event of the tenant, and asked for with an actor who did one in three hundred.
async fn a_search_of_somebody_who_is_everywhere_goes_on_page_by_page(world: World) {
    fill(&world).await;
    let everywhere = person(0xffff_ffff);
    let uuid = if world.is_postgres() {
        format!("'{everywhere}'::uuid")
    } else {
        format!("X'{}'", everywhere.simple())
    };
    let refer = format!(
        "INSERT INTO audit_subject_ref (event_id, organization_id, subject_id) SELECT id, organization_id, {uuid} FROM audit_intake"
    );
    world.sql(&refer).await;
    for order in Order::ALL {
        let mut filter = EventFilter::within(OrganizationId::DEFAULT);
        filter.order = *order;
        filter.actor_id = Some(person(7));
        let (expected, _) = all_of(&world, &filter).await;
        filter.subject = Some(UserId::from_uuid(everywhere));
        let (found, short) = all_of(&world, &filter).await;
        assert_eq!(found, expected, "{}", order.as_str());
        assert!(found.len() >= 10 && short >= 1, "{} {short}", found.len());
    }
}

/// Every event of its day, of which one in four thousand is asked for.
async fn a_search_of_somebody_who_does_everything_goes_on_page_by_page(world: World) {
    let busy = if world.is_postgres() {
        BUSY_POSTGRES
    } else {
        BUSY_SQLITE
    };
    world.sql(busy).await;
    for order in Order::ALL {
        let mut filter = EventFilter::within(OrganizationId::DEFAULT);
        filter.order = *order;
        filter.action = ActionMatch::parse("busy.seldom").ok();
        let (expected, none) = all_of(&world, &filter).await;
        filter.actor_id = Some(person(0xffff_ffff));
        let (found, short) = all_of(&world, &filter).await;
        assert_eq!(found, expected, "{}", order.as_str());
        assert_eq!((found.len(), none, short), (7, 0, 2), "{}", order.as_str());
    }
}

/// What all pages hold, and how many of them were not full and had a next one.
async fn all_of(world: &World, filter: &EventFilter) -> (Vec<Uuid>, usize) {
    let (mut ids, mut short, mut after) = (Vec::new(), 0, None);
    loop {
        let page = PageRequest { after, limit: 20 };
        let found = world.store.search(filter, &page).await.unwrap();
        ids.extend(found.items.iter().map(|record| record.intake.id.as_uuid()));
        after = found.next;
        if after.is_none() {
            return (ids, short);
        }
        short += usize::from(found.items.len() < 20);
    }
}
