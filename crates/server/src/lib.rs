//! The deployable service: configuration, wiring, telemetry, HTTP, command line.

pub mod cli;
pub mod config;
pub mod http;
pub mod openapi;
pub mod service;
pub mod telemetry;
mod witness;
