//! The gateway: a reverse proxy on loopback that splits real HTTP traffic as an nginx ingress controller would.
//!
//! `rules` reads Ingresses, `route` decides, `table` knows which pods are behind a Service, `proxy` carries the
//! request there, `counts` remembers how it went. Every Ingress class is served: there is no other controller here.

pub mod counts;
pub mod follow;
pub mod proxy;
pub mod route;
pub mod rules;
pub mod table;
