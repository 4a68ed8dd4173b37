//! Every setting but those of identity: declared once, with its default and its limits.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use vutf_crypto_keys::SuitePolicy;
use vutf_kernel::Secret;

use super::{
    Alerts, Authorization, AwsKms, ByteSize, Cidr, Export, HttpUrl, Identity, KeyProvider, Mail, Pkcs11,
    Retention, SecretUrl, VaultTransit, WitnessAddress, WitnessSite,
    macros::{choice, settings},
};

choice! {
    /// How strict the start is.
    pub enum Profile: "`development` or `production`" {
        /// Makes its own secrets in the data directory; registration needs no e-mail.
        Development = "development",
        /// Refuses to start without each named secret, and with anything that is unsafe in public.
        Production = "production",
    }
}

choice! {
    /// How log lines look.
    pub enum LogFormat: "`auto`, `json` or `pretty`" {
        /// `pretty` on a terminal, else `json`.
        Auto = "auto",
        /// One JSON object a line.
        Json = "json",
        /// For people.
        Pretty = "pretty",
    }
}

choice! {
    /// Which header says where a request came from.
    pub enum ClientAddressHeader: "`x-forwarded-for` or `forwarded`" {
        /// De facto; written by most proxies.
        XForwardedFor = "x-forwarded-for",
        /// RFC 7239.
        Forwarded = "forwarded",
    }
}

choice! {
    /// Where the head of the audit log is noted outside of the database.
    pub enum HeadPlace: "`file` or `cache`" {
        /// `audit-head` in the data directory; each replica has its own.
        File = "file",
        /// The cache that all replicas share; needs `cache.url`.
        Cache = "cache",
    }
}

choice! {
    /// Which ciphertext suites are admitted.
    pub enum Suites: "`all`, `fips_transition` or `fips`" {
        /// XChaCha20-Poly1305 and XAES-256-GCM; new keys are of the first.
        All = "all",
        /// Both; new keys are of XAES-256-GCM.
        FipsTransition = "fips_transition",
        /// XAES-256-GCM only.
        Fips = "fips",
    }
}

choice! {
    /// Reads that may be answered before their event is recorded.
    pub enum RelaxedReads: "`users`, `sessions` or `roles`" {
        /// Accounts, one's own included.
        Users = "users",
        /// One's own sessions.
        Sessions = "sessions",
        /// Roles and permissions.
        Roles = "roles",
    }
}

impl RelaxedReads {
    /// All classes.
    pub const ALL: [Self; 3] = [Self::Users, Self::Sessions, Self::Roles];
}

impl Suites {
    /// The same for a key ring.
    pub(crate) const fn policy(self) -> SuitePolicy {
        match self {
            Self::All => SuitePolicy::ALL,
            Self::FipsTransition => SuitePolicy::FIPS_TRANSITION,
            Self::Fips => SuitePolicy::FIPS,
        }
    }
}

settings! {
    /// All settings.
    pub struct Config("") {
        /// `development` makes its own secrets; `production` refuses to start without them.
        profile: Profile = Profile::Development;
        /// Where files that the service owns are kept; made with mode 0700 at the first start.
        data_dir: PathBuf = PathBuf::from("./data");
        /// Database, cache, trace collector and the readers of metrics are reached over a network that only this deployment
        /// can reach. Without it production refuses to talk to other machines in the clear.
        private_network: bool = false, source = "OWASP ASVS 5.0, 12.3";
    }
    nest {
        /// The public listener.
        server: Server,
        /// The listener for operators.
        management: Management,
        /// The database.
        database: Database,
        /// The cache.
        cache: Cache,
        /// Circuit breakers around database, cache and key provider.
        breaker: Breaker,
        /// Keys.
        keys: Keys,
        /// Erasures of persons.
        erasure: Erasure,
        /// Users, passwords, tokens.
        identity: Identity,
        /// What takes two persons, and the way in for emergencies.
        authorization: Authorization,
        /// Rate limits.
        rate_limit: RateLimits,
        /// The audit log.
        audit: Audit,
        /// The command `witness`.
        witness: WitnessSite,
        /// Mail.
        mail: Mail,
        /// Log lines.
        log: Log,
        /// Traces.
        telemetry: Telemetry,
    }
}

