//! Every refusal by a rule is in the log, once, under the name and kind of resource that the edge knows it by.

use std::collections::BTreeSet;

use vutf_identity::{
    Change, LoginName, Settings, action,
    api_key::{
        ApiKeyName, Whose,
        create::{CreateApiKey, create as create_key},
        list::{ListApiKeys, list as list_keys},
        revoke::{RevokeApiKey, revoke as revoke_key},
        rotate::{RotateApiKey, rotate as rotate_key},
        view::{ViewApiKey, view as view_key},
    },
    bootstrap::{Bootstrap, CreateAdmin, bootstrap, create_admin},
    break_glass::{self, open::BreakGlass, seal::Seal},
    erasure_request::{ask::ask, cancel::cancel, view::view as view_erasure},
    housekeeping::{Sweep, sweep},
    invitation::{
        self,
        invite::{Invite, invite},
    },
    mail::{Letter, MailKind, deliver::take},
    mfa::{
        Method, Presented,
        confirm::{Confirm, confirm},
        enrol::enrol,
        regenerate::regenerate,
        remove::remove,
        reset::{ResetMfa, reset},
        view::view as view_mfa,
    },
    passkey::{
        self, Assertion, CredentialId, PasskeyName, Registration,
        register::{RegisterPasskey, register as register_passkey},
        remove::RemovePasskey,
        rename::RenamePasskey,
    },
    policy::{
        self, PolicyName, Rule,
        explain::{Circumstances, Explain},
        put::PutPolicy,
        remove::RemovePolicy,
    },
    presence::sweep::sweep_idle,
    records_refusal,
    repo::UserFilter,
    role::{
        self, Permissions, RoleDescription, RoleName,
        assign::{AssignRoles, assign},
        create::CreateRole,
        list, permission,
        remove::RemoveRole,
        update::UpdateRole,
    },
    session::{
        self, SessionKind,
        csrf::hand_out,
        login::{Client, Login, login},
        logout::logout,
        passkey::PasskeyLogin,
        refresh::{Refresh, refresh},
        revoke::{RevokeSession, revoke, revoke_others},
        step_up::{StepUp, step_up},
        verify::{Verify, verify},
    },
    user::{
        batch::{BatchUsers, Operation, batch},
        change_email::{ChangeEmail, ConfirmEmail, change_email, confirm_email},
        change_password::{ChangePassword, change_password},
        create::{CreateServiceAccount, CreateUser, create, create_service},
        delete::{DeleteUser, delete},
        disable::{Disable, disable},
        enable::{Enable, enable},
        erase, export,
        find::find,
        forgot_password::{AskForLink, forgot_password, resend_verification},
        import::{ImportUsers, import},
        list::{ListUsers, list as list_users},
        lock::{Lock, lock},
        me,
        object_email::{ObjectEmail, object_email},
        register::{Register, register},
        require_password_change::{RequirePasswordChange, require_password_change},
        reset_password::{ResetPassword, reset_password},
        restore::{RestoreUser, restore},
        revoke_sessions::{RevokeSessions, revoke_sessions},
        self_unlock::{SelfUnlock, self_unlock},
        unlock::{Unlock, unlock},
        update::{UpdateUser, update},
        verify_email::{VerifyEmail, verify_email},
        view::{ViewUser, view},
    },
};
use vutf_kernel::{
    Actor, ApiKeyId, Ctx, FactorId, InvitationId, MailId, Origin, Outcome, PageRequest, PolicyId, SessionId,
    UserId,
};

use super::support::{World, anonymous, email, request, secret, username};

fn user_id() -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(7))
}

/// Signed in, with no right at all.
fn powerless() -> Ctx {
    let actor = Actor::User {
        user_id: user_id(),
        session_id: session_id(),
    };
    Ctx {
        actor,
        ..Ctx::anonymous(anonymous().organization_id, request(), Origin::default())
    }
}

