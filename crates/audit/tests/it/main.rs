//! The audit log through its public surface, on the in-memory twin.

// `cfg(test)` is always true here; it tells clippy that helpers are test code as well.
#[cfg(test)]
mod access;
#[cfg(test)]
mod analysis;
#[cfg(test)]
mod export;
#[cfg(test)]
mod head;
#[cfg(test)]
mod log;
#[cfg(test)]
mod merkle;
#[cfg(test)]
mod policy_file;
#[cfg(test)]
mod publish;
#[cfg(test)]
mod sequencer;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod tlog;
#[cfg(test)]
mod witness;
#[cfg(test)]
mod world;
