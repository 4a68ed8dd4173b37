//! The deployable service: configuration, wiring, telemetry, HTTP, command line.

// A service is brought up within one future, whose layout is deeper than the default with every provider of keys compiled in.
#![recursion_limit = "256"]

pub mod cli;
pub mod config;
pub mod http;
pub mod openapi;
pub mod service;
pub mod telemetry;
mod witness;
