//! The names that objects of Kubernetes can have.

use super::JobError;

/// The longest name of a label's value, a container and a volume (RFC 1123).
pub(crate) const LABEL: usize = 63;

/// The longest name of most other objects.
pub(crate) const OBJECT: usize = 253;

/// The longest beginning of a Job's generated name: a dash, five characters, and for each pod a dash and five more have
/// to stay below [`LABEL`].
const GENERATED: usize = LABEL - 12;

/// Fails unless the name is a label in the sense of RFC 1123.
pub(crate) fn check_label(what: &'static str, name: &str, longest: usize) -> Result<(), JobError> {
    let fits = name.len() <= longest && is_label(name);
    fits.then_some(()).ok_or_else(|| error(what, name, longest))
}

/// Fails unless the name is a subdomain: labels with dots between them.
pub(crate) fn check_object(what: &'static str, name: &str) -> Result<(), JobError> {
    let fits = name.len() <= OBJECT && name.split('.').all(is_label);
    fits.then_some(()).ok_or_else(|| error(what, name, OBJECT))
}

fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && !name.starts_with('-') && !name.ends_with('-') && name.chars().all(inner)
}

/// Fails unless the text can be the value of a label.
pub(crate) fn check_value(value: &str) -> Result<(), JobError> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = |c: char| c.is_ascii_alphanumeric();
    let fits = value.is_empty()
        || value.len() <= LABEL
            && value.chars().all(inner)
            && value.starts_with(end)
            && value.ends_with(end);
    fits.then_some(())
        .ok_or_else(|| JobError::Label(value.to_owned()))
}

/// Fails unless the text can be the key of a label: a name, with a domain and a slash before it or without.
pub(crate) fn check_key(key: &str) -> Result<(), JobError> {
    let (domain, name) = key
        .rsplit_once('/')
        .map_or((None, key), |(domain, name)| (Some(domain), name));
    let domain_fits = domain.is_none_or(|domain| check_object("a label", domain).is_ok());
    if name.is_empty() || !domain_fits {
        return Err(JobError::Label(key.to_owned()));
    }
    check_value(name)
}

/// Fails unless the name can be that of a namespace.
#[cfg(feature = "client")]
pub(crate) fn check_namespace(name: &str) -> Result<(), JobError> {
    check_label("a namespace", name, LABEL)
}

/// Returns the beginning of a Job's generated name.
pub(crate) fn generated(name: &str) -> Result<String, JobError> {
    check_label("a build", name, GENERATED).map(|()| format!("{name}-"))
}

/// Returns a name for the build of an image: the last component of its path, with the characters that names of objects
/// can have. It is `build` if nothing is left.
///
/// ```
/// use s2i_kube::job::name_from_image;
///
/// assert_eq!(name_from_image("registry.example.org:5000/team/My_Shop:1.0"), "my-shop");
/// ```
#[must_use]
pub fn name_from_image(image: &str) -> String {
    let path = image.split('@').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let repository = last.split(':').next().unwrap_or_default();
    let mut name = String::new();
    for c in repository.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() => name.push(c),
            c if c.is_ascii_digit() && !name.is_empty() => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
        if name.len() == GENERATED {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() {
        "build".to_owned()
    } else {
        name.to_owned()
    }
}

fn error(what: &'static str, name: &str, longest: usize) -> JobError {
    JobError::Name {
        what,
        name: name.to_owned(),
        longest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_become_names_of_builds() {
        let cases = [
            ("shop", "shop"),
            ("registry.example.org/a/b-c:1.2", "b-c"),
            ("localhost:5000/x@sha256:00", "x"),
            ("a/__web..app__", "web-app"),
            ("a/2048-game", "game"),
            ("a/42", "build"),
        ];
        for (image, name) in cases {
            assert_eq!(name_from_image(image), name, "{image}");
        }
        let long = name_from_image(&"x".repeat(300));
        assert!(generated(&long).is_ok());
    }

    #[test]
    fn names_that_kubernetes_refuses_are_refused() {
        for name in ["", "Shop", "-a", "a-", "a_b", "a.b", &"x".repeat(52)] {
            assert!(generated(name).is_err(), "{name}");
        }
        assert!(check_object("a secret", "a.b-c.d1").is_ok());
        for name in ["", ".", "a..b", "a.", "A", "a/b", &"x".repeat(254)] {
            assert!(check_object("a secret", name).is_err(), "{name}");
        }
    }

    #[test]
    fn labels_are_checked() {
        assert!(
            check_key("example.org/team").is_ok()
                && check_value("A_b.1").is_ok()
                && check_value("").is_ok()
        );
        for key in ["", "/a", "Example!/a", "a b", "a/"] {
            assert!(check_key(key).is_err(), "{key}");
        }
        assert!(
            check_value("-a").is_err()
                && check_value("a b").is_err()
                && check_value(&"x".repeat(64)).is_err()
        );
    }
}
