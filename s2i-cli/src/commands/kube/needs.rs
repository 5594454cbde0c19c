//! `s2i kube rbac` and `pvc`.

use s2i_kube::{
    document::object,
    job::{Access, CLIENT_RULES, CacheClaim, REBUILD_RULES, Subject},
};
use serde_json::Value;

use super::KubeError;
use crate::args::kube::{Pvc, Rbac};

/// Returns the rights in a namespace. A service account can't be bound without one.
pub(super) fn rbac(args: &Rbac, namespace: Option<&str>) -> Result<Vec<Value>, KubeError> {
    let named = [
        (&args.user, Subject::User as fn(String) -> Subject),
        (&args.group, Subject::Group),
        (&args.service_account, Subject::ServiceAccount),
        (&args.new_service_account, Subject::NewServiceAccount),
    ];
    let subject = named
        .into_iter()
        .find_map(|(name, subject)| name.clone().map(subject));
    let (rules, usual): (&'static [_], _) = if args.rebuild {
        (&REBUILD_RULES, "s2i-rebuild")
    } else {
        (&CLIENT_RULES, "s2i-build")
    };
    let access = Access {
        name: args.name.clone().unwrap_or_else(|| usual.to_owned()),
        namespace: namespace.ok_or(KubeError::NoNamespace)?.to_owned(),
        subject: subject.ok_or(KubeError::NoSubject)?,
        rules,
    };
    let (account, role, binding) = access.objects()?;
    let account = account.iter().map(object);
    Ok(account.chain([object(&role), object(&binding)]).collect())
}

pub(super) fn pvc(args: &Pvc) -> Result<Value, KubeError> {
    let claim = CacheClaim {
        name: args.name.clone(),
        application: args.application.or(&args.name).to_owned(),
        namespace: args.objects.namespace(),
        size: args.size.clone(),
        storage_class: args.storage_class.clone(),
    };
    Ok(object(&claim.object()?))
}
