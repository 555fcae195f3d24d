//! HTTP as values: what an endpoint is, how input is read and how answers are written.

pub(crate) mod client_address;
pub(crate) mod cookies;
pub(crate) mod cors;
pub(crate) mod credentials;
pub(crate) mod cross_site;
pub(crate) mod endpoint;
pub(crate) mod input;
#[cfg(feature = "openapi")]
pub(crate) mod openapi;
pub(crate) mod problem;
pub(crate) mod reply;
#[cfg(feature = "openapi")]
pub(crate) mod shape;

use std::net::IpAddr;

use bytes::Bytes;

/// A request as an adapter hands it over: its body is read already.
pub type Request = http::Request<Bytes>;

/// A response as an adapter passes it on, header for header and byte for byte.
pub type Response = http::Response<Bytes>;

/// The address of the connection's other end: a request extension that adapters set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer(pub IpAddr);
