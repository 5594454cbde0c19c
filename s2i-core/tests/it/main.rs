//! Tests of `s2i-core` from outside: archives on a file system, kinds of source, and properties of the small
//! grammars.

#[cfg(test)]
mod canary;
#[cfg(test)]
mod detections;
#[cfg(test)]
mod hostile_archives;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod round_trips;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod trees;
