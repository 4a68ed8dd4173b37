//! The rules about `Cargo.toml` files.

use std::path::PathBuf;

use serde::Deserialize;

use super::table::{BANNED, DOMAIN, DOMAIN_EXTERNAL, HOMES, Home, MAY_IMPORT, TESTKIT};

/// The part of `cargo metadata --no-deps` that the rules read.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    #[serde(default)]
    pub(crate) workspace_root: PathBuf,
}

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// An entry of a dependency table.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal one, `dev`, or `build`.
    pub(crate) kind: Option<String>,
    /// Where a crate of ours is.
    pub(crate) path: Option<PathBuf>,
}

impl Dependency {
    fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// Every breach, one line each.
pub(crate) fn check(metadata: &Metadata) -> Vec<String> {
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == package.name) else {
            faults.push(format!(
                "{}: an unknown crate; give it a line in xtask/src/layers/table.rs",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let fault = match dependency.path {
                Some(_) => ours(&package.name, allowed, dependency),
                None => external(&package.name, dependency),
            };
            faults.extend(fault);
        }
    }
    faults
}

/// Every allowance that nobody uses, one line each: it would let something in unseen.
pub(crate) fn unused(metadata: &Metadata) -> Vec<String> {
    let uses = |package: &str, wanted: &dyn Fn(&Dependency) -> bool| {
        let mut named = metadata.packages.iter().filter(|known| known.name == package);
        named.any(|known| known.dependencies.iter().any(wanted))
    };
    let mut idle = Vec::new();
    for (package, allowed) in MAY_IMPORT {
        let unneeded = allowed
            .iter()
            .filter(|name| !uses(package, &|d| d.name == **name));
        idle.extend(unneeded.map(|name| format!("{package} may import {name} and does not")));
    }
    let by_nobody = |name: &&&str| !DOMAIN.iter().any(|package| uses(package, &|d| d.name == **name));
    let listed = DOMAIN_EXTERNAL.iter().filter(by_nobody);
    idle.extend(listed.map(|name| format!("domain crates may import {name} and none does")));
    for home in HOMES {
        let counts = |d: &Dependency| matches(home, &d.name) && !(home.free_in_tests && d.is_dev());
        let (lived_in, empty): (Vec<&str>, Vec<&str>) =
            home.homes.iter().partition(|package| uses(package, &counts));
        // Where nobody lives yet, the home forbids the crate to everybody else.
        if !lived_in.is_empty() {
            let told =
                |package: &&str| format!("{package} is a home of {} and does not use it", home.external);
            idle.extend(empty.iter().map(told));
        }
    }
    idle.into_iter()
        .map(|fault| format!("{fault}: remove it from xtask/src/layers/table.rs"))
        .collect()
}

fn ours(package: &str, allowed: &[&str], dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let for_tests = dependency.is_dev() && (name == TESTKIT || name == package);
    if for_tests || allowed.contains(&name) {
        return None;
    }
    Some(format!(
        "{package} must not import {name}: the table allows {}",
        list(allowed)
    ))
}

fn external(package: &str, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    if BANNED.contains(&name) {
        return Some(format!(
            "{package} must not import {name}: it is banned everywhere"
        ));
    }
    if let Some(home) = HOMES.iter().find(|home| matches(home, name)) {
        let allowed = home.homes.contains(&package) || (home.free_in_tests && dependency.is_dev());
        return (!allowed).then(|| {
            format!(
                "{package} must not import {name}: its home is {}",
                list(home.homes)
            )
        });
    }
    let unlisted = DOMAIN.contains(&package) && !dependency.is_dev() && !DOMAIN_EXTERNAL.contains(&name);
    unlisted.then(|| format!("{package} must not import {name}: it is not on the list for domain crates"))
}

fn matches(home: &Home, name: &str) -> bool {
    match home.external.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == home.external,
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(package: &str, dependency: &serde_json::Value) -> Vec<String> {
        let metadata = serde_json::json!({ "packages": [{ "name": package, "dependencies": [dependency] }] });
        check(&serde_json::from_value(metadata).unwrap())
    }

    fn normal(name: &str) -> serde_json::Value {
        let path = name.starts_with("vutf-").then_some("somewhere");
        serde_json::json!({ "name": name, "kind": null, "path": path })
    }

    fn dev(name: &str) -> serde_json::Value {
        let mut dependency = normal(name);
        dependency["kind"] = "dev".into();
        dependency
    }

    #[test]
    fn what_the_table_names_is_allowed() {
        for (package, name) in [
            ("vutf-identity", "vutf-kernel"),
            ("vutf-app", "vutf-identity"),
            ("vutf-store-seaorm", "sea-orm"),
            ("vutf-migration", "sea-orm-migration"),
            ("vutf-server", "actix-web"),
            ("vutf-cache-redis", "redis"),
            ("vutf-identity", "argon2"),
        ] {
            assert!(
                faults(package, &normal(name)).is_empty(),
                "{package} imports {name}"
            );
        }
    }

    #[test]
    fn what_the_table_does_not_name_is_forbidden() {
        for (package, name) in [
            ("vutf-kernel", "vutf-identity"),
            ("vutf-identity", "vutf-audit"),
            ("vutf-app", "vutf-store-seaorm"),
            ("vutf-cache-redis", "vutf-app"),
            ("vutf-server", "vutf-testkit"),
            ("vutf-migration", "vutf-kernel"),
            ("vutf-identity", "sea-orm"),
            ("vutf-server", "sea-orm"),
            ("vutf-server", "sea-orm-migration"),
            ("vutf-store-seaorm", "actix-web"),
            ("vutf-server", "redis"),
            ("vutf-server", "aws-sdk-kms"),
            ("vutf-identity", "anyhow"),
            ("vutf-identity", "tokio"),
            ("vutf-audit", "reqwest"),
            ("vutf-audit", "a-crate-nobody-listed"),
            ("vutf-server", "openssl"),
        ] {
            assert_eq!(
                faults(package, &normal(name)).len(),
                1,
                "{package} imports {name}"
            );
        }
    }

    #[test]
    fn tests_may_use_the_testkit_themselves_and_a_runtime_and_no_other_ring() {
        for name in ["vutf-testkit", "vutf-identity", "tokio", "proptest"] {
            assert!(faults("vutf-identity", &dev(name)).is_empty(), "{name}");
        }
        for name in ["vutf-audit", "vutf-store-seaorm", "sea-orm", "actix-web"] {
            assert_eq!(faults("vutf-identity", &dev(name)).len(), 1, "{name}");
        }
    }

    #[test]
    fn a_crate_without_a_line_in_the_table_is_a_fault() {
        let metadata = serde_json::json!({ "packages": [{ "name": "vutf-new", "dependencies": [] }] });
        assert_eq!(check(&serde_json::from_value(metadata).unwrap()).len(), 1);
    }

    #[test]
    fn a_build_dependency_counts_as_an_import() {
        let mut dependency = normal("sea-orm");
        dependency["kind"] = "build".into();
        assert_eq!(faults("vutf-identity", &dependency).len(), 1);
    }
}
