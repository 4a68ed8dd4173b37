//! One binary for all integration tests of the server.

// A service is brought up within one future, whose layout is deeper than the default.
#![recursion_limit = "256"]

// `cfg(test)` is always true here; it tells clippy that helpers are test code as well.
#[cfg(test)]
mod cli;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod e2e;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod http;
#[cfg(test)]
mod v1;
