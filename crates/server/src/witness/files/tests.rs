use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use vutf_audit::{
    leaf_hash,
    tlog::{
        Cosigner,
        publish::{MemoryPublished, PublishedLog as _},
        witness::{AddCheckpoint, KnownLogs, Refusal, Witness, WitnessError},
    },
};
use vutf_kernel::{OsEntropy, Secret, SystemClock};

use super::*;

const ORIGIN: &str = "log.example.org/audit";

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

/// A log, and a directory for its witness.
struct World {
    home: TempDir,
    log: MemoryPublished,
    logs: KnownLogs,
    signer: Cosigner,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (log, key) = MemoryPublished::keyed(name(ORIGIN), &Secret::new([1; 32])).unwrap();
        let directory = WitnessDirectory::new(home.path().join("witness"));
        let (signer, made) = directory.init(&name("w1"), &mut OsEntropy).unwrap();
        assert!(made);
        Self {
            home,
            log,
            logs: KnownLogs::new([key]).unwrap(),
            signer,
        }
    }

    fn directory(&self) -> WitnessDirectory {
        WitnessDirectory::new(self.home.path().join("witness"))
    }

    fn open(&self) -> FileWitness {
        self.directory().open(self.signer.key().clone()).unwrap()
    }

    async fn send(&self, log: &MemoryPublished, old: u64, store: &FileWitness) -> Result<u64, WitnessError> {
        let checkpoint = log.newest_checkpoint().await.unwrap().unwrap();
        let size = checkpoint.lines().nth(1).unwrap().parse().unwrap();
        let proof = log.consistency(old, size).await.unwrap_or_default();
        let request = AddCheckpoint {
            old,
            proof,
            checkpoint,
        }
        .to_string();
        let witness = Witness {
            logs: &self.logs,
            signer: &self.signer,
            store,
            clock: &SystemClock,
        };
        Ok(witness
            .add_checkpoint(request.as_bytes())
            .await?
            .checkpoint()
            .size)
    }
}

fn leaves(count: u8, salt: u8) -> impl Iterator<Item = [u8; 32]> {
    (0..count).map(move |number| leaf_hash(&[number, salt]))
}

fn file_of(world: &World) -> std::path::PathBuf {
    world.directory().log_file(&name(ORIGIN))
}

#[tokio::test]
async fn what_was_cosigned_is_there_after_a_restart_and_for_its_user_alone() {
    let world = World::new();
    let store = world.open();
    world.log.append(leaves(7, 0));
    assert_eq!(world.send(&world.log, 0, &store).await.unwrap(), 7);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file_of(&world)), 0o600);
    assert_eq!(mode(&world.directory().path().join("witness.key")), 0o600);
    assert_eq!(mode(world.directory().path()), 0o700);
    drop(store);
    let store = world.open();
    let refused = world.send(&world.log, 0, &store).await.unwrap_err();
    assert!(
        matches!(refused, WitnessError::Refused(Refusal::Conflict { size: 7 })),
        "{refused}"
    );
    world.log.append(leaves(7, 1));
    assert_eq!(world.send(&world.log, 7, &store).await.unwrap(), 14);
}

#[tokio::test]
async fn one_process_works_in_a_directory() {
    let world = World::new();
    let store = world.open();
    let busy = world.directory().open(world.signer.key().clone());
    assert!(matches!(busy, Err(DirectoryError::Busy { .. })));
    drop(store);
    world.open();
}

