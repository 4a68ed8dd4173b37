//! Pagination on the wire: `limit`, an opaque signed `cursor`, and `{"items": […], "next_cursor": …}`.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Array, ObjectBuilder, Ref, RefOr, Schema,
        schema::{SchemaType, Type},
    },
};
use uuid::Uuid;
use vutf_crypto_keys::Keyring;
use vutf_kernel::{Class, Ctx, OrganizationId, Page, PageRequest};

use crate::http::problem::{FieldError, Problem};

/// Name of the key that signs cursors.
pub const KEY: &str = "cursor";

/// A part of a list.
#[derive(Debug, Serialize)]
pub struct List<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Pass as `cursor` for the next part; `null` at the end.
    pub next_cursor: Option<String>,
}

/// By hand: the derived one gives the lists of all things the same name, and leaves out what the things are.
impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        let items = Array::new(Ref::from_schema_name(T::name()));
        let next = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("Pass as `cursor` for the next part; `null` at the end."));
        ObjectBuilder::new()
            .description(Some("A part of a list."))
            .property("items", items)
            .required("items")
            .property("next_cursor", next)
            .into()
    }
}

impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// The cursors of one list of one tenant: one that another list gave out is refused.
pub struct Paging<'a> {
    /// Signs and checks.
    pub keyring: &'a Keyring,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// The list, e.g. `user.list`.
    pub list: &'static str,
}

impl<'a> Paging<'a> {
    /// For `ctx`'s tenant.
    pub fn new(keyring: &'a Keyring, ctx: &Ctx, list: &'static str) -> Self {
        Self {
            keyring,
            organization_id: ctx.organization_id,
            list,
        }
    }

    /// What the caller asked for.
    pub fn request(&self, limit: Option<u16>, cursor: Option<&str>) -> Result<PageRequest, Problem> {
        let limit = limit.unwrap_or(PageRequest::DEFAULT_LIMIT);
        if !(1..=PageRequest::MAX_LIMIT).contains(&limit) {
            let detail = format!("use 1 to {}", PageRequest::MAX_LIMIT);
            let error = FieldError::new("limit", "invalid_query", detail);
            return Err(Problem::new(Class::Invalid, "invalid_query").errors(vec![error]));
        }
        let after = cursor.map(|cursor| self.open(cursor)).transpose()?;
        Ok(PageRequest { after, limit })
    }

    /// What the caller gets.
    pub fn answer<T, U>(&self, page: Page<T>, body: impl FnMut(T) -> U) -> Result<List<U>, Problem> {
        let next_cursor = page.next.map(|after| self.seal(after)).transpose()?;
        Ok(List {
            items: page.items.into_iter().map(body).collect(),
            next_cursor,
        })
    }

    fn seal(&self, after: Uuid) -> Result<String, Problem> {
        let tag = self
            .keyring
            .mac(self.organization_id, KEY, &self.message(after))
            .map_err(|error| Problem::port(&error.into_port("cursor.seal")))?;
        let mut bytes = after.as_bytes().to_vec();
        bytes.extend_from_slice(&tag);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn open(&self, cursor: &str) -> Result<Uuid, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_form| refused())?;
        let (id, tag) = bytes.split_at_checked(16).ok_or_else(refused)?;
        let after = Uuid::from_slice(id).map_err(|_length| refused())?;
        let genuine = self
            .keyring
            .verify_mac(self.organization_id, KEY, &self.message(after), tag)
            .map_err(|error| Problem::port(&error.into_port("cursor.open")))?;
        if genuine { Ok(after) } else { Err(refused()) }
    }

    fn message(&self, after: Uuid) -> Vec<u8> {
        [
            &b"vutf/cursor/v1\0"[..],
            self.list.as_bytes(),
            b"\0",
            after.as_bytes(),
        ]
        .concat()
    }
}

fn refused() -> Problem {
    let error = FieldError::new(
        "cursor",
        "invalid_cursor",
        "use `next_cursor` of this list as it is",
    );
    Problem::new(Class::Invalid, "invalid_cursor").errors(vec![error])
}
