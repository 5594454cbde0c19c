//! The user that all steps of a build run as.

use super::JobError;

/// The user of a pod. The steps share a volume, so there is one user for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodUser {
    /// This number, which is that of the builder's user, and group 0, which owns what the images of S2I let any user
    /// write.
    Id(u32),
    /// The number that the platform assigns, as OpenShift does. The pod then has no user, group and group of volumes.
    Assigned,
}

impl PodUser {
    /// Returns the user of an image from its config, `USER` or the label for `assemble`: a number, with a group or
    /// without one, which has no effect.
    ///
    /// # Errors
    /// [`JobError::RootUser`] and [`JobError::NamedUser`].
    ///
    /// ```
    /// use s2i_kube::job::{JobError, PodUser};
    ///
    /// assert_eq!(PodUser::of_image("1001:0"), Ok(PodUser::Id(1001)));
    /// assert_eq!(PodUser::of_image(""), Err(JobError::RootUser));
    /// assert_eq!(PodUser::of_image("default"), Err(JobError::NamedUser("default".into())));
    /// ```
    pub fn of_image(user: &str) -> Result<Self, JobError> {
        let user = user.split(':').next().unwrap_or_default();
        let named = || JobError::NamedUser(user.to_owned());
        match user {
            "" | "root" => Err(JobError::RootUser),
            _ => Self::Id(user.parse().map_err(|_| named())?).checked(),
        }
    }

    /// Refuses root.
    pub(crate) fn checked(self) -> Result<Self, JobError> {
        if self == Self::Id(0) {
            Err(JobError::RootUser)
        } else {
            Ok(self)
        }
    }
}
