//! How mail leaves, and where the links in it lead.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use vutf_kernel::Secret;

use super::{
    Config, ConfigError, HttpUrl, Registration,
    macros::{choice, settings},
    private::is_local,
};

choice! {
    /// How the connection to the mail server is protected.
    pub enum MailSecurity: "`tls`, `starttls` or `none`" {
        /// From the first byte.
        Tls = "tls",
        /// After STARTTLS, which the server must offer.
        Starttls = "starttls",
        /// Not at all: this machine, or a network of its own.
        None = "none",
    }
}

choice! {
    /// How mail to persons leaves.
    pub enum MailDelivery: "`auto`, `smtp`, `file`, `log` or `off`" {
        /// `smtp` if `mail.host` is set; else `log` in development and `off` in production.
        Auto = "auto",
        /// To the server that `mail.host` names.
        Smtp = "smtp",
        /// As files in `mail.directory`.
        File = "file",
        /// Links as lines in the log; development only.
        Log = "log",
        /// Not at all.
        Off = "off",
    }
}

settings! {
    /// Mail: to persons about their own account, and to whoever is told of findings.
    pub struct Mail("mail.") {
        /// How mail to persons leaves: `smtp`, `file` (each mail as an `.eml` file in `mail.directory`), `log` (links as lines in the
        /// log, in development only), or `off`. `auto` is `smtp` if `mail.host` is set, else `log` in development and `off` in
        /// production. Without it nobody recovers an account, verifies an address or is invited.
        delivery: MailDelivery = MailDelivery::Auto;
        /// Where links in mail lead, e.g. `https://app.example.org/account`; `server.public_url` when unset, and in development this
        /// service's own address. Never taken from a request.
        link_url: Option<HttpUrl> = None, source = "OWASP ASVS 5.0, 6.4";
        /// Where `file` puts mail; `mail` in the data directory when unset.
        directory: Option<PathBuf> = None;
        /// The server that mail is handed to.
        host: Option<String> = None;
        /// Its port: 465 with `tls`, 587 with `starttls`.
        port: u16 = 587;
        /// How the connection is protected.
        security: MailSecurity = MailSecurity::Starttls, source = "RFC 8314";
        /// The name to sign in with.
        username: Option<String> = None;
        /// The password to sign in with.
        password: Option<Secret<String>> = None;
        /// Who mail is from, e.g. `Accounts <accounts@example.org>`.
        from: Option<String> = None;
        /// How long one mail may take.
        timeout: Duration = Duration::from_secs(20), floor = Duration::from_millis(100), ceiling = Duration::from_mins(2);
    }
}

impl Config {
    /// How mail to persons leaves; never `Auto`.
    pub fn mail_delivery(&self) -> MailDelivery {
        match self.mail.delivery {
            MailDelivery::Auto if self.mail.host.is_some() => MailDelivery::Smtp,
            MailDelivery::Auto if self.is_production() => MailDelivery::Off,
            MailDelivery::Auto => MailDelivery::Log,
            chosen => chosen,
        }
    }

    /// Where the links in mail lead. A listener's own address is reached from this machine alone.
    pub fn link_base(&self, listener: SocketAddr) -> String {
        let named = self.mail.link_url.as_ref().or(self.server.public_url.as_ref());
        named.map_or_else(
            || format!("http://127.0.0.1:{}", listener.port()),
            |url| url.as_str().to_owned(),
        )
    }

    /// Where mail is put as files.
    pub fn mail_directory(&self) -> PathBuf {
        let named = self.mail.directory.clone();
        named.unwrap_or_else(|| self.data_dir.join("mail"))
    }
}

pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>, warnings: &mut Vec<String>) {
    delivery(config, errors, warnings);
    if config.mail.host.is_some() {
        server(config, errors);
    }
}

fn delivery(config: &Config, errors: &mut Vec<ConfigError>, warnings: &mut Vec<String>) {
    let mut refuse =
        |path: &str, problem: &str, mend: &str| errors.push(ConfigError::new(path, problem, mend));
    let delivery = config.mail_delivery();
    if delivery == MailDelivery::Smtp && config.mail.host.is_none() {
        let problem = "is unset, and `mail.delivery` is `smtp`";
        refuse("mail.host", problem, "name the mail server");
    }
    if !config.is_production() {
        return;
    }
    if delivery == MailDelivery::Log {
        let problem =
            "profile `production` refuses `log`: whoever reads the log could set anybody's password";
        refuse("mail.delivery", problem, "use smtp, or off");
    }
    if delivery == MailDelivery::File {
        warnings.push("mail.delivery is file: mail holds links that are as good as passwords, and lies there until somebody takes it".into());
    }
    let link_url = config.mail.link_url.as_ref();
    if link_url.is_some_and(|url| !url.is_https()) {
        let problem = "profile `production` refuses links that are not https";
        refuse("mail.link_url", problem, "name an https:// URL");
    }
    let sends = matches!(delivery, MailDelivery::Smtp | MailDelivery::File);
    if sends && link_url.or(config.server.public_url.as_ref()).is_none() {
        let problem = "is unset, as is `server.public_url`, and mail is sent: its links would lead nowhere";
        let mend = "name the https:// URL at which your users confirm what was mailed";
        refuse("mail.link_url", problem, mend);
    }
    let by_themselves = config.identity.registration != Registration::Closed;
    if delivery == MailDelivery::Off && by_themselves && config.email_must_be_verified() {
        let unwise =
            "mail.delivery is off, and addresses must be verified: nobody who registers can ever sign in";
        warnings.push(unwise.into());
    }
}

fn server(config: &Config, errors: &mut Vec<ConfigError>) {
    let mail = &config.mail;
    let mut refuse =
        |path: &str, problem: &str, mend: &str| errors.push(ConfigError::new(path, problem, mend));
    if !mail
        .from
        .as_ref()
        .is_some_and(|from| vutf_mail_smtp::is_address(from))
    {
        refuse(
            "mail.from",
            "is no address, and a mail server is named",
            "name the sender, e.g. audit@example.org",
        );
    }
    if mail.username.is_some() != mail.password.is_some() {
        refuse(
            "mail.password",
            "name and password need one another",
            "set both of mail.username and mail.password",
        );
    }
    let host = mail.host.as_deref().unwrap_or_default();
    if mail.security == MailSecurity::None {
        if mail.username.is_some() {
            refuse(
                "mail.security",
                "a password is not sent without TLS",
                "use tls or starttls",
            );
        }
        if !is_local(&format!("smtp://{host}")) && !config.private_network {
            let mend = "use tls or starttls, or set private_network = true if only this deployment can reach that network";
            refuse("mail.security", "it reaches another machine in the clear", mend);
        }
    }
}
