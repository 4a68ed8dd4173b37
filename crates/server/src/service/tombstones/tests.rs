use std::os::unix::fs::PermissionsExt as _;

use vutf_app::erasure::{Reason, Reference};
use vutf_audit::{Body, GENESIS, chain_after, leaf_hash};
use vutf_crypto_keys::{KekSet, memory::MemoryWrapper};
use vutf_identity::action::SUBJECT_ERASE;
use vutf_kernel::{Actor, Ambient, Detail, EventId, OrganizationId, Outcome, Secret, Timestamp, UserId};

use super::*;

const LIMIT: u64 = 64 * 1024;

fn kek(byte: u8) -> Arc<dyn KeyWrapper> {
    let name = format!("kek-{byte}");
    Arc::new(MemoryWrapper::new(&name, Secret::new([byte; 32])).unwrap())
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self) -> PathBuf {
        self.0.path().join("tombstones.jsonl")
    }
    /// As another process would open it.
    fn file(&self) -> TombstoneFile {
        self.under(kek(1))
    }
    fn under(&self, wrapper: Arc<dyn KeyWrapper>) -> TombstoneFile {
        TombstoneFile::new(self.path(), LIMIT, wrapper, Ambient::system())
    }
    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }
    async fn refused(&self, text: &str) -> TombstoneError {
        fs::write(self.path(), text).unwrap();
        self.file().read().await.unwrap_err()
    }
}

fn tombstone(number: u128) -> Tombstone {
    let id = |high: u128| uuid::Uuid::from_u128((high << 80) + (0x7 << 76) + (0x8 << 60) + number);
    Tombstone {
        event_id: EventId::from_uuid(id(1)),
        organization_id: OrganizationId::DEFAULT,
        subject_id: UserId::from_uuid(id(2)),
        erased_at: Timestamp::from_micros(1_700_000_000_000_000),
        reason: Reason::Request,
        reference: Reference::parse("DSR-1"),
    }
}

