//! The ports of an image.

use std::{collections::BTreeMap, fmt, num::NonZeroU16};

use s2i_core::{Diagnostic, image::ContainerConfig};

/// The label of an image with the ports of its application and the names of their services, as `8080:http,8443:https`.
/// Parts may have spaces around them, and a port may have a protocol, as `53/udp:dns`.
pub const EXPOSE_SERVICES: &str = "io.openshift.expose-services";

/// The most characters of the name of a port (RFC 6335).
const NAME: usize = 15;

/// The most ports of an image that count.
const PORTS: usize = 100;

/// A port on which an application listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The name, unique among the ports of an application.
    pub name: String,
    /// The number.
    pub number: NonZeroU16,
    /// The transport protocol.
    pub protocol: Protocol,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "sctp" => Some(Self::Sctp),
            _ => None,
        }
    }

    /// The protocol as objects of Kubernetes name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }
}

impl Port {
    /// A port with the name that `oc new-app` also uses, for example `8080-tcp`.
    #[must_use]
    pub fn new(number: NonZeroU16, protocol: Protocol) -> Self {
        let name = format!("{number}-{}", protocol.as_str().to_ascii_lowercase());
        Self {
            name,
            number,
            protocol,
        }
    }

    /// Returns the ports of an image by their numbers: those that it exposes, and those of the label
    /// [`EXPOSE_SERVICES`], whose names they have. What is no port is in the diagnostics.
    #[must_use]
    pub fn of_image(config: &ContainerConfig) -> (Vec<Self>, Vec<Diagnostic>) {
        let mut found = BTreeMap::new();
        let mut diagnostics = Vec::new();
        for exposed in config.exposed_ports.iter().take(PORTS) {
            match parse(exposed) {
                Some(key) => drop(found.insert(key, None)),
                None => diagnostics.push(Diagnostic::new(
                    "EXPOSE",
                    format!("`{exposed}` is no port; it is left out"),
                )),
            }
        }
        let label = config
            .labels
            .get(EXPOSE_SERVICES)
            .map_or("", String::as_str);
        let services = label.split(',').map(str::trim);
        for service in services.filter(|service| !service.is_empty()).take(PORTS) {
            let (port, name) = service.split_once(':').unwrap_or((service, ""));
            match parse(port.trim()) {
                Some(key) => drop(found.insert(key, port_name(name))),
                None => diagnostics.push(Diagnostic::new(
                    EXPOSE_SERVICES,
                    format!("`{service}` has no port; it is left out"),
                )),
            }
        }
        (named(found), diagnostics)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            self.number,
            self.protocol.as_str().to_ascii_lowercase()
        )
    }
}

impl std::str::FromStr for Port {
    type Err = PortError;

    /// Parses `NUMBER[/PROTOCOL][:NAME]`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (port, name) = text.split_once(':').unwrap_or((text, ""));
        let (number, protocol) = parse(port).ok_or_else(|| PortError(text.into()))?;
        let port = Self::new(number, protocol);
        if name.is_empty() {
            return Ok(port);
        }
        match port_name(name) {
            Some(valid) if valid == name => Ok(Self {
                name: valid,
                ..port
            }),
            _ => Err(PortError(text.into())),
        }
    }
}

/// An error for text that is no port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no port: NUMBER[/tcp|udp|sctp][:NAME], with a name of at most 15 lower-case letters, digits and `-`"
)]
pub struct PortError(String);

/// Returns the ports with their names; a name that another port has already is replaced by that of the number.
fn named(found: BTreeMap<(NonZeroU16, Protocol), Option<String>>) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    for ((number, protocol), name) in found {
        let mut port = Port::new(number, protocol);
        if let Some(name) = name.filter(|name| ports.iter().all(|port| port.name != *name)) {
            port.name = name;
        }
        ports.push(port);
    }
    ports
}

/// Returns the number and the protocol of `8080` or `8080/tcp`.
fn parse(text: &str) -> Option<(NonZeroU16, Protocol)> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| number.parse().ok()).flatten()?;
    Some((number, Protocol::parse(protocol)?))
}

/// Returns the text as a name of a port; `None` if nothing in it can be one.
fn port_name(text: &str) -> Option<String> {
    let lower = text.trim().chars().map(|c| c.to_ascii_lowercase());
    let mut name = String::new();
    for c in lower {
        let is_valid = c.is_ascii_lowercase() || c.is_ascii_digit();
        if is_valid {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(NAME);
    let name = name.trim_end_matches('-');
    name.bytes()
        .any(|byte| byte.is_ascii_lowercase())
        .then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(exposed: &[&str], services: &str) -> (Vec<String>, Vec<String>) {
        let mut config = ContainerConfig {
            exposed_ports: exposed.iter().map(|port| (*port).to_owned()).collect(),
            ..ContainerConfig::default()
        };
        config
            .labels
            .insert(EXPOSE_SERVICES.into(), services.into());
        let (ports, diagnostics) = Port::of_image(&config);
        let ports = ports.iter().map(|port| format!("{port}:{}", port.name));
        let diagnostics = diagnostics.iter().map(ToString::to_string);
        (ports.collect(), diagnostics.collect())
    }

    #[test]
    fn services_name_the_exposed_ports() {
        let (ports, diagnostics) = of(
            &["8080/tcp", "53/udp", "9000"],
            "8080:http, 8443/tcp : HTTPS",
        );
        assert_eq!(
            ports,
            [
                "53/udp:53-udp",
                "8080/tcp:http",
                "8443/tcp:https",
                "9000/tcp:9000-tcp"
            ]
        );
        assert!(diagnostics.is_empty());
    }

    #[test]
    fn each_port_has_a_name_of_its_own() {
        assert_eq!(of(&[], "80:web,81:web").0, ["80/tcp:web", "81/tcp:81-tcp"]);
        assert_eq!(of(&[], "80:12,81:").0, ["80/tcp:80-tcp", "81/tcp:81-tcp"]);
        assert_eq!(
            of(&[], "80:a--very-long-name-of-a-port").0,
            ["80/tcp:a-very-long-nam"]
        );
    }

    #[test]
    fn texts_that_are_no_ports_are_reported() {
        let (ports, diagnostics) = of(&["0/tcp", "80/http", "+80"], "http:80,65536:big");
        assert!(ports.is_empty());
        assert_eq!(
            diagnostics,
            [
                "EXPOSE: `+80` is no port; it is left out",
                "EXPOSE: `0/tcp` is no port; it is left out",
                "EXPOSE: `80/http` is no port; it is left out",
                "io.openshift.expose-services: `http:80` has no port; it is left out",
                "io.openshift.expose-services: `65536:big` has no port; it is left out",
            ]
        );
    }

    #[test]
    fn ports_of_the_command_line_are_parsed() {
        let port = |text: &str| {
            text.parse::<Port>()
                .map(|port| format!("{port}:{}", port.name))
        };
        assert_eq!(port("8080").unwrap(), "8080/tcp:8080-tcp");
        assert_eq!(port("53/udp:dns").unwrap(), "53/udp:dns");
        for text in ["", "0", "80:HTTP", "80/icmp", "80:1", "-1"] {
            assert_eq!(port(text), Err(PortError(text.into())));
        }
    }
}
