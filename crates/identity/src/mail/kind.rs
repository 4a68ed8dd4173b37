//! What a mail is about.

use crate::link::LinkPurpose;

macro_rules! kinds {
    ($(#[doc = $doc:literal] $name:ident = $text:literal),+ $(,)?) => {
        /// What a mail, or a request for one, is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum MailKind {
            $(#[doc = $doc] $name,)+
        }

        impl MailKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable word for stores and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

kinds! {
    #[doc = "Request: somebody forgot the password of an address."]
    ResetRequest = "reset_request",
    #[doc = "Request: somebody wants the link that verifies an address once more."]
    VerificationRequest = "verification_request",
    #[doc = "Request: so many wrong passwords were given for a name that it is barred for a while."]
    LockoutRequest = "lockout_request",
    #[doc = "A link that verifies the address."]
    Verification = "verification",
    #[doc = "A link that sets a password."]
    Reset = "reset",
    #[doc = "A link, to the new address, that changes the address."]
    EmailChange = "email_change",
    #[doc = "A link, to the old address, by which its owner objects."]
    EmailObjection = "email_objection",
    #[doc = "A link that lifts the delays after wrong passwords."]
    Lockout = "lockout",
    #[doc = "A link by which somebody who is invited makes an account."]
    Invitation = "invitation",
    #[doc = "Notice, to the old address: the address is another one."]
    EmailChanged = "email_changed",
    #[doc = "Notice: the password was set by a link."]
    PasswordReset = "password_reset",
    #[doc = "Notice: the password was changed."]
    PasswordChanged = "password_changed",
    #[doc = "Notice: a second factor was enrolled."]
    FactorEnrolled = "factor_enrolled",
    #[doc = "Notice: the second factor was removed."]
    FactorRemoved = "factor_removed",
    #[doc = "Notice: a passkey was added."]
    PasskeyAdded = "passkey_added",
    #[doc = "Notice: a passkey was removed."]
    PasskeyRemoved = "passkey_removed",
    #[doc = "Notice: a passkey was refused because there may be a copy of it."]
    PasskeyCopied = "passkey_copied",
    #[doc = "Notice: an administrator removed the second factor."]
    FactorReset = "factor_reset",
    #[doc = "Notice: the account is to be erased, since its person asked for it."]
    ErasureRequested = "erasure_requested",
    #[doc = "Notice: the account is not to be erased any more."]
    ErasureCancelled = "erasure_cancelled",
    #[doc = "Notice: the account will be switched off unless somebody signs in."]
    InactivityWarning = "inactivity_warning",
    #[doc = "Notice: all that is held about the person was taken out."]
    DataExported = "data_exported",
    #[doc = "Notice, to every administrator: the account for emergencies was opened."]
    GlassBroken = "glass_broken",
}

impl MailKind {
    /// Reads the stable word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
    /// Whether it is still to be found out who is to be written to.
    pub const fn is_request(self) -> bool {
        matches!(
            self,
            Self::ResetRequest | Self::VerificationRequest | Self::LockoutRequest
        )
    }
    /// Whether there is a link in it.
    pub const fn has_link(self) -> bool {
        self.purpose().is_some() || matches!(self, Self::Invitation)
    }
    /// What the link in it is good for, if it is one of an account.
    pub const fn purpose(self) -> Option<LinkPurpose> {
        match self {
            Self::Verification => Some(LinkPurpose::VerifyEmail),
            Self::Reset => Some(LinkPurpose::ResetPassword),
            Self::EmailChange => Some(LinkPurpose::ChangeEmail),
            Self::EmailObjection => Some(LinkPurpose::ObjectEmail),
            Self::Lockout => Some(LinkPurpose::Unlock),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written_and_links_have_one_kind() {
        for kind in MailKind::ALL {
            assert_eq!(MailKind::parse(kind.as_str()), Some(*kind));
        }
        for purpose in LinkPurpose::ALL {
            let of = MailKind::ALL
                .iter()
                .filter(|kind| kind.purpose() == Some(purpose));
            assert_eq!(of.count(), 1, "{}", purpose.as_str());
        }
    }
}
