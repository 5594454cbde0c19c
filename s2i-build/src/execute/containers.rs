//! The containers of a build that exist at a moment.

use crate::{error::BuildFailure, plan::StageName, ports::Container};

/// The containers of stages that have run, in the order in which they started.
pub(super) struct Containers<C>(Vec<(StageName, C)>);

impl<C> Default for Containers<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: Container> Containers<C> {
    pub(super) fn insert(&mut self, stage: StageName, container: C) {
        self.0.push((stage, container));
    }

    /// Returns the container of a stage that has run and is still needed.
    pub(super) fn get_mut(&mut self, stage: StageName) -> &mut C {
        let mut containers = self.0.iter_mut();
        let found = containers.find(|(name, _)| *name == stage);
        &mut found.expect("a checked plan copies from earlier stages").1
    }

    /// Removes and returns the container of a stage.
    pub(super) fn take(&mut self, stage: StageName) -> C {
        let index = self.0.iter().position(|(name, _)| *name == stage);
        let index = index.expect("a checked plan makes one image of a stage");
        self.0.remove(index).1
    }

    /// Removes and returns the containers of stages that are not needed.
    pub(super) fn take_unneeded(&mut self, is_needed: impl Fn(StageName) -> bool) -> Vec<C> {
        let unneeded = self.0.extract_if(.., |(name, _)| !is_needed(*name));
        unneeded.map(|(_, container)| container).collect()
    }

    /// Discards the containers after a failure, the newest first.
    pub(super) async fn discard_all(self, mut failure: BuildFailure) -> BuildFailure {
        for (_, container) in self.0.into_iter().rev() {
            failure = failure.and_cleanup(container.discard().await);
        }
        failure
    }
}
