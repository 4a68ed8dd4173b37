//! A rotation of the key file, cut off at every step.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use vutf_crypto_keys::{
    FieldRef, KekSet, KeyReader as _, KeyWrapper, Keyring, KeysTx, Purpose, Suite, commit_new,
    memory::MemoryKeys,
    plan_missing,
    rewrap::{commit_rewrap, plan_rewrap, verify_wraps},
};
use vutf_kernel::{Actor, Ctx, Env, OrganizationId, OsEntropy, RequestId, SystemClock, Transaction};
use vutf_kms::{FileKek, FileKeks, FileWrapper};

use crate::conformance::{Candidates, conforms};

const UNSEALED: FileKek = FileKek::Unsealed;

/// An installation with two tenants, and something encrypted in each.
struct Installation {
    _directory: tempfile::TempDir,
    path: PathBuf,
    keys: MemoryKeys,
    sealed: Vec<(OrganizationId, Vec<u8>)>,
}

fn email(organization_id: OrganizationId) -> FieldRef<'static> {
    FieldRef {
        organization_id,
        table: "users",
        column: "email",
        row: b"r",
        subject: None,
    }
}

fn ctx() -> Ctx {
    let request = RequestId::parse("test").unwrap();
    Ctx::internal(OrganizationId::DEFAULT, Actor::Operator, request)
}

async fn installation() -> Installation {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kek.vutf");
    let kek = FileWrapper::create_new(&path, &UNSEALED, Suite::XChaCha20Poly1305, &mut OsEntropy).unwrap();
    let keys = MemoryKeys::default();
    let mut sealed = Vec::new();
    for _ in 0..2 {
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut OsEntropy,
        };
        let tenant = OrganizationId::generate(&SystemClock, &mut OsEntropy);
        let rows = plan_missing(&mut env, &kek, tenant, &[], &[Purpose::field("users")])
            .await
            .unwrap();
        let mut tx = Box::new(keys.begin());
        let all: &mut dyn KeysTx = &mut *tx;
        commit_new(&ctx(), &mut env, all, &rows).await.unwrap();
        tx.commit().await.unwrap();
        let ring = Keyring::new();
        ring.load(&kek, rows).await.unwrap();
        sealed.push((tenant, ring.seal(&email(tenant), b"x", &mut OsEntropy).unwrap()));
    }
    Installation {
        _directory: directory,
        path,
        keys,
        sealed,
    }
}

impl Installation {
    /// What a start opens.
    fn start(&self) -> KekSet {
        let FileKeks { current, previous } =
            FileKeks::open_or_create(&self.path, &UNSEALED, Suite::XChaCha20Poly1305, &mut OsEntropy).unwrap();
        let previous = previous
            .into_iter()
            .map(|kek| Arc::new(kek) as Arc<dyn KeyWrapper>);
        KekSet::new(Arc::new(current), vec![], previous.collect()).unwrap()
    }

    async fn opens_everything(&self, keks: &dyn KeyWrapper) {
        let ring = Keyring::new();
        ring.load(keks, self.keys.list(None).await.unwrap())
            .await
            .unwrap();
        for (tenant, ciphertext) in &self.sealed {
            assert_eq!(ring.open(&email(*tenant), ciphertext).unwrap().expose(), b"x");
        }
    }

    fn rotate_file(&self) {
        let current = self.start();
        FileWrapper::rotate(&self.path, &UNSEALED, Suite::XChaCha20Poly1305, current.kek_id(), &mut OsEntropy).unwrap();
    }

    /// Rewraps at most so many rows.
    async fn rewrap(&self, most: usize) {
        let keks = self.start();
        let mut left = most;
        for record in self.keys.list_tenant_keys(None).await.unwrap() {
            let Some(rewrap) = plan_rewrap(&keks, &record).await.unwrap() else {
                continue;
            };
            if left == 0 {
                return;
            }
            left -= 1;
            let mut env = Env {
                clock: &SystemClock,
                entropy: &mut OsEntropy,
            };
            let mut tx = Box::new(self.keys.begin());
            commit_rewrap(&ctx(), &mut env, &mut *tx, &rewrap).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    /// From wherever it was cut off: the rest is done, and the previous key is not needed any more.
    async fn finish(&self, first: &str) {
        if self.start().kek_id() == first {
            self.rotate_file();
        }
        self.rewrap(usize::MAX).await;
        let keks = self.start();
        for record in self.keys.list_tenant_keys(None).await.unwrap() {
            verify_wraps(&keks, &record).await.unwrap();
        }
        FileWrapper::forget_previous(&self.path, first).unwrap();
        let alone = FileWrapper::open(&self.path, &UNSEALED).unwrap();
        assert_ne!(alone.kek_id(), first);
        self.opens_everything(&alone).await;
    }
}

fn previous(path: &Path, kek_id: &str) -> PathBuf {
    path.with_file_name(format!("kek.vutf.previous-{kek_id}"))
}

#[tokio::test]
async fn a_rotation_that_is_cut_off_at_any_step_leaves_a_start_that_works_and_can_be_finished() {
    for step in 0..=5 {
        let here = installation().await;
        let first = here.start().kek_id().to_owned();
        // What a killed process leaves: its lock file, and the draft of the next key.
        fs::write(here.path.with_file_name(".kek.vutf.lock"), "").unwrap();
        fs::write(here.path.with_file_name(".kek-0123456789abcdef.tmp"), "{").unwrap();
        match step {
            0 => {}
            1 => fs::hard_link(&here.path, previous(&here.path, &first)).unwrap(),
            _ => here.rotate_file(),
        }
        match step {
            3 => here.rewrap(1).await,
            4 | 5 => here.rewrap(usize::MAX).await,
            _ => {}
        }
        if step == 5 {
            FileWrapper::forget_previous(&here.path, &first).unwrap();
        }
        here.opens_everything(&here.start()).await;
        here.finish(&first).await;
    }
}

#[tokio::test]
async fn without_the_previous_file_rows_that_name_it_are_refused_by_name() {
    let here = installation().await;
    let first = here.start().kek_id().to_owned();
    here.rotate_file();
    here.rewrap(1).await;
    fs::remove_file(previous(&here.path, &first)).unwrap();
    let rows = here.keys.list(None).await.unwrap();
    let error = Keyring::new().load(&here.start(), rows).await.unwrap_err();
    assert!(error.to_string().contains(&first), "{error}");
}

conforms!(a_set_of_one, candidates());

async fn candidates() -> Option<Candidates> {
    let (one, other) = (installation().await, installation().await);
    Some(Candidates {
        provider: Arc::new(one.start()),
        again: Arc::new(one.start()),
        other: Arc::new(other.start()),
        keep: Box::new((one, other)),
    })
}
