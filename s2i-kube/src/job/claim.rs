//! The claim for a cache between builds.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};

use super::{JobError, Quantity, metadata, names};

/// A claim for the cache of one application.
#[derive(Clone, Debug)]
pub struct CacheClaim {
    /// The name of the claim.
    pub name: String,
    /// The name of the application.
    pub application: String,
    /// The namespace; without one the client's.
    pub namespace: Option<String>,
    /// The size in bytes.
    pub size: Quantity,
    /// The storage class; without one that of the cluster.
    pub storage_class: Option<String>,
}

impl CacheClaim {
    /// Returns the claim. One pod can use it at a time, so a second build waits until the first has ended, and no two
    /// write one cache.
    ///
    /// # Errors
    /// Names that objects can't have.
    pub fn object(&self) -> Result<PersistentVolumeClaim, JobError> {
        names::check_object("a claim", &self.name)?;
        names::check_label("an application", &self.application, names::LABEL)?;
        let requests = BTreeMap::from([("storage".to_owned(), self.size.object())]);
        let spec = PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOncePod".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some(requests),
                ..VolumeResourceRequirements::default()
            }),
            storage_class_name: self.storage_class.clone(),
            ..PersistentVolumeClaimSpec::default()
        };
        Ok(PersistentVolumeClaim {
            metadata: metadata::of_object(&self.name, self.namespace.as_deref(), &self.application),
            spec: Some(spec),
            status: None,
        })
    }
}
