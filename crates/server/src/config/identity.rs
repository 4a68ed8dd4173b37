//! Settings of users, passwords and tokens, with the floors that the service refuses to go below.

use std::{path::PathBuf, time::Duration};

use super::{
    HttpUrl, Passwords,
    macros::{choice, settings},
};

choice! {
    /// Who may create an account.
    pub enum Registration: "`open`, `invitation` or `closed`" {
        /// Anybody.
        Open = "open",
        /// Whoever was invited.
        Invitation = "invitation",
        /// Administrators only.
        Closed = "closed",
    }
}

choice! {
    /// Whether an e-mail address must be proved before the first sign-in.
    pub enum EmailVerification: "`auto`, `required` or `off`" {
        /// `required` in production, `off` in development.
        Auto = "auto",
        /// It must.
        Required = "required",
        /// It counts as proved at once.
        Off = "off",
    }
}

choice! {
    /// Whether accounts are switched off that nobody uses.
    pub enum Inactive: "`auto`, `on` or `off`" {
        /// `on` in production, `off` in development.
        Auto = "auto",
        /// They are.
        On = "on",
        /// They are not.
        Off = "off",
    }
}

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

settings! {
    /// Users, passwords, tokens.
    pub struct Identity("identity.") {
        /// Who may create an account.
        registration: Registration = Registration::Open;
        /// Whether an e-mail address must be proved before the first sign-in.
        email_verification: EmailVerification = EmailVerification::Auto;
        /// `iss` of tokens; `server.public_url` when unset, else `violentutf`. Replicas must agree on it.
        issuer: Option<String> = None, source = "RFC 8725, section 3.8";
        /// `aud` of tokens.
        audience: String = "violentutf-api".to_owned(), source = "RFC 8725, section 3.9";
        /// Fewest characters of a password that is the only factor.
        min_password_length: u16 = 15, floor = 15, ceiling = 64, source = "NIST SP 800-63B-4, 3.1.1.2";
        /// Words that no password may be built from beside the user's own, such as the organisation's name; 4 characters or more.
        password_words: Vec<String> = Vec::new(), source = "NIST SP 800-63B-4, 3.1.1.2";
        /// A list of passwords that nobody may have, beside the one that comes with the program; made with `cargo xtask passwords
        /// build`.
        password_blocklist: Option<PathBuf> = None, source = "NIST SP 800-63B-4, 3.1.1.2";
        /// Passwords hashed at once; 0 is one a core.
        hash_concurrency: u16 = 0, ceiling = 256;
        /// Hashes that may wait; more are answered with 503.
        hash_queue: u32 = 256, floor = 1, ceiling = 10_000;
        /// Life of an access token.
        access_token_ttl: Duration = MINUTE * 10, floor = Duration::from_secs(30), ceiling = MINUTE * 60, source = "RFC 9700, section 2.2; OWASP ASVS 5.0, 10.4";
        /// How long a refresh token may lie unused.
        refresh_idle: Duration = DAY * 14, floor = MINUTE, ceiling = DAY * 30, source = "RFC 9700, section 4.14";
        /// How long a family of refresh tokens lives at most.
        refresh_absolute: Duration = DAY * 30, floor = MINUTE, ceiling = DAY * 30, source = "NIST SP 800-63B-4, 2.1.3 (AAL1: 30 days)";
        /// How long a retry with the previous refresh token gets the same successor.
        refresh_grace: Duration = Duration::from_secs(10), ceiling = MINUTE, source = "RFC 9700, section 4.14.2";
    }
    nest {
        /// Passwords of whoever has a second factor.
        passwords: Passwords,
        /// Cost of a password hash.
        argon2: Argon2,
        /// What repeated wrong guesses cost.
        lockout: Lockout,
        /// How long sessions last, and how many there are.
        sessions: Sessions,
        /// Keys with which programs act.
        api_keys: ApiKeys,
        /// Mailed links.
        links: Links,
        /// Passwords that came to light elsewhere.
        breaches: Breaches,
        /// Passkeys.
        passkeys: Passkeys,
        /// Who must have a second factor.
        second_factor: SecondFactor,
        /// Accounts that nobody uses.
        inactivity: Inactivity,
        /// The notice that everybody agrees to who signs in.
        system_use: SystemUse,
    }
}

settings! {
    /// Accounts of persons that nobody uses. Those of programs are none: their keys have ends of their own. The last super administrator
    /// stays.
    pub struct Inactivity("identity.inactivity.") {
        /// Whether they are switched off.
        disable: Inactive = Inactive::Auto, source = "NIST SP 800-53, AC-2(3)";
        /// After so long without a sign-in or a use of a session.
        after: Duration = DAY * 90, floor = DAY * 7, ceiling = DAY * 400, source = "NIST SP 800-53, AC-2(3); FedRAMP moderate: 90 days, high: 35 days";
        /// Its person is told by mail so long before, and never switched off sooner after that.
        warning: Duration = DAY * 14, ceiling = DAY * 90;
    }
}