fn session_id() -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(8))
}

/// What was refused while the value lives.
struct Refused {
    world: World,
    seen: BTreeSet<&'static str>,
}

impl Refused {
    /// The refusal of `action` is the one event that its use case has left.
    fn once(&mut self, action: vutf_kernel::Action, before: usize) {
        let events = self.world.store.events().split_off(before);
        assert_eq!(events.len(), 1, "{}: {events:#?}", action.name);
        let event = &events[0];
        assert_eq!(event.action, action.name);
        assert_eq!(event.resource.kind, action.resource, "{}", action.name);
        assert!(matches!(event.outcome, Outcome::Refused { .. }), "{event:?}");
        self.seen.insert(action.name);
    }
}

/// Runs a use case that must refuse with a class that use cases record.
macro_rules! refused {
    ($all:ident, $action:ident, $call:expr) => {
        let before = $all.world.store.events().len();
        let error = $call.await.err().expect("it must refuse");
        assert!(records_refusal(error.class()), "{error}");
        $all.once(action::$action, before);
    };
}

async fn people(all: &mut Refused, caller: &Ctx) {
    let id = all.world.id.clone();
    let command = RequirePasswordChange { user_id: user_id() };
    refused!(
        all,
        USER_REQUIRE_PASSWORD_CHANGE,
        require_password_change(caller, &id, command)
    );
    let command = BatchUsers {
        operations: vec![Operation::Lock(user_id())],
        atomic: true,
    };
    refused!(all, USER_BATCH, batch(caller, &id, command));
    refused!(all, ERASURE_REQUEST, ask(caller, &id));
    refused!(all, ERASURE_READ, view_erasure(caller, &id));
    refused!(all, ERASURE_CANCEL, cancel(caller, &id));
    let taken_out = async {
        let admitted = export::admit(caller, &id).await;
        export::audited(caller, &id, admitted).await
    };
    refused!(all, SUBJECT_EXPORT, taken_out);
    refused!(all, USER_DISABLE, sweep_idle(caller, &id));
}

#[tokio::test]
async fn every_use_case_records_that_it_refused() {
    let world = World::with(Settings::new("https://id.example.org", "violentutf-api"));
    let mut all = Refused {
        world,
        seen: BTreeSet::new(),
    };
    let id = all.world.id.clone();
    let (ctx, nobody) = (powerless(), anonymous());
    let user_id = user_id();
    administration(&mut all, &ctx).await;
    second_factors(&mut all, &ctx).await;
    second_factors(&mut all, &nobody).await;
    passkeys(&mut all, &ctx).await;
    passkeys(&mut all, &nobody).await;
    strangers(&mut all, &nobody).await;
    api_keys(&mut all, &ctx).await;
    api_keys(&mut all, &nobody).await;
    refused!(all, USER_READ, me::view(&ctx, &id));
    refused!(all, USER_READ, me::view(&nobody, &id));
    refused!(all, USER_UPDATE, me::update(&ctx, &id, update_me()));
    refused!(all, USER_UPDATE, me::update(&nobody, &id, update_me()));
    let command = RevokeSession {
        session_id: session_id(),
    };
    for caller in [&ctx, &nobody] {
        refused!(all, SESSION_LIST, session::list::list(caller, &id));
        refused!(all, SESSION_REVOKE, revoke(caller, &id, command));
        refused!(all, SESSION_REVOKE_OTHERS, revoke_others(caller, &id));
    }
    refused!(all, SESSION_LOGOUT, logout(&nobody, &id));
    for caller in [&ctx, &nobody] {
        refused!(all, PASSWORD_CHANGE, change_password(caller, &id, change()));
        let nobody_new = ImportUsers {
            batch: Vec::new(),
            dry_run: false,
        };
        refused!(all, USER_IMPORT, import(caller, &id, nobody_new));
    }
    refused!(all, ROLE_LIST, list::list(&ctx, &id));
    refused!(all, PERMISSION_LIST, list::permissions(&ctx, &id));
    own_roles(&mut all, &ctx).await;
    let erasing = erase::audited(&ctx, &id, user_id, erase::permitted(&ctx));
    refused!(all, SUBJECT_ERASE, erasing);
    let looking = erase::audited_look(&ctx, &id, user_id, erase::permitted_look(&ctx));
    refused!(all, SUBJECT_ERASURE_READ, looking);
    refused!(all, HOUSEKEEPING, sweep(&ctx, &id, Sweep::default()));
    for caller in [&ctx, &nobody] {
        people(&mut all, caller).await;
    }
    links(&mut all, &nobody).await;
    authorization(&mut all, &ctx, &nobody).await;
    let known = action::ALL.iter().map(|action| action.name);
    let missing: Vec<_> = known.filter(|name| !all.seen.contains(name)).collect();
    assert_eq!(
        missing,
        [
            action::USER_INACTIVITY_WARN.name,
            action::SYSTEM_USE_ACCEPT.name,
            action::ERASURE_POSTPONE.name,
            action::LINK_ISSUE.name,
            action::PASSWORD_REHASH.name,
            action::PASSWORD_ASSESS.name,
            action::PASSWORD_BREACH_LOOKUP.name,
            action::SESSION_REFRESH_REUSE.name,
            action::SESSION_MOVED.name,
            action::SESSION_END.name,
            action::MFA_CHALLENGE.name,
        ],
        "they refuse nobody, or have a test of their own"
    );
}