settings! {
    /// The public listener and what it accepts.
    pub struct Server("server.") {
        /// Address to listen on.
        host: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        /// Port to listen on; 0 lets the system choose.
        port: u16 = 8080;
        /// The URL under which clients reach the service; the default issuer of tokens.
        public_url: Option<HttpUrl> = None;
        /// Threads that serve requests; 0 is one a core.
        workers: u16 = 0, ceiling = 1_024;
        /// How long a shutdown waits for requests under way.
        grace: Duration = Duration::from_secs(30), floor = Duration::from_secs(1), ceiling = Duration::from_mins(10);
        /// How long a request may take before it is answered with 503.
        request_timeout: Duration = Duration::from_secs(30), floor = Duration::from_secs(1), ceiling = Duration::from_mins(10);
        /// How long a client may take to send its request head.
        header_timeout: Duration = Duration::from_secs(5), floor = Duration::from_millis(500), ceiling = Duration::from_mins(1), source = "CWE-400";
        /// How long an idle connection is kept open.
        keep_alive: Duration = Duration::from_secs(75), ceiling = Duration::from_mins(10);
        /// Connections a worker accepts at once; fewer when the process may open fewer files.
        max_connections: u32 = 10_000, floor = 16;
        /// Largest request body.
        body_limit: ByteSize = ByteSize::mib(1), floor = ByteSize::kib(1), ceiling = ByteSize::mib(10);
        /// How deep JSON may nest.
        json_depth: u16 = 10, floor = 4, ceiling = 64;
        /// Keys in one JSON document.
        json_keys: u32 = 1_000, floor = 32, ceiling = 100_000;
        /// Characters in one JSON string.
        json_string: u32 = 10_000, floor = 1_024, ceiling = 1_000_000;
        /// Characters in one query value.
        query_value: u32 = 1_000, floor = 256, ceiling = 8_000;
        /// Proxies whose `server.client_address_header` is believed; no network wider than /8 (IPv4) or /16 (IPv6, but for
        /// private addresses).
        trusted_proxies: Vec<Cidr> = Vec::new(), source = "RFC 7239, section 8";
        /// The one header in which those proxies write the client's address. Any other is a client's own text.
        client_address_header: ClientAddressHeader = ClientAddressHeader::XForwardedFor, source = "RFC 7239, section 8.1";
        /// A proxy in front terminates TLS; needs `server.trusted_proxies`.
        behind_tls_proxy: bool = false;
        /// Origins that browsers may call from; none by default.
        cors_origins: Vec<HttpUrl> = Vec::new(), source = "Fetch standard, CORS protocol";
    }
}

settings! {
    /// The listener for operators: metrics and detailed health.
    pub struct Management("management.") {
        /// Address to listen on.
        host: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        /// Port to listen on; 0 lets the system choose.
        port: u16 = 9464;
    }
}

settings! {
    /// The database.
    pub struct Database("database.") {
        /// `postgres://…` or `sqlite://…`; SQLite in the data directory when unset.
        url: Option<SecretUrl> = None;
        /// Connections of this process. On PostgreSQL four more for the audit log.
        max_connections: u32 = 16, floor = 2, ceiling = 1_000;
        /// How long the start retries before it gives up.
        connect_deadline: Duration = Duration::from_secs(30), floor = Duration::from_secs(1), ceiling = Duration::from_mins(10);
        /// How long a request waits for a free connection.
        acquire_timeout: Duration = Duration::from_secs(5), floor = Duration::from_millis(100), ceiling = Duration::from_mins(1);
        /// How long a statement may run (PostgreSQL), or wait for the lock of another process (SQLite).
        statement_timeout: Duration = Duration::from_secs(10), floor = Duration::from_millis(100), ceiling = Duration::from_mins(5);
    }
}