settings! {
    /// The notice that everybody agrees to who signs in.
    pub struct SystemUse("identity.system_use.") {
        /// What it says; no notice when empty.
        text: String = String::new(), source = "NIST SP 800-53, AC-8";
        /// Which it is; change it with the text.
        version: String = "1".to_owned();
        /// Whether nobody signs in who does not agree: the version stands in the request as `accept_system_use`.
        required: bool = false, source = "NIST SP 800-53, AC-8";
    }
}

settings! {
    /// Keys with which programs act.
    pub struct ApiKeys("identity.api_keys.") {
        /// Life of a key whose maker names none; at most `identity.api_keys.max_ttl`.
        ttl: Duration = DAY * 90, floor = MINUTE, ceiling = DAY * 365, source = "NIST SP 800-57 part 1, section 5.3.6; OWASP ASVS 5.0, 13.3.4";
        /// The longest life that somebody may ask for.
        max_ttl: Duration = DAY * 365, floor = MINUTE, ceiling = DAY * 365, source = "OWASP ASVS 5.0, 13.3.4";
        /// How long the old key goes on after a rotation that names no span; at most `identity.api_keys.max_overlap`.
        overlap: Duration = DAY, ceiling = DAY * 7, source = "NIST SP 800-57 part 1, section 5.3.4";
        /// The longest span that somebody may ask for.
        max_overlap: Duration = DAY * 7, ceiling = DAY * 7, source = "NIST SP 800-57 part 1, section 5.3.4";
        /// Live keys of one account; one that was rotated and lives on counts with its successor.
        per_owner: u16 = 20, floor = 1, ceiling = 100;
    }
}

settings! {
    /// Passwords that came to light in breaches of others, beside the lists that are here.
    pub struct Breaches("identity.breaches.") {
        /// Where ranges of their hashes are asked for, such as `https://api.pwnedpasswords.com/range`; nobody is asked when unset. Five
        /// digits of a hash are sent, and nothing else. When there is no answer the lists decide alone, and the log says so.
        range_url: Option<HttpUrl> = None, source = "NIST SP 800-63B-4, 3.1.1.2; Have I Been Pwned, range API";
        /// How long whoever sets a password waits for the answer.
        timeout: Duration = Duration::from_secs(2), floor = Duration::from_millis(100), ceiling = Duration::from_secs(10);
    }
}

settings! {
    /// Who must have a second factor. After the grace period a session of one factor may do nothing but enrol one.
    pub struct SecondFactor("identity.second_factor.") {
        /// Roles whose holders must; all but `user` and `crypto_user` when empty.
        roles: Vec<String> = Vec::new(), source = "NIST SP 800-63B-4, 2.2; OWASP ASVS 5.0, 6.3.3";
        /// How long after such a role was given its holder may go on without.
        grace: Duration = DAY * 7, ceiling = DAY * 30;
    }
}

settings! {
    /// Passkeys (Web Authentication Level 2).
    pub struct Passkeys("identity.passkeys.") {
        /// The domain that passkeys belong to; the host of `server.public_url` when unset, else `localhost`. Whoever changes it makes
        /// all passkeys useless.
        rp_id: Option<String> = None, source = "WebAuthn Level 2, section 5.1.2";
        /// What browsers show of the site; the domain when unset.
        rp_name: Option<String> = None;
        /// Pages on which passkeys may be used, each of the domain or of one below it; that of `server.public_url` when empty, and
        /// without one any port of `http://localhost`.
        origins: Vec<HttpUrl> = Vec::new(), source = "WebAuthn Level 2, section 13.4.9";
        /// Passkeys of one account.
        max_per_user: u16 = 10, floor = 2, ceiling = 100;
    }
}

settings! {
    /// Mailed links: each is good once, and a newer one of the same kind ends the older.
    pub struct Links("identity.links.") {
        /// Life of a link that sets a password.
        reset: Duration = MINUTE * 15, floor = MINUTE, ceiling = MINUTE * 60, source = "OWASP ASVS 5.0, 6.4; OWASP Forgot Password Cheat Sheet";
        /// Life of a link that verifies an address.
        verify: Duration = DAY, floor = MINUTE * 5, ceiling = DAY * 7, source = "NIST SP 800-63A-4, 3.8 (validation codes to an e-mail address: 24 hours)";
        /// Life of a link, to the new address, that changes an address.
        change: Duration = MINUTE * 60, floor = MINUTE, ceiling = DAY;
        /// How long the owner of the old address may object to a change.
        objection: Duration = DAY * 3, floor = DAY, ceiling = DAY * 14;
        /// Life of a link that lifts the delays after wrong passwords; no account is written to about them more often.
        unlock: Duration = DAY, floor = MINUTE * 5, ceiling = DAY * 7;
        /// Life of an invitation.
        invitation: Duration = DAY * 7, floor = MINUTE * 60, ceiling = DAY * 30;
        /// No account is sent a link of the same kind sooner than this after the last.
        pause: Duration = MINUTE, ceiling = MINUTE * 60;
        /// Attempts at one mail, with pauses that double, before it is given up.
        attempts: u32 = 8, floor = 1, ceiling = 100;
        /// The pause after the first attempt that failed; the longest is an hour.
        first_pause: Duration = Duration::from_secs(5), floor = Duration::from_millis(10), ceiling = MINUTE * 60;
    }
}

