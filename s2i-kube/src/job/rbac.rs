//! The rights that a client needs, and the objects that give them.

use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject as RbacSubject},
};

use super::{JobError, metadata, names};

/// The API group of roles.
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// Rights on one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The resource, with its part after a slash.
    pub resource: &'static str,
    /// The verbs that are allowed.
    pub verbs: &'static [&'static str],
}

/// The rights of a client that runs builds: no more is needed, and no pod of a build needs any.
///
/// An attachment over WebSocket is a `get` for servers before 1.35, and a `create` for later ones; its request is a
/// `get` for both.
pub const CLIENT_RULES: [Permission; 5] = [
    Permission {
        group: "batch",
        resource: "jobs",
        verbs: &["create", "get", "list", "watch", "delete"],
    },
    Permission {
        group: "",
        resource: "pods",
        verbs: &["get", "list", "watch"],
    },
    Permission {
        group: "",
        resource: "pods/log",
        verbs: &["get"],
    },
    Permission {
        group: "",
        resource: "pods/attach",
        verbs: &["get", "create"],
    },
    Permission {
        group: "",
        resource: "events",
        verbs: &["list", "watch"],
    },
];

/// The rights of what builds again after its base has changed, by `s2i cluster rebuild --detach`: it looks for the last
/// Job of the image, creates one, and does not follow it. Without `--detach` it needs [`CLIENT_RULES`].
pub const REBUILD_RULES: [Permission; 1] = [Permission {
    group: "batch",
    resource: "jobs",
    verbs: &["create", "get", "list"],
}];

/// The rights of what builds for KubeSphere's operator: it runs builds, puts the logins that the operator gives it into
/// Secrets, which it can't read, and writes the result into annotations of its own pod.
pub const KUBESPHERE_RULES: [Permission; 6] = [
    CLIENT_RULES[0],
    Permission {
        group: "",
        resource: "pods",
        verbs: &["get", "list", "watch", "patch"],
    },
    CLIENT_RULES[2],
    CLIENT_RULES[3],
    CLIENT_RULES[4],
    Permission {
        group: "",
        resource: "secrets",
        verbs: &["create", "delete"],
    },
];

/// The holder of rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A service account of the same namespace, which is created too.
    NewServiceAccount(String),
    /// A service account of the same namespace.
    ServiceAccount(String),
    /// A user, as the cluster's login names it.
    User(String),
    /// A group, as the cluster's login names it.
    Group(String),
}

/// Rights in one namespace for one subject.
#[derive(Clone, Debug)]
pub struct Access {
    /// The name of the role and its binding.
    pub name: String,
    /// The namespace. A service account can't be bound without one.
    pub namespace: String,
    /// The holder.
    pub subject: Subject,
    /// The rights: [`CLIENT_RULES`], [`REBUILD_RULES`] or [`KUBESPHERE_RULES`].
    pub rules: &'static [Permission],
}

impl Access {
    /// Returns the service account, if it is a new one, the role, and its binding.
    ///
    /// # Errors
    /// Names that objects can't have.
    pub fn objects(&self) -> Result<(Option<ServiceAccount>, Role, RoleBinding), JobError> {
        names::check_label("a role", &self.name, names::LABEL)?;
        names::check_label("a namespace", &self.namespace, names::LABEL)?;
        let metadata = |name: &str| metadata::of_object(name, Some(&self.namespace), &self.name);
        let account = match &self.subject {
            Subject::NewServiceAccount(name) => {
                names::check_object("a service account", name)?;
                Some(ServiceAccount {
                    metadata: metadata(name),
                    ..ServiceAccount::default()
                })
            }
            _ => None,
        };
        let role = Role {
            metadata: metadata(&self.name),
            rules: Some(self.rules.iter().map(Permission::object).collect()),
        };
        let binding = RoleBinding {
            metadata: metadata(&self.name),
            role_ref: RoleRef {
                api_group: RBAC_GROUP.to_owned(),
                kind: "Role".to_owned(),
                name: self.name.clone(),
            },
            subjects: Some(vec![self.subject()]),
        };
        Ok((account, role, binding))
    }

    fn subject(&self) -> RbacSubject {
        let (kind, name) = match &self.subject {
            Subject::NewServiceAccount(name) | Subject::ServiceAccount(name) => {
                ("ServiceAccount", name)
            }
            Subject::User(name) => ("User", name),
            Subject::Group(name) => ("Group", name),
        };
        let is_account = kind == "ServiceAccount";
        RbacSubject {
            api_group: (!is_account).then(|| RBAC_GROUP.to_owned()),
            kind: kind.to_owned(),
            name: name.clone(),
            namespace: is_account.then(|| self.namespace.clone()),
        }
    }
}

impl Permission {
    fn object(&self) -> PolicyRule {
        PolicyRule {
            api_groups: Some(vec![self.group.to_owned()]),
            resources: Some(vec![self.resource.to_owned()]),
            verbs: self.verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            ..PolicyRule::default()
        }
    }
}
