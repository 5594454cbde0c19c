//! Tests of `s2i-oci` from outside.

#[cfg(test)]
mod common;
#[cfg(test)]
mod overlay;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod store;