settings! {
    /// Cost of a password hash (Argon2id, RFC 9106).
    pub struct Argon2("identity.argon2.") {
        /// Memory of one hash, in KiB; the floor grows to 19456 with 2 iterations and 47104 with 1.
        memory_kib: u32 = 65_536, floor = 12_288, ceiling = 1_048_576, source = "OWASP ASVS 5.0, appendix C";
        /// Passes over the memory.
        iterations: u32 = 3, floor = 1, ceiling = 100, source = "OWASP ASVS 5.0, appendix C";
        /// Lanes.
        parallelism: u32 = 1, floor = 1, ceiling = 16, source = "OWASP ASVS 5.0, appendix C";
    }
}

settings! {
    /// How long sessions of two factors last, and how many one person has. Those of one factor last `identity.refresh_absolute`. A use
    /// is noted at most once a minute, so that a session may end a minute early.
    pub struct Sessions("identity.sessions.") {
        /// A session of two factors ends so long after its last proof.
        aal2_absolute: Duration = DAY, floor = MINUTE * 5, ceiling = DAY, source = "NIST SP 800-63B-4, 2.2.3 (AAL2: 24 hours)";
        /// It ends when it is not used for so long.
        aal2_idle: Duration = MINUTE * 60, floor = MINUTE * 3, ceiling = MINUTE * 60, source = "NIST SP 800-63B-4, 2.2.3 (AAL2: 1 hour)";
        /// The same with a factor that is bound to hardware.
        aal3_absolute: Duration = MINUTE * 720, floor = MINUTE * 5, ceiling = MINUTE * 720, source = "NIST SP 800-63B-4, 2.3.3 (AAL3: 12 hours)";
        /// The same with a factor that is bound to hardware.
        aal3_idle: Duration = MINUTE * 15, floor = MINUTE * 3, ceiling = MINUTE * 15, source = "NIST SP 800-63B-4, 2.3.3 (AAL3: 15 minutes)";
        /// Sessions that one person has at once; with one more the oldest ends, which is an event.
        max_per_user: u16 = 20, floor = 1, ceiling = 100, source = "OWASP ASVS 5.0, 7.1.2";
    }
}

settings! {
    /// What repeated wrong guesses cost.
    pub struct Lockout("identity.lockout.") {
        /// Wrong guesses before the first wait.
        free_attempts: u32 = 5, floor = 1, ceiling = 10, source = "OWASP ASVS 5.0, 6.3.1";
        /// Waits after each further wrong guess; the last one repeats.
        delays: Vec<Duration> = vec![
            Duration::from_secs(30), MINUTE, MINUTE * 2, MINUTE * 5, MINUTE * 15, MINUTE * 60,
        ], source = "NIST SP 800-63B-4, 3.2.2";
        /// Wrong guesses one after another that disable the password until it is reset.
        disable_after: u32 = 100, floor = 10, ceiling = 100, source = "NIST SP 800-63B-4, 3.2.2";
        /// How long a browser is known after a sign-in: strangers' wrong guesses do not make it wait, it has a counter of its own.
        device_life: Duration = DAY * 30, floor = DAY, ceiling = DAY * 30, source = "OWASP, Slow Down Online Guessing Attacks with Device Cookies";
        /// Wrong guesses one after another from a known browser that make it a stranger.
        device_disable_after: u32 = 10, floor = 1, ceiling = 100, source = "OWASP, Slow Down Online Guessing Attacks with Device Cookies";
        /// How long wrong guesses from one place are counted together, over all accounts.
        network_window: Duration = MINUTE * 60, floor = MINUTE, ceiling = DAY, source = "OWASP, Credential Stuffing Prevention";
        /// Wrong guesses within it from an IPv4 address or an IPv6 /64; further sign-ins from there are refused, but for known browsers.
        address_failures: u32 = 100, floor = 1, ceiling = 1_000_000, source = "OWASP, Credential Stuffing Prevention";
        /// The same from an IPv4 /24 or an IPv6 /48.
        network_failures: u32 = 500, floor = 1, ceiling = 1_000_000, source = "OWASP, Credential Stuffing Prevention";
    }
}
