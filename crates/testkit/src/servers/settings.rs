//! The environment variables by which `cargo xtask test` and a developer steer the tests.

/// URL of a PostgreSQL server to use instead of a throwaway one; its user may create databases.
pub const DATABASE_URL: &str = "VUTF_TEST_DATABASE_URL";
/// URL of a Redis server to use instead of a throwaway one.
pub const REDIS_URL: &str = "VUTF_TEST_REDIS_URL";
/// Configuration file of a SoftHSM2 to use instead of a throwaway one; `SOFTHSM2_CONF` has to name the same.
pub const SOFTHSM: &str = "VUTF_TEST_SOFTHSM_CONF";
/// URL of a moto server to use instead of a throwaway one.
pub const MOTO_URL: &str = "VUTF_TEST_MOTO_URL";
/// URL of an OpenBao to use instead of a throwaway one, its root token as the password: `http://:TOKEN@127.0.0.1:8200`.
pub const OPENBAO_URL: &str = "VUTF_TEST_OPENBAO_URL";
/// Directory in which `cargo xtask test` installs moto and OpenBao.
pub const COMPONENTS: &str = "VUTF_TEST_COMPONENTS";
/// Name of a migrated database on that server, to copy for each test.
pub const TEMPLATE: &str = "VUTF_TEST_TEMPLATE";
/// Path of the `violentutf-api` binary that end-to-end tests start.
pub const BINARY: &str = "VUTF_TEST_BINARY";
/// How often `cargo xtask drill replicas` kills the leader; a few times in an ordinary run.
pub const KILLS: &str = "VUTF_TEST_KILLS";
/// Components (comma-separated: `postgres`, `redis`, `softhsm`, `moto`, `openbao`) that tests have to do without.
pub const SKIP: &str = "VUTF_TEST_SKIP";
/// File to which each skipped test appends a line, so that the summary does not count it as passed.
pub const SKIP_LOG: &str = "VUTF_TEST_SKIP_LOG";
/// Directory that holds PostgreSQL's `initdb` and `postgres`.
pub const PG_BIN_DIR: &str = "PG_BIN_DIR";

/// The value of an environment variable; an empty one counts as absent.
#[expect(
    clippy::disallowed_methods,
    reason = "the harness is steered by its environment, the service is not"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this is an unattended run, in which a skipped component is a failure.
pub fn continuous_integration() -> bool {
    variable("CI").is_some_and(|value| value != "false" && value != "0")
}
