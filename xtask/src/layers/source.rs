//! The rules that only the sources can break: untyped JSON in a port, and a handler that does a use case's work.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::table::DOMAIN_FOLDERS;

const HANDLERS: &str = "crates/server/src/http/v1";
/// A handler extracts, authorises, makes a command, calls one use case, and turns the result back.
const HANDLER_LINES: usize = 25;
/// Fields of the application's state that lead past the use cases.
const PORTS: &[&str] = &[
    "cache",
    "key_reader",
    "local_cache",
    "log_reader",
    "reloader",
    "store",
    "units",
    "wrapper",
];
const VERBS: &[&str] = &[
    "get", "post", "put", "patch", "delete", "head", "options", "route",
];

/// Checks all `sources`, given with their paths relative to the workspace.
pub(super) fn check(sources: &[(PathBuf, String)]) -> Result<Vec<String>> {
    let mut parsed = Vec::new();
    for (path, text) in sources {
        let relevant = is_domain(path) || path.starts_with(HANDLERS);
        if relevant {
            parsed.push((
                path,
                syn::parse_file(text).with_context(|| format!("cannot parse {}", path.display()))?,
            ));
        }
    }
    let mut ports = Ports::default();
    for (path, file) in parsed.iter().filter(|(path, _)| is_domain(path)) {
        ports.path.clone_from(path);
        ports.visit_file(file);
    }
    let mut faults = ports.faults;
    for (path, file) in parsed.iter().filter(|(path, _)| path.starts_with(HANDLERS)) {
        let mut handlers = Handlers {
            path,
            accessors: &ports.accessors,
            faults: Vec::new(),
        };
        handlers.visit_file(file);
        faults.append(&mut handlers.faults);
    }
    Ok(faults)
}

fn is_domain(path: &Path) -> bool {
    DOMAIN_FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// Reads public traits: faults in them, and the accessors by which a transaction hands out its repositories.
#[derive(Default)]
struct Ports {
    path: PathBuf,
    accessors: BTreeSet<String>,
    faults: Vec<String>,
    in_port: bool,
}

impl<'ast> Visit<'ast> for Ports {
    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.in_port = matches!(item.vis, syn::Visibility::Public(_));
        visit::visit_item_trait(self, item);
        self.in_port = false;
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if self.in_port && returns_repository(signature) {
            self.accessors.insert(signature.ident.to_string());
        }
        visit::visit_signature(self, signature);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let untyped = path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Value");
        if self.in_port && untyped {
            let line = path.span().start().line;
            self.faults
                .push(format!("{}:{line}: untyped JSON in a port", self.path.display()));
        }
        visit::visit_path(self, path);
    }
}

/// `-> &mut dyn XRepo`, or `&dyn`.
fn returns_repository(signature: &syn::Signature) -> bool {
    let syn::ReturnType::Type(_, output) = &signature.output else {
        return false;
    };
    let syn::Type::Reference(reference) = output.as_ref() else {
        return false;
    };
    let syn::Type::TraitObject(object) = reference.elem.as_ref() else {
        return false;
    };
    object.bounds.iter().any(|bound| match bound {
        syn::TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident.to_string().ends_with("Repo")),
        _ => false,
    })
}

struct Handlers<'a> {
    path: &'a Path,
    accessors: &'a BTreeSet<String>,
    faults: Vec<String>,
}

impl Handlers<'_> {
    fn fault(&mut self, span: proc_macro2::Span, text: &str) {
        self.faults
            .push(format!("{}:{}: {text}", self.path.display(), span.start().line));
    }
}

impl<'ast> Visit<'ast> for Handlers<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let lines = item.block.span().end().line + 1 - item.sig.span().start().line;
        if is_handler(item) && lines > HANDLER_LINES {
            let text = format!(
                "the handler {} has {lines} lines, {HANDLER_LINES} are allowed",
                item.sig.ident
            );
            self.fault(item.sig.span(), &text);
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        // With arguments it is another method of the same name; the application's state gives use cases only.
        let reached = call.args.is_empty() && self.accessors.contains(&call.method.to_string());
        if reached && !is_state(&call.receiver) {
            self.fault(
                call.method.span(),
                &format!("a handler reaches the repository `{}()`", call.method),
            );
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_field(&mut self, field: &'ast syn::ExprField) {
        if let syn::Member::Named(name) = &field.member
            && PORTS.iter().any(|port| name == port)
        {
            self.fault(name.span(), &format!("a handler uses the port `{name}`"));
        }
        visit::visit_expr_field(self, field);
    }

    fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
        if ident.to_string().ends_with("Repo") {
            self.fault(ident.span(), &format!("a handler names the repository {ident}"));
        }
    }
}

