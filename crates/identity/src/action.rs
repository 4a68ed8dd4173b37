//! What this domain's events are called, and what kind of thing they are about. Whoever writes an event about one of these, the
//! use case or the guard before it, takes both from here.

use vutf_kernel::Action;

macro_rules! actions {
    ($(#[doc = $doc:literal] $name:ident = $text:literal on $resource:literal),+ $(,)?) => {
        $(#[doc = $doc] pub const $name: Action = Action::new($text, $resource);)+
        /// All of them.
        pub const ALL: &[Action] = &[$($name),+];
    };
}

actions! {
    #[doc = "The first administrator is made with the bootstrap secret."]
    BOOTSTRAP = "user.bootstrap" on "user",
    #[doc = "An administrator is made from the machine."]
    CREATE_ADMIN = "user.create_admin" on "user",
    #[doc = "An account is looked up by a name."]
    USER_FIND = "user.find" on "user",
    #[doc = "A stranger makes an account."]
    USER_REGISTER = "user.register" on "user",
    #[doc = "An administrator makes an account."]
    USER_CREATE = "user.create" on "user",
    #[doc = "An account is shown."]
    USER_READ = "user.read" on "user",
    #[doc = "Accounts are shown."]
    USER_LIST = "user.list" on "user",
    #[doc = "An account's data is changed."]
    USER_UPDATE = "user.update" on "user",
    #[doc = "An account is deleted."]
    USER_DELETE = "user.delete" on "user",
    #[doc = "A person is erased: their keys are destroyed, and what names them is removed."]
    SUBJECT_ERASE = "subject.erase" on "user",
    #[doc = "What is kept of erasures is shown: a certificate, or the tombstones."]
    SUBJECT_ERASURE_READ = "subject.erasure_read" on "user",
    #[doc = "A delete is taken back."]
    USER_RESTORE = "user.restore" on "user",
    #[doc = "An account is barred."]
    USER_LOCK = "user.lock" on "user",
    #[doc = "A lock or the delays after wrong passwords are lifted."]
    USER_UNLOCK = "user.unlock" on "user",
    #[doc = "An account is switched off."]
    USER_DISABLE = "user.disable" on "user",
    #[doc = "An account is switched on."]
    USER_ENABLE = "user.enable" on "user",
    #[doc = "Everything issued to an account ends."]
    USER_REVOKE_SESSIONS = "user.revoke_sessions" on "user",
    #[doc = "An account of another system is taken in, with the hash of its password."]
    USER_IMPORT = "user.import" on "user",
    #[doc = "A person sets their own password anew."]
    PASSWORD_CHANGE = "password.change" on "user",
    #[doc = "Somebody asks for a link that sets a password."]
    PASSWORD_FORGOT = "password.forgot" on "user",
    #[doc = "A password is set by a mailed link."]
    PASSWORD_RESET = "password.reset" on "user",
    #[doc = "Somebody asks once more for the link that verifies an address."]
    EMAIL_RESEND = "email.resend" on "user",
    #[doc = "An address is verified by a mailed link."]
    EMAIL_VERIFY = "email.verify" on "user",
    #[doc = "A person asks to change their address."]
    EMAIL_CHANGE = "email.change" on "user",
    #[doc = "A person's address is changed by a link that was mailed to the new one."]
    EMAIL_CONFIRM = "email.confirm" on "user",
    #[doc = "The owner of the old address takes a change of it back."]
    EMAIL_OBJECT = "email.object" on "user",
    #[doc = "The delays after wrong passwords are lifted by a mailed link."]
    USER_SELF_UNLOCK = "user.self_unlock" on "user",
    #[doc = "A request for a link is answered: a link is made and mailed, or not."]
    LINK_ISSUE = "link.issue" on "user",
    #[doc = "Somebody is invited to make an account."]
    INVITATION_CREATE = "invitation.create" on "invitation",
    #[doc = "Invitations are shown."]
    INVITATION_LIST = "invitation.list" on "invitation",
    #[doc = "An invitation is taken back."]
    INVITATION_REVOKE = "invitation.revoke" on "invitation",
    #[doc = "A mail is given up: nobody took it in time."]
    MAIL_GIVE_UP = "mail.give_up" on "mail",
    #[doc = "The hash of a password is replaced at a sign-in by one that is made as new ones are."]
    PASSWORD_REHASH = "password.rehash" on "user",
    #[doc = "Somebody asks how strong a password would be. Nothing of it is kept."]
    PASSWORD_ASSESS = "password.assess" on "password",
    #[doc = "A corpus of breached passwords is asked, and does not answer: the lists that are here decide alone."]
    PASSWORD_BREACH_LOOKUP = "password.breach_lookup" on "password",
    #[doc = "A user's roles are replaced."]
    ROLE_ASSIGN = "role.assign" on "user",
    #[doc = "Roles are shown."]
    ROLE_LIST = "role.list" on "role",
    #[doc = "Permissions are shown."]
    PERMISSION_LIST = "permission.list" on "permission",
    #[doc = "Somebody signs in."]
    SESSION_LOGIN = "session.login" on "session",
    #[doc = "A refresh token is exchanged."]
    SESSION_REFRESH = "session.refresh" on "session",
    #[doc = "A spent refresh token came back after its time."]
    SESSION_REFRESH_REUSE = "session.refresh_reuse" on "session",
    #[doc = "Somebody signs out."]
    SESSION_LOGOUT = "session.logout" on "session",
    #[doc = "One's own sessions are shown."]
    SESSION_LIST = "session.list" on "session",
    #[doc = "A session is used from another network or with another user agent than it was proved with; the first time since then."]
    SESSION_MOVED = "session.moved" on "session",
    #[doc = "A browser is given the token that it sends beside its cookie."]
    SESSION_CSRF = "session.csrf" on "session",
    #[doc = "A session ends by a rule, and not because somebody asked for it."]
    SESSION_END = "session.end" on "session",
    #[doc = "One of one's own sessions ends."]
    SESSION_REVOKE = "session.revoke" on "session",
    #[doc = "All of one's own sessions but one end."]
    SESSION_REVOKE_OTHERS = "session.revoke_others" on "session",
    #[doc = "Somebody proves anew who they are, within a session."]
    SESSION_STEP_UP = "session.step_up" on "session",
    #[doc = "A right password is answered with a demand for the second factor."]
    MFA_CHALLENGE = "mfa.challenge" on "user",
    #[doc = "One's own second factors are shown."]
    MFA_READ = "mfa.read" on "user",
    #[doc = "The secret of a second factor is made, which counts once it is confirmed."]
    MFA_ENROL = "mfa.enrol" on "user",
    #[doc = "A second factor is confirmed with a code, and asked for from now on."]
    MFA_CONFIRM = "mfa.confirm" on "user",
    #[doc = "One's own second factor is removed."]
    MFA_REMOVE = "mfa.remove" on "user",
    #[doc = "New backup codes take the place of the old ones."]
    MFA_BACKUP_CODES = "mfa.backup_codes" on "user",
    #[doc = "An administrator removes the second factor of somebody who lost it."]
    MFA_RESET = "mfa.reset" on "user",
    #[doc = "An administrator makes an account for a program."]
    SERVICE_ACCOUNT_CREATE = "user.create_service" on "user",
    #[doc = "An API key is made."]
    API_KEY_CREATE = "api_key.create" on "api_key",
    #[doc = "API keys are shown."]
    API_KEY_LIST = "api_key.list" on "api_key",
    #[doc = "An API key is shown."]
    API_KEY_READ = "api_key.read" on "api_key",
    #[doc = "An API key gets a successor."]
    API_KEY_ROTATE = "api_key.rotate" on "api_key",
    #[doc = "An API key ends before its time."]
    API_KEY_REVOKE = "api_key.revoke" on "api_key",
    #[doc = "What is of no use any more is removed."]
    HOUSEKEEPING = "identity.sweep" on "identity",
}
