use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// The schema of a type that crosses the wire.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Adds the schemas that the type is made of, and returns its name.
    pub(super) collect: fn(&mut Schemas) -> String,
}

pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

impl Shape {
    pub(crate) const fn of<T: ToSchema>() -> Self {
        Self {
            collect: |schemas| {
                let name = T::name().into_owned();
                schemas.push((name.clone(), T::schema()));
                T::schemas(schemas);
                name
            },
        }
    }
}