/// What a route leads to: it has a verb's attribute, or it is what the module exports.
fn is_handler(item: &syn::ItemFn) -> bool {
    let exported = item.sig.asyncness.is_some() && !matches!(item.vis, syn::Visibility::Inherited);
    exported || item.attrs.iter().any(is_route)
}

fn is_route(attribute: &syn::Attribute) -> bool {
    attribute
        .path()
        .segments
        .last()
        .is_some_and(|last| VERBS.iter().any(|verb| last.ident == verb))
}

fn is_state(receiver: &syn::Expr) -> bool {
    matches!(receiver, syn::Expr::Path(path) if path.path.is_ident("state"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: &str = "pub trait IdentityTx { fn users(&mut self) -> &mut dyn UserRepo; }";

    fn faults(handler: &str) -> Vec<String> {
        let files = [
            ("crates/identity/src/repo.rs", PORT),
            ("crates/server/src/http/v1/users/lock.rs", handler),
        ];
        check(&files.map(|(path, text)| (PathBuf::from(path), text.to_owned()))).unwrap()
    }

    #[test]
    fn a_handler_that_calls_a_use_case_is_fine() {
        assert!(faults("#[post(\"/lock\")] async fn lock(ctx: Ctx) { users::lock(&ctx).await; }").is_empty());
    }

    #[test]
    fn a_handler_must_not_reach_a_repository() {
        let reached = faults("async fn lock(mut tx: Tx) { tx.users().save(1).await; }");
        assert_eq!(reached.len(), 1, "{reached:?}");
        assert!(faults("async fn list(state: Data<State>) { state.users().list().await; }").is_empty());
        let named = faults("use vutf_identity::UserRepo;");
        assert!(
            named[0].contains("lock.rs:1: a handler names the repository UserRepo"),
            "{named:?}"
        );
    }

    #[test]
    fn a_handler_must_not_use_a_port_of_the_state() {
        for port in [
            "state.log_reader.head()",
            "state.units.begin()",
            "state.identity.store.begin()",
        ] {
            let reached = faults(&format!("async fn list(state: Data<State>) {{ {port}.await; }}"));
            assert_eq!(reached.len(), 1, "{port}: {reached:?}");
        }
        assert!(faults("async fn list(state: Data<State>) { search(state.log()).await; }").is_empty());
    }

    #[test]
    fn a_handler_has_at_most_25_lines() {
        let handler = |lines: usize| {
            format!(
                "#[get(\"/\")]\nasync fn list() {{\n{}}}\n",
                "f();\n".repeat(lines - 2)
            )
        };
        assert!(faults(&handler(25)).is_empty());
        assert_eq!(faults(&handler(26)).len(), 1);
        let exported = handler(26)
            .replace("#[get(\"/\")]", "")
            .replace("async", "pub(crate) async");
        assert_eq!(faults(&exported).len(), 1);
        let helper = handler(26).replace("#[get(\"/\")]", "");
        assert!(faults(&helper).is_empty(), "a helper is not a handler");
    }

    #[test]
    fn a_public_port_has_no_untyped_json() {
        let check_port = |text: &str| {
            check(&[(PathBuf::from("crates/audit/src/port.rs"), text.to_owned())])
                .unwrap()
                .len()
        };
        assert_eq!(
            check_port("pub trait Export { fn write(&self, row: serde_json::Value); }"),
            1
        );
        assert_eq!(
            check_port("pub trait Export { fn rows(&self) -> Vec<Value>; }"),
            1
        );
        assert_eq!(check_port("pub trait Export { fn write(&self, row: Row); }"), 0);
        assert_eq!(
            check_port("trait Private { fn write(&self, row: serde_json::Value); }"),
            0
        );
    }

    #[test]
    fn other_crates_are_free() {
        let text = "pub trait T { fn f(&self) -> serde_json::Value; }".to_owned();
        assert!(
            check(&[(PathBuf::from("crates/testkit/src/t.rs"), text)])
                .unwrap()
                .is_empty()
        );
    }
}
