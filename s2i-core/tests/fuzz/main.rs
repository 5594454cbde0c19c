//! The properties of the fuzz targets of this crate, on the committed corpora.
//!
//! `cargo xtask fuzz` looks for inputs that break them.

#[cfg(test)]
mod archive;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod environment;
#[cfg(test)]
mod ignore;
#[cfg(test)]
mod image_ref;
#[cfg(test)]
mod instruction;
#[cfg(test)]
mod seal;
#[cfg(test)]
mod unpack;
#[cfg(test)]
mod wire;

#[test]
fn archives() {
    corpus::each("archive", archive::check);
}

#[test]
fn unpacked_archives() {
    corpus::each("archive", unpack::check);
    corpus::each("unpack", unpack::check);
}

#[test]
fn frames() {
    corpus::each("wire", wire::check);
}

#[test]
fn image_references() {
    corpus::each("image_ref", image_ref::check);
}

#[test]
fn ignore_files() {
    corpus::each("ignore", ignore::check);
}

#[test]
fn instructions() {
    corpus::each("instruction", instruction::check);
}

#[test]
fn environment_files() {
    corpus::each("environment", environment::check);
}
