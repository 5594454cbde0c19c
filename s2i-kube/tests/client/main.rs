//! Tests of the client against recorded answers, and against a model of an API server.
//!
//! The clock of the tests stands still: it moves when all tasks wait for it, so nothing here takes time.

#[cfg(test)]
mod applies;
#[cfg(test)]
mod attaches;
#[cfg(test)]
mod builds;
#[cfg(test)]
mod cancels;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod diagnoses;
#[cfg(test)]
mod follows;
#[cfg(test)]
mod obstacles;
#[cfg(test)]
mod own_pods;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod server;
#[cfg(test)]
mod submits;
