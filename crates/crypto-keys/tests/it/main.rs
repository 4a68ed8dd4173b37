//! The keyring through its public face, on the in-memory twins.

#[cfg(test)]
mod approvals;
#[cfg(test)]
mod due;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod inventory;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod kek_set;
#[cfg(test)]
mod keysets;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod rewrap;
#[cfg(test)]
mod signing;
#[cfg(test)]
mod subjects;
#[cfg(test)]
mod world;