#[tokio::test]
async fn a_file_that_is_not_what_was_cosigned_is_never_taken_for_nothing() {
    let world = World::new();
    let store = world.open();
    world.log.append(leaves(7, 0));
    world.send(&world.log, 0, &store).await.unwrap();
    let path = file_of(&world);
    let whole = fs::read(&path).unwrap();
    let forgotten = world.log.newest_checkpoint().await.unwrap().unwrap();
    let elsewhere = world.directory().log_file(&name("other.example.org"));
    fs::copy(&path, &elsewhere).unwrap();
    assert!(
        store.last(&name("other.example.org")).await.is_err(),
        "the file of another log"
    );
    fs::remove_file(elsewhere).unwrap();
    // Empty, cut off, without our cosignature, not text: each keeps the witness from cosigning this log.
    for text in [
        &[][..],
        &whole[..whole.len() - 9],
        forgotten.as_bytes(),
        &[0xff, 0xfe],
    ] {
        fs::write(&path, text).unwrap();
        let refused = world.send(&world.log, 0, &store).await.unwrap_err();
        assert!(matches!(refused, WitnessError::Port(_)), "{refused}");
        let known = world.directory().known(world.signer.key()).unwrap();
        assert!(matches!(&known[0].1.last, Err(DirectoryError::Foreign { .. })));
    }
    for at in 0..whole.len() {
        let mut text = whole.clone();
        text[at] ^= 1;
        fs::write(&path, &text).unwrap();
        let read = store.last(&name(ORIGIN)).await;
        // The log's own signature is no longer needed: what this witness cosigned is what counts.
        let same = read.is_ok_and(|last| last.is_some_and(|last| last.checkpoint().size == 7));
        let signature_of_log = String::from_utf8_lossy(&whole[..at]).matches('\u{2014}').count() == 1;
        assert!(!same || signature_of_log, "byte {at}");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(world.send(&world.log, 7, &store).await.unwrap(), 7);
}

#[tokio::test]
async fn evidence_is_kept_once_and_has_a_bound_of_its_kind() {
    let world = World::new();
    let store = world.open();
    world.log.append(leaves(7, 0));
    world.send(&world.log, 0, &store).await.unwrap();
    let (fork, _) = MemoryPublished::keyed(name(ORIGIN), &Secret::new([1; 32])).unwrap();
    for round in 0..u8::try_from(MOST_EVIDENCE + 20).unwrap() {
        fork.append(leaves(8, round + 1));
        assert!(world.send(&fork, 7, &store).await.is_err());
    }
    let evidence = || world.directory().known(world.signer.key()).unwrap()[0].1.evidence;
    assert_eq!(evidence(), (0, MOST_EVIDENCE));
    // A proof of a fork has room of its own.
    let (fork, key) = MemoryPublished::keyed(name(ORIGIN), &Secret::new([1; 32])).unwrap();
    fork.append(leaves(7, 9));
    for _ in 0..3 {
        assert!(world.send(&fork, 7, &store).await.is_err());
    }
    assert_eq!(evidence(), (1, MOST_EVIDENCE));
    let directory = world.directory().evidence_of(&name(ORIGIN));
    let names = names_in(&directory).unwrap();
    let proof = names.iter().find(|name| name.starts_with(FORK)).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&fs::read(directory.join(proof)).unwrap()).unwrap();
    for side in ["cosigned", "refused"] {
        let note = vutf_audit::tlog::Note::parse(value[side].as_str().unwrap()).unwrap();
        assert_eq!(note.verify(&key), Ok(()), "{side}");
    }
}

#[test]
fn a_key_is_made_once_and_missed_when_it_is_gone() {
    let world = World::new();
    let directory = world.directory();
    let (again, made) = directory.init(&name("w1"), &mut OsEntropy).unwrap();
    assert!(!made && again.key() == world.signer.key());
    assert!(matches!(
        directory.init(&name("w2"), &mut OsEntropy),
        Err(DirectoryError::Name { .. })
    ));
    let key = directory.path().join("witness.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(
        directory.key(),
        Err(DirectoryError::Open { mode: 0o640, .. })
    ));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "PRIVATE+KEY+w1+").unwrap();
    assert!(matches!(directory.key(), Err(DirectoryError::Key { .. })));
    fs::remove_file(&key).unwrap();
    assert!(directory.key().unwrap().is_none());
    fs::write(file_of(&world), "whatever").unwrap();
    let lost = directory.init(&name("w1"), &mut OsEntropy);
    assert!(
        matches!(lost, Err(DirectoryError::KeyLost { .. })),
        "a second key would begin anew"
    );
}