/// Roles that an organization makes, and who holds which.
async fn own_roles(all: &mut Refused, ctx: &Ctx) {
    let id = all.world.id.clone();
    let name = || "reader".to_owned();
    let create = CreateRole {
        name: RoleName::parse("reader").unwrap(),
        description: RoleDescription::parse("").unwrap(),
        permissions: Permissions::parse(&["users:read".to_owned()]).unwrap(),
    };
    let update = UpdateRole {
        name: name(),
        expected_version: None,
        description: None,
        permissions: None,
    };
    let remove = RemoveRole {
        name: name(),
        expected_version: None,
    };
    let roles = AssignRoles {
        user_id: user_id(),
        expected_version: Some(1),
        roles: Vec::new(),
    };
    refused!(all, ROLE_READ, list::view(ctx, &id, name()));
    refused!(all, ROLE_CREATE, role::create::create(ctx, &id, create));
    refused!(all, ROLE_UPDATE, role::update::update(ctx, &id, update));
    refused!(all, ROLE_DELETE, role::remove::remove(ctx, &id, remove));
    refused!(all, ROLE_ASSIGN, assign(ctx, &id, roles));
}

/// Policies, and the account for emergencies.
async fn authorization(all: &mut Refused, ctx: &Ctx, nobody: &Ctx) {
    let id = all.world.id.clone();
    let policy_id = PolicyId::from_uuid(uuid::Uuid::from_u128(9));
    let rule = || Rule::parse(r#"{"effect": "forbid", "permissions": ["keys:*"]}"#).unwrap();
    let put = PutPolicy {
        policy_id,
        expected_version: None,
        name: PolicyName::parse("nobody").unwrap(),
        rule: rule(),
    };
    let remove = RemovePolicy {
        policy_id,
        expected_version: None,
    };
    refused!(all, POLICY_LIST, policy::list::list(ctx, &id));
    refused!(all, POLICY_READ, policy::view::view(ctx, &id, policy_id));
    refused!(all, POLICY_PUT, policy::put::put(ctx, &id, put));
    refused!(all, POLICY_DELETE, policy::remove::remove(ctx, &id, remove));
    refused!(all, POLICY_VALIDATE, policy::validate::validate(ctx, &id, rule()));
    let why = Explain {
        subject: Some(UserId::from_uuid(uuid::Uuid::from_u128(10))),
        permission: permission::KEYS_READ,
        resource_kind: None,
        resource_id: None,
        circumstances: Circumstances::default(),
    };
    for caller in [ctx, nobody] {
        let why = why.clone();
        refused!(
            all,
            AUTHORIZATION_EXPLAIN,
            policy::explain::explain(caller, &id, why)
        );
    }
    let seal = Seal {
        username: username("glass"),
    };
    refused!(all, BREAK_GLASS_SEAL, break_glass::seal::seal(ctx, &id, seal));
    let wrong = BreakGlass {
        username: secret("glass"),
        secret: secret("wrong"),
        reason: "a drill".to_owned(),
    };
    refused!(all, BREAK_GLASS_OPEN, break_glass::open::open(nobody, &id, wrong));
}

/// What is done by mail or by a mailed link.
async fn links(all: &mut Refused, nobody: &Ctx) {
    let id = all.world.id.clone();
    let address = || AskForLink { email: email("ada") };
    let token = || secret("vutf_ln_nothing");
    refused!(all, PASSWORD_FORGOT, forgot_password(nobody, &id, address()));
    refused!(all, EMAIL_RESEND, resend_verification(nobody, &id, address()));
    let reset = ResetPassword {
        token: token(),
        password: secret("a long and winding phrase"),
    };
    refused!(all, PASSWORD_RESET, reset_password(nobody, &id, reset));
    refused!(
        all,
        EMAIL_VERIFY,
        verify_email(nobody, &id, VerifyEmail { token: token() })
    );
    let email = email("eve");
    refused!(
        all,
        EMAIL_CHANGE,
        change_email(nobody, &id, ChangeEmail { email })
    );
    refused!(
        all,
        EMAIL_CONFIRM,
        confirm_email(nobody, &id, ConfirmEmail { token: token() })
    );
    refused!(
        all,
        EMAIL_OBJECT,
        object_email(nobody, &id, ObjectEmail { token: token() })
    );
    refused!(
        all,
        USER_SELF_UNLOCK,
        self_unlock(nobody, &id, SelfUnlock { token: token() })
    );
    let invite_ada = Invite {
        email: address().email,
        roles: Vec::new(),
    };
    refused!(all, INVITATION_CREATE, invite(nobody, &id, invite_ada));
    refused!(
        all,
        INVITATION_LIST,
        invitation::list::list(nobody, &id, PageRequest::default())
    );
    let unknown = InvitationId::from_uuid(uuid::Uuid::from_u128(9));
    refused!(
        all,
        INVITATION_REVOKE,
        invitation::revoke::revoke(nobody, &id, unknown)
    );
    let letter = Letter {
        id: MailId::from_uuid(uuid::Uuid::from_u128(9)),
        organization_id: nobody.organization_id,
        user_id: None,
        kind: MailKind::Reset,
        request_id: request(),
        content: None,
        attempts: 0,
        due_at: all.world.now(),
        expires_at: all.world.now(),
        created_at: all.world.now(),
    };
    let held = std::time::Duration::from_secs(1);
    refused!(all, MAIL_GIVE_UP, take(nobody, &id, letter, held));
}

fn change() -> ChangePassword {
    ChangePassword {
        current: secret("not the right phrase"),
        new: secret("seven quiet copper lanterns"),
        keep_other_sessions: false,
    }
}

fn update_me() -> me::UpdateMe {
    me::UpdateMe {
        expected_version: Some(1),
        display_name: Change::Keep,
        phone: Change::Keep,
    }
}

async fn administration(all: &mut Refused, ctx: &Ctx) {
    let id = all.world.id.clone();
    let user_id = user_id();
    let command = CreateAdmin {
        username: username("ada"),
        email: email("ada"),
        password: secret("a long and winding pass phrase"),
    };
    refused!(all, CREATE_ADMIN, create_admin(ctx, &id, command));
    let command = CreateUser {
        username: username("ada"),
        email: email("ada"),
        password: None,
        display_name: None,
        phone: None,
        roles: Vec::new(),
    };
    refused!(all, USER_CREATE, create(ctx, &id, command));
    refused!(all, USER_FIND, find(ctx, &id, LoginName::parse("ada")));
    refused!(all, USER_READ, view(ctx, &id, ViewUser { user_id }));
    let command = ListUsers {
        filter: UserFilter::default(),
        page: PageRequest::default(),
    };
    refused!(all, USER_LIST, list_users(ctx, &id, command));
    let command = UpdateUser {
        user_id,
        expected_version: Some(1),
        username: None,
        email: None,
        display_name: Change::Keep,
        phone: Change::Keep,
    };
    refused!(all, USER_UPDATE, update(ctx, &id, command));
    let command = DeleteUser {
        user_id,
        expected_version: Some(1),
    };
    refused!(all, USER_DELETE, delete(ctx, &id, command));
    refused!(all, USER_RESTORE, restore(ctx, &id, RestoreUser { user_id }));
    refused!(all, USER_LOCK, lock(ctx, &id, Lock { user_id }));
    refused!(all, USER_UNLOCK, unlock(ctx, &id, Unlock { user_id }));
    refused!(all, USER_DISABLE, disable(ctx, &id, Disable { user_id }));
    refused!(all, USER_ENABLE, enable(ctx, &id, Enable { user_id }));
    let command = RevokeSessions { user_id };
    refused!(all, USER_REVOKE_SESSIONS, revoke_sessions(ctx, &id, command));
}

async fn passkeys(all: &mut Refused, ctx: &Ctx) {
    let id = all.world.id.clone();
    let key = FactorId::from_uuid(user_id().as_uuid());
    let name = PasskeyName::parse("phone").unwrap();
    refused!(all, PASSKEY_LIST, passkey::list::list(ctx, &id));
    refused!(all, PASSKEY_BEGIN, passkey::begin::begin(ctx, &id));
    let command = RegisterPasskey {
        name: name.clone(),
        answer: Registration {
            credential_id: vec![1],
            client_data: Vec::new(),
            attestation_object: Vec::new(),
            transports: Vec::new(),
        },
    };
    refused!(all, PASSKEY_REGISTER, register_passkey(ctx, &id, command));
    let command = RenamePasskey { id: key, name };
    refused!(all, PASSKEY_RENAME, passkey::rename::rename(ctx, &id, command));
    let command = RemovePasskey { id: key };
    refused!(all, PASSKEY_REMOVE, passkey::remove::remove(ctx, &id, command));
    refused!(all, PASSKEY_CHALLENGE, session::step_up::begin(ctx, &id));
    let assertion = || Assertion {
        credential_id: CredentialId::new(vec![1]).unwrap(),
        client_data: Vec::new(),
        authenticator_data: Vec::new(),
        signature: Vec::new(),
        user_handle: None,
    };
    let command = PasskeyLogin {
        assertion: assertion(),
        client: Client::default(),
    };
    refused!(all, SESSION_LOGIN, session::passkey::login(ctx, &id, command));
    let command = StepUp::Passkey(assertion());
    refused!(all, SESSION_STEP_UP, step_up(ctx, &id, command));
}

async fn second_factors(all: &mut Refused, ctx: &Ctx) {
    let id = all.world.id.clone();
    let code = secret("000000");
    refused!(all, MFA_READ, view_mfa(ctx, &id));
    refused!(all, MFA_ENROL, enrol(ctx, &id));
    refused!(
        all,
        MFA_CONFIRM,
        confirm(ctx, &id, Confirm { code: code.clone() })
    );
    refused!(all, MFA_REMOVE, remove(ctx, &id));
    refused!(all, MFA_BACKUP_CODES, regenerate(ctx, &id));
    let command = ResetMfa { user_id: user_id() };
    refused!(all, MFA_RESET, reset(ctx, &id, command));
    let factor = Presented {
        method: Method::Totp,
        code,
    };
    refused!(
        all,
        SESSION_STEP_UP,
        step_up(ctx, &id, StepUp::Password(secret("wrong")))
    );
    refused!(
        all,
        SESSION_STEP_UP,
        step_up(ctx, &id, StepUp::SecondFactor(factor.clone()))
    );
    let challenge = secret("vutf_mc_wrong");
    let command = Verify {
        challenge,
        factor: factor.into(),
        client: Client::default(),
    };
    refused!(all, SESSION_LOGIN, verify(ctx, &id, command));
    refused!(all, SESSION_CSRF, hand_out(ctx, &id, SessionKind::Token));
}

async fn api_keys(all: &mut Refused, ctx: &Ctx) {
    let id = all.world.id.clone();
    let key_id = ApiKeyId::from_uuid(uuid::Uuid::from_u128(9));
    for (whose, owner) in [(Whose::Own, None), (Whose::Others, Some(user_id()))] {
        let command = CreateApiKey {
            owner,
            name: ApiKeyName::parse("export").unwrap(),
            scopes: vec!["self:manage".to_owned()],
            networks: Vec::new(),
            ttl: None,
        };
        refused!(all, API_KEY_CREATE, create_key(ctx, &id, command));
        let command = ListApiKeys {
            whose,
            owner,
            page: PageRequest::default(),
        };
        refused!(all, API_KEY_LIST, list_keys(ctx, &id, command));
        refused!(
            all,
            API_KEY_READ,
            view_key(ctx, &id, ViewApiKey { key_id, whose })
        );
        let command = RevokeApiKey { key_id, whose };
        refused!(all, API_KEY_REVOKE, revoke_key(ctx, &id, command));
        let command = RotateApiKey {
            key_id,
            whose,
            overlap: None,
        };
        refused!(all, API_KEY_ROTATE, rotate_key(ctx, &id, command));
    }
    let command = CreateServiceAccount {
        username: username("export"),
        display_name: None,
        roles: Vec::new(),
    };
    refused!(all, SERVICE_ACCOUNT_CREATE, create_service(ctx, &id, command));
}

async fn strangers(all: &mut Refused, ctx: &Ctx) {
    let id = all.world.id.clone();
    let command = Bootstrap {
        token: secret("vutf_bootstrap_wrong"),
        username: username("ada"),
        email: email("ada"),
        password: secret("a long and winding pass phrase"),
    };
    refused!(all, BOOTSTRAP, bootstrap(ctx, &id, command));
    let command = Register {
        invitation: None,
        username: username("ada"),
        email: email("ada"),
        password: secret("a long and winding pass phrase"),
    };
    refused!(all, USER_REGISTER, register(ctx, &id, command));
    let command = Login {
        username: secret("ada"),
        password: secret("wrong"),
        client: Client::default(),
    };
    refused!(all, SESSION_LOGIN, login(ctx, &id, command));
    let command = Refresh {
        refresh_token: secret("vutf_rt_wrong"),
    };
    refused!(all, SESSION_REFRESH, refresh(ctx, &id, command));
}

#[tokio::test]
async fn what_is_shown_is_in_the_log_and_names_who_was_seen() {
    let world = World::new();
    let ada = world.user("ada", &["auditor"]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    me::view(&ctx, &world.id).await.unwrap();
    session::list::list(&ctx, &world.id).await.unwrap();
    find(&ctx, &world.id, LoginName::parse("ada@example.org"))
        .await
        .unwrap();
    for action in [action::USER_READ, action::SESSION_LIST, action::USER_FIND] {
        let events = world.store.events().into_iter();
        let shown: Vec<_> = events
            .filter(|event| event.action == action.name && event.outcome == Outcome::Success)
            .map(|event| event.subjects)
            .collect();
        assert_eq!(shown, [vec![ada.id]], "{}", action.name);
    }
}
