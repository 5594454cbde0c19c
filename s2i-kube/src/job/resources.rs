//! The resources of the steps.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource};

use super::{JobError, Quantity};

/// Amounts of the three resources that a container uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Processors: `1` is one, `500m` is half of one.
    pub cpu: Option<Quantity>,
    /// Memory in bytes.
    pub memory: Option<Quantity>,
    /// Storage of the node for the container's own files and logs and for the volume of the build, in bytes.
    pub storage: Option<Quantity>,
}

/// The resources of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// The amounts that a node must have free to get the pod. A request of storage protects from eviction.
    pub requests: Amounts,
    /// The most that the container may use. Above its memory it is killed; above its processors it becomes slow.
    pub limits: Amounts,
}

impl Resources {
    /// Returns the default for the steps with scripts: half a processor, 512 MiB and 1 GiB of storage are requested,
    /// and 2 GiB of memory are the limit. Processors have none, since a compiler uses what is free.
    #[must_use]
    pub fn of_scripts() -> Self {
        Self::of("500m", "512Mi", "1Gi", "2Gi")
    }

    /// Returns the default for the steps of our image.
    pub(crate) fn of_agent() -> Self {
        Self::of("100m", "128Mi", "256Mi", "1Gi")
    }

    fn of(cpu: &str, memory: &str, storage: &str, memory_limit: &str) -> Self {
        let amount = |text: &str| text.parse().ok();
        Self {
            requests: Amounts {
                cpu: amount(cpu),
                memory: amount(memory),
                storage: amount(storage),
            },
            limits: Amounts {
                memory: amount(memory_limit),
                ..Amounts::default()
            },
        }
    }

    /// Returns the same as the API has it.
    pub(crate) fn object(&self) -> Result<ResourceRequirements, JobError> {
        let (requests, limits) = (self.requests.named(), self.limits.named());
        for ((resource, request), (_, limit)) in requests.into_iter().zip(limits) {
            if let (Some(request), Some(limit)) = (request, limit)
                && request > limit
            {
                return Err(JobError::AboveLimit {
                    resource,
                    request: request.to_string(),
                    limit: limit.to_string(),
                });
            }
        }
        Ok(ResourceRequirements {
            requests: objects(requests),
            limits: objects(limits),
            ..ResourceRequirements::default()
        })
    }
}

impl Amounts {
    fn named(&self) -> [(&'static str, Option<&Quantity>); 3] {
        [
            ("cpu", self.cpu.as_ref()),
            ("memory", self.memory.as_ref()),
            ("ephemeral-storage", self.storage.as_ref()),
        ]
    }
}

fn objects(
    amounts: [(&'static str, Option<&Quantity>); 3],
) -> Option<BTreeMap<String, resource::Quantity>> {
    let given = amounts
        .into_iter()
        .filter_map(|(name, amount)| Some((name.to_owned(), amount?.object())));
    let given: BTreeMap<_, _> = given.collect();
    (!given.is_empty()).then_some(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_complete() {
        for resources in [Resources::of_scripts(), Resources::of_agent()] {
            let object = resources.object().unwrap();
            assert_eq!(object.requests.unwrap().len(), 3);
            assert_eq!(
                object.limits.unwrap().keys().collect::<Vec<_>>(),
                ["memory"]
            );
        }
    }

    #[test]
    fn request_above_its_limit_is_refused() {
        let mut resources = Resources::of_scripts();
        resources.requests.memory = Some("3Gi".parse().unwrap());
        let error = resources.object().unwrap_err().to_string();
        assert!(
            error.starts_with("3Gi of memory are requested, but 2Gi is the limit"),
            "{error}"
        );
    }
}
