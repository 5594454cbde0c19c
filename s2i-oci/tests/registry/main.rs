//! Tests of the client for registries from outside: against a [server] whose answers the tests make
//! up, and against a real registry where one is installed.

#[cfg(test)]
mod bases;
#[cfg(test)]
mod blobs;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod image;
#[cfg(test)]
mod insecure;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod mirrors;
#[cfg(test)]
mod model;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod pulls;
#[cfg(test)]
mod pushes;
#[cfg(test)]
mod real;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod server;
#[cfg(test)]
mod streams;
