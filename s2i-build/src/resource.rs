//! Resources that a command has created and not yet removed. A command that is stopped waits for their removal, and
//! reports those that are left when it can't wait.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// Something that is removed before the command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A checkout of a Git repository: its directory, or the parent in which it is created.
    Checkout(PathBuf),
    /// Unfinished files of the embedded engine: their directory, or the parent in which it is created.
    Work(PathBuf),
    /// The files of an application that the embedded engine runs: their directory.
    Run(PathBuf),
    /// The unfinished source beside a Dockerfile: its directory.
    Context(PathBuf),
    /// A container of a build, by its name in an engine.
    Container(String),
    /// A container that runs an application, by its name in an engine.
    Application(String),
    /// A commit that an engine can't stop, by the name of the container.
    Commit(String),
    /// An image without a name, by its id.
    Image(String),
    /// An archive that an engine loads, by the engine's endpoint.
    Load(String),
    /// The Job of a build in a cluster, by its name.
    Job(String),
}

impl Resource {
    /// Returns a text for the operation that the command waits for.
    #[must_use]
    pub fn pending(&self) -> String {
        match self {
            Self::Checkout(path) => format!("removing the checkout in `{}`", path.display()),
            Self::Work(path) | Self::Context(path) => {
                format!("removing unfinished files in `{}`", path.display())
            }
            Self::Run(path) => format!(
                "waiting for the application to end, whose files are in `{}`",
                path.display()
            ),
            Self::Container(name) => {
                format!("waiting for the container `{name}` to be made or removed")
            }
            Self::Application(name) => {
                format!("waiting for the application in the container `{name}` to end")
            }
            Self::Commit(name) => format!(
                "waiting for the engine, which can't stop the commit of the container `{name}`"
            ),
            Self::Image(id) => format!("removing the image `{id}`"),
            Self::Load(endpoint) => {
                format!("waiting for the engine at {endpoint}, which can't stop to load an archive")
            }
            Self::Job(name) => format!("removing the Job `{name}` and its pods"),
        }
    }
}

/// Shows the resource that stays behind, and its further fate.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkout(path) => write!(
                f,
                "the checkout in `{}`, which the next build removes",
                path.display()
            ),
            Self::Work(path) | Self::Run(path) => write!(
                f,
                "unfinished files in `{}`, which the next use of the store removes",
                path.display()
            ),
            Self::Context(path) => write!(f, "unfinished files in `{}`", path.display()),
            Self::Container(name) => write!(
                f,
                "the container `{name}`, which the engine removes if it has started"
            ),
            Self::Application(name) => {
                write!(f, "the container `{name}`, whose application goes on")
            }
            Self::Commit(name) => write!(
                f,
                "an image without a name, which the engine makes of the container `{name}`"
            ),
            Self::Image(id) => write!(f, "the image `{id}`, which has no name"),
            Self::Load(endpoint) => {
                write!(f, "what the engine at {endpoint} has got of an archive")
            }
            Self::Job(name) => write!(
                f,
                "the Job `{name}`, which the cluster ends after its deadline"
            ),
        }
    }
}

/// The resources of a command. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Resources(Arc<State>);

#[derive(Debug, Default)]
struct State {
    list: Mutex<List>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct List {
    next: u64,
    entries: BTreeMap<u64, Resource>,
}

impl Resources {
    /// Adds a resource that is about to be created, until the result is dropped.
    pub(crate) fn add(&self, resource: Resource) -> Tracked {
        let mut list = self.lock();
        let key = list.next;
        list.next += 1;
        list.entries.insert(key, resource);
        Tracked {
            resources: self.clone(),
            key,
        }
    }

    /// Returns the current resources, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Resource> {
        self.lock().entries.values().cloned().collect()
    }

    /// Blocks until the list is empty.
    pub fn wait_until_empty(&self) {
        let mut list = self.lock();
        while !list.entries.is_empty() {
            let waited = self.0.released.wait(list);
            list = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Locks the list, which is consistent at every moment, even after a panic.
    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resource in the list. The entry is removed when this is dropped, which must be after the resource's removal.
#[derive(Debug)]
#[must_use = "a resource is in the list as long as this lives"]
pub struct Tracked {
    resources: Resources,
    key: u64,
}

impl Tracked {
    /// Replaces the resource in the list.
    pub fn set(&self, resource: Resource) {
        self.resources.lock().entries.insert(self.key, resource);
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.resources.lock().entries.remove(&self.key);
        self.resources.0.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str) -> Resource {
        Resource::Container(name.into())
    }

    #[test]
    fn a_resource_is_listed_until_it_is_dropped() {
        let resources = Resources::default();
        let first = resources.add(container("a"));
        let second = resources.clone().add(container("b"));
        assert_eq!(resources.list(), [container("a"), container("b")]);
        second.set(container("c"));
        assert_eq!(resources.list(), [container("a"), container("c")]);
        drop(first);
        assert_eq!(resources.list(), [container("c")]);
    }

    #[test]
    fn waiting_ends_with_the_last_resource() {
        let resources = Resources::default();
        resources.wait_until_empty();
        let tracked = resources.add(container("a"));
        let (released, waiting) = (resources.clone(), resources.clone());
        let waiting = std::thread::spawn(move || {
            waiting.wait_until_empty();
            waiting.list()
        });
        assert!(!waiting.is_finished());
        drop(tracked);
        assert_eq!(waiting.join().unwrap(), []);
        assert_eq!(released.list(), []);
    }
}
