//! What every remote provider binds a wrapped key to.

use vutf_kernel::{Fault, PortError};

/// Sets these wraps apart from whatever else is encrypted under the same key of the provider.
const DOMAIN: &[u8] = b"vutf/kek-wrap/v1\0";
/// The longest context, in bytes: what every provider takes in one call, with room to spare.
const MAX_CONTEXT: usize = 4_096;

/// The associated data of a wrap: never empty, so that a provider that treats "none" apart is not asked to.
pub(crate) fn associated_data(op: &'static str, context: &[u8]) -> Result<Vec<u8>, PortError> {
    if context.len() > MAX_CONTEXT {
        let problem = format!("the context is longer than {MAX_CONTEXT} bytes");
        return Err(PortError::new(op, Fault::Other, problem));
    }
    Ok([DOMAIN, context].concat())
}
