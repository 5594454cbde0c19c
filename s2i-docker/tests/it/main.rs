//! Tests of `s2i-docker` from outside, against a scripted daemon on a Unix socket.
//!
//! [`daemon`] is the other side: a small model of an engine with the agent in its containers. It
//! notes every call, and a call that no engine should get at that moment fails the test.

#[cfg(test)]
mod builds;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod cancels;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod images;
#[cfg(test)]
mod launches;
#[cfg(test)]
mod pieces;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod removals;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod uploads;
