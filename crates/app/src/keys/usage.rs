//! What this process protected is added up with what the others did.

use vutf_crypto_keys::KeysTx;
use vutf_kernel::{PortError, transact};

use super::Keys;

impl Keys<'_> {
    /// Writes down how much each key protected in this process since the last time; answers for how many keys. Nothing is lost
    /// when it fails: the next time writes it.
    pub async fn flush_usage(&self) -> Result<usize, PortError> {
        let deltas = self.keyring.take_usage();
        if deltas.is_empty() {
            return Ok(0);
        }
        let written: Result<(), PortError> = transact(self.units, self.ambient, |unit, _env| {
            let deltas = deltas.clone();
            Box::pin(async move { KeysTx::lifecycle(unit).add_usage(&deltas).await })
        })
        .await;
        if let Err(error) = written {
            self.keyring.give_back_usage(&deltas);
            return Err(error);
        }
        Ok(deltas.len())
    }
}