settings! {
    /// The cache. Several replicas need Redis: without it claims and rate limits hold in one process only.
    pub struct Cache("cache.") {
        /// `redis://…` or `rediss://…`; in the process when unset.
        url: Option<SecretUrl> = None;
        /// How long one operation may take before the caller goes on without the cache, or refuses.
        timeout: Duration = Duration::from_millis(250), floor = Duration::from_millis(10), ceiling = Duration::from_secs(5);
        /// Entries of each kind that the cache in the process holds.
        memory_entries: u32 = 100_000, floor = 1_000;
    }
}

settings! {
    /// Circuit breakers around database, cache and key provider.
    pub struct Breaker("breaker.") {
        /// Failures to reach the dependency, one after another, that open the breaker.
        failures: u32 = 5, floor = 1, ceiling = 1_000;
        /// How long an open breaker refuses before it lets one probe through.
        cool_down: Duration = Duration::from_secs(2), floor = Duration::from_millis(100), ceiling = Duration::from_mins(5);
    }
}

settings! {
    /// The key-encryption key and who keeps it.
    pub struct Keys("keys.") {
        /// Who keeps the key-encryption key that wraps.
        provider: KeyProvider = KeyProvider::File;
        /// Which ciphertext suites are admitted: `all`; `fips_transition`, with which new keys are of algorithms that FIPS 140-3
        /// approves; or `fips`, which refuses all others. See docs/guides/run-with-approved-algorithms.md.
        suites: Suites = Suites::All, source = "FIPS 140-3; NIST SP 800-140C";
        /// Providers under whose keys everything is wrapped as well, so that either alone opens it: for the loss of a provider.
        also_wrap: Vec<KeyProvider> = Vec::new(), source = "NIST SP 800-57 part 1, section 9.2";
        /// Providers whose keys open what they wrapped before, and wrap nothing new: while keys are moved.
        moving_from: Vec<KeyProvider> = Vec::new();
        /// The sealed file; `kek.vutf` in the data directory when unset.
        kek_file: Option<PathBuf> = None;
        /// Passphrase under which the file is sealed. Production needs it or `keys.kek_key`.
        kek_passphrase: Option<Secret<String>> = None, source = "RFC 9106";
        /// The key itself, 32 bytes in base64 or hex, instead of a file.
        kek_key: Option<Secret<String>> = None, source = "NIST SP 800-57 part 1";
        /// How long a key-encryption key should wrap before it is rotated by hand: an alert says when it should have been.
        kek_cryptoperiod: Duration = Duration::from_hours(365 * 24), floor = Duration::from_hours(24),
            ceiling = Duration::from_hours(3660 * 24), source = "NIST SP 800-57 part 1, section 5.3";
        /// How often the key registry is read again. A replica may protect with a key that another has rotated for as long, so the
        /// jobs that write data anew wait twice as long before they believe to be done. The same on every replica.
        reload_interval: Duration = Duration::from_mins(1), floor = Duration::from_secs(1), ceiling = Duration::from_hours(1);
        /// How long a replica that died keeps others from going on with its job.
        job_lease: Duration = Duration::from_secs(10), floor = Duration::from_secs(1), ceiling = Duration::from_mins(10);
        /// How often the scheduler looks which keys are to be rotated. One replica at a time does, by lease.
        scheduler_interval: Duration = Duration::from_mins(1), floor = Duration::from_secs(1), ceiling = Duration::from_hours(1), source = "NIST SP 800-57 part 1, section 5.3";
        /// How long before its time is over a key that is rotated by hand is announced, in the log and as an event.
        rotation_warning: Duration = Duration::from_hours(14 * 24), floor = Duration::from_hours(24), ceiling = Duration::from_hours(90 * 24);
        /// How old the provider's confirmation of a tenant key may become before it is asked again.
        confirm_after: Duration = Duration::from_hours(1), floor = Duration::from_mins(5), ceiling = Duration::from_hours(24);
        /// How much longer new data is protected when the provider does not answer. After it, writes are refused.
        write_grace: Duration = Duration::from_hours(1), ceiling = Duration::from_hours(7 * 24);
        /// How much longer data is read when the provider does not answer; not less than `keys.write_grace`.
        read_grace: Duration = Duration::from_hours(24), ceiling = Duration::from_hours(30 * 24);
        /// Unwrapped keys of persons that this process keeps.
        subject_cache: u32 = 10_000, floor = 100, ceiling = 1_000_000;
        /// How long it keeps one: for so long it may still read a person whom another replica has erased.
        subject_cache_age: Duration = Duration::from_mins(1), floor = Duration::from_secs(1), ceiling = Duration::from_hours(1);
        /// Keys of persons that this process unwraps in a minute; beyond it, reads are refused and an alert fires.
        unwraps_per_minute: u32 = 60_000, floor = 60;
    }
    nest {
        /// The key in a PKCS#11 token.
        pkcs11: Pkcs11,
        /// The key in AWS KMS.
        aws_kms: AwsKms,
        /// The key in the transit engine of Vault or OpenBao.
        vault_transit: VaultTransit,
    }
}

