use std::fmt;
use std::future::Future;
use std::pin::Pin;

use http::{Method, StatusCode};

use super::{Request, Response};
use crate::{Auth, Config, Limit, ProblemCode, Result};

/// One row of the table from which adapters mount, core dispatches and the documents are generated.
#[derive(Clone)]
#[non_exhaustive]
pub struct Endpoint {
    /// The one method; the same path may have further rows with others.
    pub method: Method,
    /// The path below the mount point. It is static: neither ids nor tokens are part of a path.
    pub path: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What is limited about it; never nothing.
    pub limits: &'static [Limit],
    /// The status of success.
    pub success: StatusCode,
    pub(crate) problems: &'static [ProblemCode],
    /// The types of the answer's body, the usual one first.
    pub(crate) media: &'static [&'static str],
    /// The parameter of the query, if there is one.
    pub(crate) query: Option<&'static str>,
    /// What can stand in place of a body.
    pub(crate) optional_body: &'static [Credential],
    #[cfg(feature = "openapi")]
    pub(crate) input: Option<super::shape::Shape>,
    #[cfg(feature = "openapi")]
    pub(crate) output: Option<super::shape::Shape>,
    pub(crate) handler: Handler,
}

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Access {
    /// Everybody.
    Public,
    /// Who has signed in within the last minutes.
    RecentSignIn,
    /// Who has signed in.
    SignedIn,
}

/// What a request can be authenticated by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Credential {
    AccessCookie,
    AccessToken,
    RefreshCookie,
}

pub(crate) type Handler =
    for<'a> fn(&'a Auth, Request) -> Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

#[cfg(feature = "openapi")]
macro_rules! described {
    ($($method:ident: $field:ident),+) => { $(
        pub(crate) const fn $method<T: utoipa::ToSchema>(mut self) -> Self {
            self.$field = Some(super::shape::Shape::of::<T>());
            self
        }
    )+ };
}

#[cfg(not(feature = "openapi"))]
macro_rules! described {
    ($($method:ident: $field:ident),+) => { $(
        #[expect(clippy::extra_unused_type_parameters, reason = "only the description names it")]
        pub(crate) const fn $method<T>(self) -> Self {
            self
        }
    )+ };
}

impl Endpoint {
    pub(crate) const fn delete(
        path: &'static str,
        summary: &'static str,
        limits: &'static [Limit],
        handler: Handler,
    ) -> Self {
        Self::new(Method::DELETE, path, summary, limits, handler)
    }

    pub(crate) const fn get(
        path: &'static str,
        summary: &'static str,
        limits: &'static [Limit],
        handler: Handler,
    ) -> Self {
        Self::new(Method::GET, path, summary, limits, handler)
    }

    pub(crate) const fn post(
        path: &'static str,
        summary: &'static str,
        limits: &'static [Limit],
        handler: Handler,
    ) -> Self {
        Self::new(Method::POST, path, summary, limits, handler)
    }

    const fn new(
        method: Method,
        path: &'static str,
        summary: &'static str,
        limits: &'static [Limit],
        handler: Handler,
    ) -> Self {
        // The tables are constants: a row without a limit does not compile.
        assert!(!limits.is_empty(), "an endpoint declares what is limited about it");
        Self {
            method,
            path,
            summary,
            access: Access::Public,
            limits,
            success: StatusCode::OK,
            problems: &[],
            media: &["application/json"],
            query: None,
            optional_body: &[],
            #[cfg(feature = "openapi")]
            input: None,
            #[cfg(feature = "openapi")]
            output: None,
            handler,
        }
    }

    /// Whether the configuration switches it off.
    pub(crate) fn is_disabled(&self, config: &Config) -> bool {
        config.disabled_endpoints.iter().any(|text| self.is_named(text))
    }

    /// Whether a configuration means it by `text`: its path, or its method and path.
    pub(crate) fn is_named(&self, text: &str) -> bool {
        let path = text.strip_prefix(self.method.as_str()).and_then(|rest| rest.strip_prefix(' '));
        path.unwrap_or(text) == self.path
    }

    pub(crate) const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    pub(crate) const fn success(mut self, status: StatusCode) -> Self {
        self.success = status;
        self
    }

    /// Lists the problems that are this endpoint's own, beside those that any may answer with.
    pub(crate) const fn problems(mut self, problems: &'static [ProblemCode]) -> Self {
        self.problems = problems;
        self
    }

    pub(crate) const fn media(mut self, media: &'static [&'static str]) -> Self {
        self.media = media;
        self
    }

    pub(crate) const fn query(mut self, parameter: &'static str) -> Self {
        self.query = Some(parameter);
        self
    }

    pub(crate) const fn optional_body(mut self, credentials: &'static [Credential]) -> Self {
        self.optional_body = credentials;
        self
    }

    described!(takes: input, answers: output);
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
