//! The two versions of SOAP and what differs by name only.

use crate::soap::namespaces;

/// A version of SOAP; the one of a request is told by its envelope's namespace, never by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// SOAP 1.1.
    Soap11,
    /// SOAP 1.2.
    Soap12,
}

impl Version {
    /// The version whose envelope stands in this namespace.
    #[must_use]
    pub fn of_namespace(namespace: &str) -> Option<Self> {
        match namespace {
            namespaces::SOAP_11 => Some(Self::Soap11),
            namespaces::SOAP_12 => Some(Self::Soap12),
            _ => None,
        }
    }

    /// The version that a media type speaks of (its type without parameters, in any case): the reply's version when
    /// the envelope could not be read. `application/xml` and everything else say nothing.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        if media_type.eq_ignore_ascii_case("application/soap+xml") {
            Some(Self::Soap12)
        } else if media_type.eq_ignore_ascii_case("text/xml") {
            Some(Self::Soap11)
        } else {
            None
        }
    }

    /// The envelope's namespace.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => namespaces::SOAP_11,
            Self::Soap12 => namespaces::SOAP_12,
        }
    }

    /// The `Content-Type` of a reply in this version.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }

    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Soap11 => "1.1",
            Self::Soap12 => "1.2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_speaks_of_one_version_or_of_none() {
        assert_eq!(Version::of_media_type("text/xml"), Some(Version::Soap11));
        assert_eq!(Version::of_media_type("Application/SOAP+XML"), Some(Version::Soap12));
        assert_eq!(Version::of_media_type("application/xml"), None);
        for version in [Version::Soap11, Version::Soap12] {
            assert_eq!(Version::of_namespace(version.namespace()), Some(version));
            let (media_type, parameter) = version.media_type().split_once("; ").expect("a parameter");
            assert_eq!((Version::of_media_type(media_type), parameter), (Some(version), "charset=utf-8"));
        }
    }
}
