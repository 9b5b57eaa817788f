//! Reads `[server]`, `[console]` and `[management]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;

use crate::config::section::{Section, quote};
use crate::config::settings::DATA_DIR;
use crate::http::{HttpLimits, ServerSettings};

const TLS: &str =
    "is not served yet; put a proxy that speaks TLS in front and set server.plaintext_behind_proxy = true";

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Reads `[server]` but `data_dir`.
pub(crate) fn read_server(section: &Section<'_>) -> ServerSettings {
    let default = ServerSettings::default();
    refuse_tls(section);
    ServerSettings {
        listen: section.address("listen", default.listen),
        public_url: read_public_url(section),
        plaintext_behind_proxy: section.switch("plaintext_behind_proxy", default.plaintext_behind_proxy),
        drain_delay: section.span("drain_delay", default.drain_delay, Duration::ZERO..=10 * MINUTE),
        drain_deadline: section.span("drain_deadline", default.drain_deadline, SECOND..=HOUR),
        limits: read_limits(&section.section("limits")),
    }
}

/// Reads `listen` of `[console]` or `[management]`.
pub(crate) fn read_listen(section: &Section<'_>, default: SocketAddr) -> SocketAddr {
    refuse_tls(section);
    section.address("listen", default)
}

fn refuse_tls(section: &Section<'_>) {
    for key in ["certificate", "certificate_file", "key", "key_file", "tls"] {
        section.refuse(key, TLS);
    }
}

fn read_limits(section: &Section<'_>) -> HttpLimits {
    let default = HttpLimits::default();
    HttpLimits {
        connections: section.count("connections", default.connections, 1..=1_000_000),
        calls: section.count("calls", default.calls, 1..=100_000),
        // hyper panics below 8,192.
        head_bytes: section.count("head_bytes", default.head_bytes, 8_192..=1_048_576),
        header_fields: section.count("header_fields", default.header_fields, 16..=1_000),
        body_bytes: section.count("body_bytes", default.body_bytes, 1_024..=16_777_216),
        head_time: section.span("head_time", default.head_time, SECOND..=5 * MINUTE),
        body_time: section.span("body_time", default.body_time, SECOND..=5 * MINUTE),
        idle_time: section.span("idle_time", default.idle_time, SECOND..=HOUR),
        call_time: section.span("call_time", default.call_time, SECOND..=5 * MINUTE),
    }
}

fn read_public_url(section: &Section<'_>) -> Option<String> {
    let write = "the address that integrations know, such as \"https://soap.example.org\"";
    let text = section.text("public_url", write)?;
    let uri = text.parse::<Uri>().ok().filter(|uri| {
        // A user or a password in it would be handed to everybody who asks for a WSDL.
        let host = uri
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@') && !uri.host().unwrap_or("").is_empty());
        matches!(uri.scheme_str(), Some("http" | "https")) && host
    });
    match uri {
        Some(_) if text.contains(['?', '#']) => {
            section.wrong("public_url", &quote(&text), &format!("{write}, without a query or a fragment"))
        }
        Some(_) => Some(text.trim_end_matches('/').to_owned()),
        // Not quoted: a password may stand in it.
        None => section.wrong("public_url", "no http or https address", write),
    }
}

/// Reads `server.data_dir` against the folder of the configuration file.
pub(crate) fn read_data_dir(server: &Section<'_>, folder: &Path) -> PathBuf {
    let text = server.text("data_dir", "a path, such as \"data\"");
    match text {
        Some(text) if text.trim().is_empty() => {
            server
                .complain("data_dir", "is empty; write a path, such as \"data\", or \".\" for the folder of this file");
            folder.join(DATA_DIR)
        }
        Some(text) if text == "." => folder.to_owned(),
        Some(text) => folder.join(text),
        None => folder.join(DATA_DIR),
    }
}