#[tokio::test]
async fn what_is_kept_is_there_once_and_for_every_process() {
    let place = Place::new();
    let (one, two) = (place.file(), place.file());
    assert!(one.read().await.unwrap().is_empty());
    one.keep(&[tombstone(1)]).await;
    two.keep(&[tombstone(2), tombstone(1), tombstone(2)]).await;
    one.keep(&[tombstone(3), tombstone(2)]).await;
    assert!(!one.is_failing() && !two.is_failing());
    let all = [tombstone(1), tombstone(2), tombstone(3)];
    for file in [&one, &two, &place.file()] {
        assert_eq!(file.read().await.unwrap(), all);
        assert_eq!(file.count(), 3);
    }
    let mode = fs::metadata(place.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(place.text().lines().count(), 4);
}

#[tokio::test]
async fn a_forged_a_moved_and_a_missing_line_are_refused() {
    let place = Place::new();
    let file = place.file();
    file.keep(&[tombstone(1), tombstone(2), tombstone(3)]).await;
    let text = place.text();
    let lines: Vec<&str> = text.lines().collect();
    let [head, first, second, third] = lines[..] else {
        panic!("{text}")
    };
    let other = Place::new();
    other.file().keep(&[tombstone(9)]).await;
    let foreign = other.text().lines().nth(1).unwrap().to_owned();
    let subject = tombstone(2).subject_id.to_string();
    let victim = tombstone(7).subject_id.to_string();
    for (what, forged, at) in [
        ("another person", text.replace(&subject, &victim), 3),
        ("another order", [head, second, first, third].join("\n") + "\n", 2),
        (
            "one less in the middle",
            [head, first, third].join("\n") + "\n",
            3,
        ),
        ("one twice", [head, first, first].join("\n") + "\n", 3),
        ("another file's line", format!("{text}{foreign}\n"), 5),
        ("no line", format!("{text}\n"), 5),
        ("a line without end", format!("{text}{}", "x".repeat(70_000)), 0),
    ] {
        match place.refused(&forged).await {
            TombstoneError::Forged { line, .. } => assert_eq!(line, at, "{what}"),
            TombstoneError::TooLarge { .. } => assert_eq!(at, 0, "{what}"),
            other => panic!("{what}: {other}"),
        }
    }
    for byte in [40, 60, 120, 200, 300] {
        let mut bytes = text.clone().into_bytes();
        let at = head.len() + byte;
        bytes[at] ^= 1;
        fs::write(place.path(), bytes).unwrap();
        assert!(place.file().read().await.is_err(), "byte {at}");
    }
    for text in ["", "{}\n", "no head"] {
        assert!(
            matches!(place.refused(text).await, TombstoneError::Foreign(_)),
            "{text}"
        );
    }
}

/// Nothing is added to a file that was tampered with, and nothing of it is lost.
#[tokio::test]
async fn a_file_that_is_refused_is_left_as_it_is() {
    let place = Place::new();
    let file = place.file();
    file.keep(&[tombstone(1)]).await;
    let forged = place.text().replace("request", "whatever");
    fs::write(place.path(), &forged).unwrap();
    file.keep(&[tombstone(2)]).await;
    assert!(file.is_failing());
    assert_eq!(place.text(), forged);
}

#[tokio::test]
async fn a_line_that_was_not_finished_is_passed_over_and_written_over() {
    let place = Place::new();
    place.file().keep(&[tombstone(1), tombstone(2)]).await;
    let whole = place.text();
    for cut in [1, 30, 200] {
        fs::write(place.path(), &whole[..whole.len() - cut]).unwrap();
        let file = place.file();
        assert_eq!(file.read().await.unwrap(), [tombstone(1)]);
        file.keep(&[tombstone(2)]).await;
        assert_eq!(place.text(), whole, "cut by {cut}");
    }
}

#[tokio::test]
async fn another_key_encryption_key_opens_it_once_it_is_rewrapped() {
    let place = Place::new();
    place.file().keep(&[tombstone(1)]).await;
    let stranger = place.under(kek(2));
    assert!(matches!(stranger.read().await, Err(TombstoneError::Key { .. })));
    let moving = KekSet::new(kek(2), Vec::new(), vec![kek(1)]).unwrap();
    let moved = place.under(Arc::new(moving));
    assert!(moved.rewrap().await.unwrap());
    assert!(!moved.rewrap().await.unwrap(), "once is enough");
    moved.keep(&[tombstone(2)]).await;
    assert_eq!(stranger.read().await.unwrap(), [tombstone(1), tombstone(2)]);
    assert!(place.file().read().await.is_err(), "the old one is of no use");
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_not_read() {
    let place = Place::new();
    place.file().keep(&[tombstone(1)]).await;
    let small = TombstoneFile::new(place.path(), 100, kek(1), Ambient::system());
    let error = small.read().await.unwrap_err();
    assert!(error.to_string().contains("erasure.tombstones_limit"), "{error}");
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_made_anew() {
    let place = Place::new();
    let file = place.file();
    file.keep(&[tombstone(1)]).await;
    fs::remove_file(place.path()).unwrap();
    file.keep(&[tombstone(1)]).await;
    assert_eq!(place.file().read().await.unwrap(), [tombstone(1)]);
}

/// It is as long as the one before, and has another key.
#[tokio::test]
async fn another_file_of_the_same_length_is_read_anew() {
    let (place, other) = (Place::new(), Place::new());
    let file = place.file();
    file.keep(&[tombstone(1)]).await;
    other.file().keep(&[tombstone(2)]).await;
    assert_eq!(place.text().len(), other.text().len());
    fs::rename(other.path(), place.path()).unwrap();
    file.keep(&[tombstone(3)]).await;
    assert_eq!(place.file().read().await.unwrap(), [tombstone(2), tombstone(3)]);
    assert!(!file.knows(file::who(&tombstone(1))), "it is to be made good");
}

/// Two processes that are ready at once do not write into one another's lines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_keep_everything() {
    let place = Arc::new(Place::new());
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..8_u128 {
        let place = Arc::clone(&place);
        writers.spawn(async move {
            let file = place.file();
            file.keep(&[tombstone(2 * number), tombstone(2 * number + 1)])
                .await;
            assert!(!file.is_failing());
        });
    }
    writers.join_all().await;
    let mut kept = place.file().read().await.unwrap();
    kept.sort_by_key(|tombstone| tombstone.subject_id);
    let all: Vec<_> = (0..16).map(tombstone).collect();
    assert_eq!(kept, all);
}

fn body(tombstone: &Tombstone, action: &str, outcome: Outcome) -> Vec<u8> {
    let details = [
        ("reason".to_owned(), Detail::Text("request".into())),
        ("reference".to_owned(), Detail::Text("DSR-1".into())),
    ];
    Body {
        id: tombstone.event_id,
        occurred_at: tombstone.erased_at,
        organization_id: tombstone.organization_id,
        request_id: "r".into(),
        actor: Actor::Operator,
        action: action.into(),
        resource: SUBJECT_ERASE.one(tombstone.subject_id.as_uuid()),
        outcome,
        subjects: Vec::new(),
        details: details.into(),
        private: std::collections::BTreeMap::new(),
    }
    .to_bytes()
}

/// What `audit export` writes, and the head of each entry.
fn export(bodies: &[Vec<u8>]) -> (String, Vec<Anchor>) {
    let (mut text, mut chain, mut heads) = (String::new(), GENESIS, Vec::new());
    for (seq, body) in (0..).zip(bodies) {
        let leaf = leaf_hash(body);
        let (leaf_hex, previous) = (hex::encode(leaf), hex::encode(chain));
        let body = std::str::from_utf8(body).unwrap();
        let head = format!("{{\"leaf_hash\":\"{leaf_hex}\",\"previous\":\"{previous}\",\"seq\":{seq}");
        text += &[&head, ",\"body\":", body, "}\n"].concat();
        chain = chain_after(&chain, &leaf);
        heads.push(Anchor { seq, chain });
    }
    (text, heads)
}

#[tokio::test]
async fn an_export_proves_the_erasures_up_to_a_head_and_no_further() {
    let place = Place::new();
    let (done, refused, other, late) = (tombstone(1), tombstone(2), tombstone(3), tombstone(4));
    let name = SUBJECT_ERASE.name;
    let bodies = [
        body(&done, name, Outcome::Success),
        body(&refused, name, Outcome::refused("permission_denied")),
        body(&other, "user.lock", Outcome::Success),
        body(&late, name, Outcome::Success),
    ];
    let (text, heads) = export(&bodies);
    fs::write(place.path(), &text).unwrap();
    assert!(TombstoneFile::is_export(&place.path()).unwrap());
    let read = TombstoneFile::read_export(&place.path(), heads[2]).await.unwrap();
    assert_eq!(read, std::slice::from_ref(&done));
    let read = TombstoneFile::read_export(&place.path(), heads[3]).await.unwrap();
    assert_eq!(read, [done, late.clone()]);

    let beyond = Anchor {
        seq: 4,
        chain: heads[3].chain,
    };
    let read = TombstoneFile::read_export(&place.path(), beyond).await;
    assert!(matches!(read, Err(TombstoneError::Unproved(_))));
    let victim = tombstone(7).subject_id.to_string();
    let forged = text.replace(&late.subject_id.to_string(), &victim);
    fs::write(place.path(), forged).unwrap();
    let read = TombstoneFile::read_export(&place.path(), heads[3]).await;
    assert!(matches!(read, Err(TombstoneError::Export { line: 4, .. })));
    // Consistent in itself, and another log.
    let (text, _) = export(&[body(&tombstone(7), name, Outcome::Success)]);
    fs::write(place.path(), text).unwrap();
    let read = TombstoneFile::read_export(&place.path(), heads[0]).await;
    assert!(matches!(read, Err(TombstoneError::Unproved(_))));
}

/// To pass over somebody who was erased would be to let them come back.
#[tokio::test]
async fn an_erasure_in_an_export_that_cannot_be_read_is_not_passed_over() {
    let place = Place::new();
    let known = body(&tombstone(1), SUBJECT_ERASE.name, Outcome::Success);
    let read = async |body: &str| {
        let (text, heads) = export(&[known.clone(), body.as_bytes().to_vec()]);
        fs::write(place.path(), text).unwrap();
        TombstoneFile::read_export(&place.path(), heads[1]).await
    };
    let second = body(&tombstone(2), SUBJECT_ERASE.name, Outcome::Success);
    let second = std::str::from_utf8(&second).unwrap();
    assert_eq!(read(second).await.unwrap().len(), 2);
    for (from, to) in [
        ("\"request\"", "\"newer\""),
        ("\"reason\"", "\"reasons\""),
        ("\"DSR-1\"", "\"D 1\""),
        ("\"DSR-1\"", "1"),
    ] {
        let changed = second.replace(from, to);
        assert_ne!(changed, second);
        let error = read(&changed).await.unwrap_err();
        assert!(
            matches!(error, TombstoneError::Erasure { line: 2, .. }),
            "{to}: {error}"
        );
    }
}
