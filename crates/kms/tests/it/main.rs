//! Every provider against one suite, and each against its own rules.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod file;
#[cfg(test)]
mod kek_set;
#[cfg(test)]
mod shamir;
