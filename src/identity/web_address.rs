//! Where a secret may be sent: nothing that holds a password crosses a network in clear.

use reqwest::Url;

/// Whether what is sent to `url` stays between the two ends: by TLS, or because it never leaves this machine.
#[must_use]
pub fn keeps_secrets(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_by_tls_or_to_this_machine() {
        let keeps = |text: &str| keeps_secrets(&Url::parse(text).expect("an address"));
        for fine in ["https://a.example", "http://localhost:1", "http://127.9.0.1", "http://[::1]:8", "HTTPS://A"] {
            assert!(keeps(fine), "{fine}");
        }
        for bad in [
            "http://a.example",
            "http://10.0.0.1",
            "http://localhost.example.org",
            "http://127.0.0.1.nip.io",
            "ftp://localhost",
            "data:x",
        ] {
            assert!(!keeps(bad), "{bad}");
        }
    }
}
