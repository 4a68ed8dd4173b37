//! What a field costs beside the bare primitive: one line of JSON a measure, `{"name","ns_per_call","allocations_per_call"}`.
//!
//! `--rounds N` says how often each is measured. Everything is on one thread, with warm keys, a message of 64 bytes, and
//! associated data of the same length everywhere. A bare seal draws its random nonce from the operating system too. Nothing
//! passes or fails by the figures; a name is `operation/algorithm`, and `bare-…` marks what the others are compared with:
//!
//! - `bare-seal/xchacha20-poly1305` is what suite 1 is made of: HChaCha20 of `chacha20`, then aws-lc;
//! - `bare-seal/xchacha20-poly1305-rustcrypto` is the one call of the `chacha20poly1305` crate;
//! - `bare-seal/xaes-256-gcm` is what suite 2 is made of: two AES blocks, a key schedule, AES-256-GCM, by aws-lc;
//! - `bare-seal/aes-256-gcm` is one call of aws-lc with a key schedule that is kept.

#![expect(clippy::unwrap_used, reason = "a bench fails like a test")]

mod bare;

use std::{hint::black_box, time::Instant};

use bare::{AesGcm, Bare, RustCrypto, XChaCha, Xaes};
use vutf_crypto_keys::{FieldRef, Keyring, Purpose, SuitePolicy, memory::MemoryWrapper, plan_missing_under};
use vutf_kernel::{Entropy as _, Env, OrganizationId, OsEntropy, Secret, SystemClock, UserId};

const MESSAGE: [u8; 64] = [0x6D; 64];
const TABLE: &str = "users";
const COLUMN: &str = "email";
/// How long the associated data of the measured field is: six parts, each with its length before it (domain, organization,
/// table, column, row, person), and the header of 80 bytes.
const AAD_LENGTH: usize = 6 * 4 + "vutf/field/v1".len() + 3 * 16 + TABLE.len() + COLUMN.len() + 80;
const AAD: [u8; AAD_LENGTH] = [0x61; AAD_LENGTH];
const HOME: OrganizationId = OrganizationId::DEFAULT;

fn main() {
    let rounds = rounds();
    let rings = [SuitePolicy::ALL, SuitePolicy::FIPS].map(ring);
    let subject = UserId::generate(&SystemClock, &mut OsEntropy);
    let field = FieldRef {
        organization_id: HOME,
        table: TABLE,
        column: COLUMN,
        row: subject.as_bytes(),
        subject: Some(subject),
    };
    let mut measures = Vec::new();
    for ring in &rings {
        fields(&mut measures, ring, field);
    }
    let index = || rings[0].blind_index(HOME, TABLE, COLUMN, &MESSAGE[..24]).unwrap();
    measures.push(Measure::of("blind-index/hmac-sha-256".to_owned(), index));
    let mut key = [0; 32];
    OsEntropy.fill(&mut key);
    primitive(&mut measures, "xchacha20-poly1305", XChaCha(key));
    primitive(
        &mut measures,
        "xchacha20-poly1305-rustcrypto",
        RustCrypto::new(&key),
    );
    primitive(&mut measures, "xaes-256-gcm", Xaes::new(&key));
    primitive(&mut measures, "aes-256-gcm", AesGcm::new(&key));
    measures.push(Measure::of("random/24-bytes".to_owned(), random::<24>));
    for _ in 0..rounds {
        measures.iter_mut().for_each(Measure::round);
    }
    measures.iter_mut().for_each(Measure::print);
}

fn fields<'a>(measures: &mut Vec<Measure<'a>>, ring: &'a Keyring, field: FieldRef<'a>) {
    let suite = ring.policy().new_keys();
    let seal = move || ring.seal(&field, &MESSAGE, &mut OsEntropy).unwrap();
    let sealed = seal();
    measures.push(Measure::of(format!("seal/{suite}"), seal));
    let open = move || ring.open(&field, &sealed).unwrap();
    measures.push(Measure::of(format!("open/{suite}"), open));
}

fn primitive<'a, const NONCE: usize>(
    measures: &mut Vec<Measure<'a>>,
    name: &str,
    primitive: impl Bare<NONCE> + 'a,
) {
    let primitive = std::rc::Rc::new(primitive);
    let sealer = std::rc::Rc::clone(&primitive);
    let seal = move || {
        let (nonce, mut buffer) = (random::<NONCE>(), MESSAGE);
        let tag = sealer.seal(&nonce, &AAD, &mut buffer);
        (nonce, buffer, tag)
    };
    let (nonce, ciphertext, tag) = seal();
    measures.push(Measure::of(format!("bare-seal/{name}"), seal));
    let open = move || {
        let mut buffer = ciphertext;
        primitive.open(&nonce, &AAD, &mut buffer, &tag);
        buffer
    };
    measures.push(Measure::of(format!("bare-open/{name}"), open));
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsEntropy.fill(&mut bytes);
    bytes
}

/// One key for the fields, one for the index.
fn ring(policy: SuitePolicy) -> Keyring {
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let wrapper = MemoryWrapper::new("bench", Secret::new(env.entropy.bytes())).unwrap();
    let wanted = [Purpose::field(TABLE), Purpose::index(TABLE, COLUMN)];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let planned = plan_missing_under(policy, &mut env, &wrapper, HOME, &[], &wanted)
            .await
            .unwrap();
        let ring = Keyring::with_policy(policy);
        ring.load(&wrapper, planned).await.unwrap();
        ring
    })
}

/// The number after `--rounds`; what cargo passes beside it is nothing to this bench.
fn rounds() -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--rounds");
    arguments.nth(1).map_or(100, |number| number.parse().unwrap())
}

/// A millisecond or so: on a busy machine most rounds are disturbed, and short ones least.
const CALLS: u32 = 1_000;

/// Something that is called again and again. The rounds of all measures are interleaved, and the best of each counts: what
/// else the machine does only ever adds, and adds to all of them.
struct Measure<'a> {
    name: String,
    run: Box<dyn FnMut(u32) + 'a>,
    best: f64,
}

impl<'a> Measure<'a> {
    fn of<T>(name: String, mut call: impl FnMut() -> T + 'a) -> Self {
        Self {
            name,
            run: Box::new(move |calls| {
                for _ in 0..calls {
                    black_box(call());
                }
            }),
            best: f64::INFINITY,
        }
    }

    fn round(&mut self) {
        (self.run)(CALLS / 10);
        let start = Instant::now();
        (self.run)(CALLS);
        let one = start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS);
        self.best = self.best.min(one);
    }

    #[expect(clippy::print_stdout, reason = "the figures are the output")]
    fn print(&mut self) {
        let allocations = allocation_counter::measure(|| (self.run)(1)).count_total;
        println!(
            r#"{{"name":"{}","ns_per_call":{:.1},"allocations_per_call":{allocations}}}"#,
            self.name, self.best
        );
    }
}
