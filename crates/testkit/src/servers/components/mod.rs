//! The real key providers: SoftHSM2, moto in the part of AWS KMS, OpenBao.

mod http;
mod moto;
mod openbao;
mod softhsm;
pub(super) mod venv;

pub use moto::Moto;
pub use openbao::{OpenBao, OpenBaoAccess};
pub use softhsm::SoftHsm;
