//! What the return values of a module mean here.

use cryptoki::{
    context::Function,
    error::{Error, RvError},
};

use super::Pkcs11Error;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Looking for the token or its key.
    Ask,
    /// Encrypting.
    Wrap,
    /// Decrypting.
    Unwrap,
}

/// Whether session, login or handle are of the past: a new session may do.
pub(super) fn is_gone(error: &Error) -> bool {
    use RvError as Rv;
    let Error::Pkcs11(value, _) = error else {
        return false;
    };
    matches!(
        value,
        Rv::SessionHandleInvalid
            | Rv::SessionClosed
            | Rv::DeviceRemoved
            | Rv::DeviceError
            | Rv::TokenNotPresent
            | Rv::TokenNotRecognized
            | Rv::SlotIdInvalid
            | Rv::UserNotLoggedIn
            | Rv::KeyHandleInvalid
            | Rv::ObjectHandleInvalid
            | Rv::OperationActive
            | Rv::CryptokiNotInitialized
    )
}

/// What an error that a new session did not cure means.
pub(super) fn classify(stage: Stage, label: &str, error: &Error) -> Pkcs11Error {
    use RvError as Rv;
    let Error::Pkcs11(value, function) = error else {
        return match (stage, error) {
            // A plaintext that is no key: it was wrapped by somebody else.
            (Stage::Unwrap, Error::TryFromSlice(_)) => Pkcs11Error::DoesNotOpen,
            _ => Pkcs11Error::Unsupported(error.to_string()),
        };
    };
    let unfit = |problem| Pkcs11Error::KeyUnfit {
        label: label.to_owned(),
        problem,
    };
    let opening = stage == Stage::Unwrap && matches!(function, Function::Decrypt | Function::DecryptFinal);
    match value {
        Rv::EncryptedDataInvalid | Rv::EncryptedDataLenRange | Rv::SignatureInvalid
            if stage == Stage::Unwrap =>
        {
            Pkcs11Error::DoesNotOpen
        }
        Rv::DataInvalid | Rv::DataLenRange if opening => Pkcs11Error::DoesNotOpen,
        // SoftHSM2 says this of a wrong tag; other modules, of a lost connection.
        Rv::GeneralError | Rv::FunctionFailed | Rv::VendorDefined(_) | Rv::UnknownErrorCode(_) if opening => {
            Pkcs11Error::Ambiguous(name(value))
        }
        Rv::KeyFunctionNotPermitted => unfit(match stage {
            Stage::Unwrap => "it may not decrypt (CKA_DECRYPT)",
            Stage::Ask | Stage::Wrap => "it may not encrypt (CKA_ENCRYPT)",
        }),
        Rv::KeyTypeInconsistent | Rv::KeySizeRange => unfit("it is no AES-256 key"),
        Rv::ActionProhibited | Rv::FunctionRejected => unfit("the token's policy forbids its use"),
        Rv::MechanismInvalid | Rv::MechanismParamInvalid | Rv::FunctionNotSupported | Rv::ArgumentsBad => {
            Pkcs11Error::Unsupported(name(value))
        }
        Rv::PinIncorrect | Rv::PinInvalid | Rv::PinLenRange => Pkcs11Error::PinWrong,
        Rv::PinLocked => Pkcs11Error::PinLocked,
        Rv::PinExpired | Rv::UserPinNotInitialized => Pkcs11Error::PinUnset,
        _ => Pkcs11Error::Away(name(value)),
    }
}

/// The value's name without the crate's sentence about it.
fn name(value: &RvError) -> String {
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use vutf_kernel::Fault;

    use super::*;

    fn mapped(stage: Stage, value: RvError, function: Function) -> Pkcs11Error {
        classify(stage, "kek", &Error::Pkcs11(value, function))
    }

    /// SoftHSM2 does not lock PINs: what a token that does would say is judged here.
    #[test]
    fn what_needs_a_person_is_never_tried_again() {
        for value in [
            RvError::PinIncorrect,
            RvError::PinLenRange,
            RvError::PinLocked,
            RvError::PinExpired,
            RvError::UserPinNotInitialized,
            RvError::KeyFunctionNotPermitted,
            RvError::MechanismInvalid,
        ] {
            let error = mapped(Stage::Ask, value, Function::Login);
            assert!(!error.is_transient(), "{error}");
            assert_eq!(error.into_port("kek.wrap").fault, Fault::Other);
        }
        assert!(matches!(
            mapped(Stage::Ask, RvError::PinLocked, Function::Login),
            Pkcs11Error::PinLocked
        ));
    }

    #[test]
    fn a_token_that_is_away_is_unreachable_and_worth_a_new_session() {
        for value in [
            RvError::SessionHandleInvalid,
            RvError::DeviceRemoved,
            RvError::DeviceError,
            RvError::TokenNotPresent,
        ] {
            assert!(is_gone(&Error::Pkcs11(value, Function::Encrypt)));
            let error = mapped(Stage::Wrap, value, Function::Encrypt);
            assert_eq!(error.into_port("kek.wrap").fault, Fault::Unreachable);
        }
        assert!(!is_gone(&Error::Pkcs11(RvError::PinIncorrect, Function::Login)));
        assert!(!is_gone(&Error::NotSupported));
    }

    #[test]
    fn a_general_error_is_a_wrong_tag_only_where_a_tag_is_compared() {
        let answer = mapped(Stage::Unwrap, RvError::GeneralError, Function::Decrypt);
        assert!(matches!(answer, Pkcs11Error::Ambiguous(_)));
        let answer = mapped(Stage::Wrap, RvError::GeneralError, Function::Encrypt);
        assert!(matches!(answer, Pkcs11Error::Away(_)));
        let answer = mapped(Stage::Unwrap, RvError::GeneralError, Function::DecryptInit);
        assert!(matches!(answer, Pkcs11Error::Away(_)));
        let answer = mapped(Stage::Unwrap, RvError::EncryptedDataInvalid, Function::Decrypt);
        assert!(matches!(answer, Pkcs11Error::DoesNotOpen));
    }
}