settings! {
    /// Erasures of persons, and what is kept of them outside the database.
    pub struct Erasure("erasure.") {
        /// Where it is kept who was erased; `erasure-tombstones.jsonl` in the data directory when unset. Back it up apart from the
        /// database, and never put an older one back. Replicas may share one file, on a file system that knows locks.
        tombstones: Option<PathBuf> = None, source = "GDPR, Art. 17";
        /// Largest file of tombstones that is read; a person takes about 400 bytes.
        tombstones_limit: ByteSize = ByteSize::mib(64), floor = ByteSize::kib(64), ceiling = ByteSize::mib(1_024);
        /// How long a person may think better of it who asked to be erased; it is done after that.
        delay: Duration = Duration::from_hours(7 * 24), ceiling = Duration::from_hours(30 * 24), source = "GDPR, Art. 12 (3): within one month";
        /// How often the file is held against the certificates in the database: erasures by other replicas are in it after so long.
        reconcile_interval: Duration = Duration::from_secs(30), floor = Duration::from_secs(1), ceiling = Duration::from_hours(1);
    }
}

settings! {
    /// Calls a minute, where nothing else is said. Account lockout works whatever stands here.
    pub struct RateLimits("rate_limit.") {
        /// Whether limits are enforced.
        enabled: bool = true;
        /// Routes that are not named below.
        default: u32 = 300, floor = 1;
        /// Signing in.
        login: u32 = 5, floor = 1, source = "OWASP ASVS 5.0, 6.3.1";
        /// Registration.
        register: u32 = 3, floor = 1;
        /// Exchanging refresh tokens.
        refresh: u32 = 10, floor = 1;
        /// Asking for a mailed link; calls an hour.
        password_reset: u32 = 3, floor = 1, source = "OWASP Forgot Password Cheat Sheet";
        /// Taking out all that is held about oneself; calls an hour.
        export: u32 = 3, floor = 1;
        /// Asking how strong a password would be; a page may ask after each pause in typing.
        password_strength: u32 = 60, floor = 1;
        /// Listing users.
        user_list: u32 = 30, floor = 1;
        /// Creating users.
        user_create: u32 = 10, floor = 1;
        /// Making and rotating API keys.
        key_create: u32 = 5, floor = 1;
        /// Administration.
        admin: u32 = 60, floor = 1;
        /// Cryptography with named keys; a request may hold 100 items.
        crypto: u32 = 60_000, floor = 1;
    }
}

