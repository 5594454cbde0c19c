//! Tests of the agent as a process that is spoken to over pipes.
//!
//! On the host the agent is an ordinary process: there it gets no [`Finish`] request, which would go
//! through the whole file system. That and all that only a first process does happens in
//! [`namespace`]s of their own.
//!
//! [`Finish`]: s2i_core::wire::Finish

#[cfg(test)]
mod agent;
#[cfg(test)]
mod archives;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod first_process;
#[cfg(test)]
mod injections;
#[cfg(test)]
mod namespace;
#[cfg(test)]
mod scripts;