settings! {
    /// The audit log.
    pub struct Audit("audit.") {
        /// How often the sequencer looks for events of other replicas while events flow; a tenth as often when nothing has
        /// happened for a while. Events of its own process are placed at once.
        sequencer_interval: Duration = Duration::from_millis(20), floor = Duration::from_millis(5), ceiling = Duration::from_secs(10);
        /// Events that one pass of the sequencer takes.
        sequencer_batch: u32 = 1_000, floor = 1, ceiling = 10_000;
        /// How long a sequencer that died keeps others from taking over.
        lease: Duration = Duration::from_secs(10), floor = Duration::from_secs(2), ceiling = Duration::from_mins(2);
        /// The name of the log in its checkpoints, by convention a URL without scheme, such as `api.example.org/audit`. Set it
        /// before the first start, and never change it: a log of another name is another log. Derived from the first key
        /// that signs checkpoints when unset.
        origin: Option<String> = None, source = "C2SP tlog-checkpoint";
        /// Where the head of the log is noted outside of the database: a database that was rolled back does not follow from it.
        /// With `cache`, Redis must persist every write, and be out of reach of whoever administers the database.
        head_store: HeadPlace = HeadPlace::File, source = "NIST SP 800-53, AU-10";
        /// The newest checkpoint is signed with each batch. How far apart those are that are kept for good.
        checkpoint_interval: Duration = Duration::from_secs(10), floor = Duration::from_secs(1), ceiling = Duration::from_hours(1);
        /// Reads that are answered although their event cannot be recorded yet: `users`, `sessions`, `roles`. None by default: what
        /// cannot be recorded is answered with 503. Changes, sign-ins, keys and looks at the log have no word here.
        relaxed: Vec<RelaxedReads> = Vec::new(), source = "NIST SP 800-53 AU-5";
        /// Events that may wait after their answer was given, in memory; beyond it they are dropped, and the number is recorded.
        backlog: u32 = 10_000, floor = 100, ceiling = 1_000_000;
        /// Witnesses to which checkpoints are submitted, each as `NAME+ID+KEY URL`. See docs/guides/run-a-witness.md.
        witnesses: Vec<WitnessAddress> = Vec::new(), source = "C2SP tlog-witness";
        /// How many of them must cosign a checkpoint for it to count as witnessed; with 0 nothing watches over that.
        witness_quorum: u16 = 0, ceiling = 32;
        /// How often the newest checkpoint is submitted, while there is a new one.
        witness_interval: Duration = Duration::from_secs(10), floor = Duration::from_secs(1), ceiling = Duration::from_hours(1);
        /// How long a witness may take to answer. One that has moved on meanwhile is asked twice.
        witness_timeout: Duration = Duration::from_secs(5), floor = Duration::from_millis(100), ceiling = Duration::from_mins(1);
        /// How often the analysis looks for new events when it is idle. One replica at a time does, by lease.
        analysis_interval: Duration = Duration::from_secs(1), floor = Duration::from_millis(10), ceiling = Duration::from_mins(1);
        /// Events that one step of the analysis takes.
        analysis_batch: u32 = 500, floor = 1, ceiling = 5_000;
        /// A directory of detection rules beside those that come with the service; each `*.toml` is one. The cases of each are
        /// tried at the start. The same on every replica.
        rules_dir: Option<PathBuf> = None;
    }
    nest {
        /// Export of the log as it grows.
        export: Export,
        /// Who is told of what the analysis finds.
        alerts: Alerts,
        /// What is removed, and when.
        retention: Retention,
    }
}

settings! {
    /// Log lines.
    pub struct Log("log.") {
        /// A level, or directives such as `info,vutf_server=debug`. The service logs no request body at any level; production
        /// refuses the levels at which the libraries under it might.
        level: String = "info,sea_orm_migration=warn,actix_server=warn".to_owned(), source = "OWASP ASVS 5.0, 16.2.5";
        /// How they look.
        format: LogFormat = LogFormat::Auto;
    }
}

settings! {
    /// Export of traces.
    pub struct Telemetry("telemetry.") {
        /// OTLP/HTTP collector, e.g. `http://127.0.0.1:4318`; nothing is exported when unset.
        otlp_endpoint: Option<HttpUrl> = None, source = "OpenTelemetry protocol 1.x";
        /// Name under which traces appear.
        service_name: String = "violentutf-api".to_owned();
        /// Share of the traces that is exported, unless the caller has decided.
        sample_ratio: f64 = 1.0, floor = 0.0, ceiling = 1.0;
    }
}
