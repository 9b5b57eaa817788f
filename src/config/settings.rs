//! The whole configuration, assembled from the settings that each part owns. What a reload can apply is here too.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::gateway::{
    CacheSettings, FlagSettings, InstitutionSettings, NonceSettings, RouteSettings, ShieldSettings, SlowDownSettings,
    UsageSettings,
};
use crate::http::ServerSettings;
use crate::identity::{HashingSettings, IdentitySettings};
use crate::store::{DatabaseUrl, RetentionSettings};
use crate::telemetry::LogSettings;

/// The database's file inside `data_dir`, when nothing else is said.
pub(crate) const DATABASE_FILE: &str = "soapgate.db";
/// The folder beside the configuration file, when nothing else is said.
pub(crate) const DATA_DIR: &str = "data";

/// The whole configuration. Paths in it are resolved, names in it refer to entries that exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    /// `[server]`: the SOAP listener and what all listeners share.
    pub server: ServerSettings,
    /// `server.data_dir`, resolved against the folder of `file`.
    pub data_dir: PathBuf,
    /// `console.listen`: the console and its API.
    pub console_listen: SocketAddr,
    /// `management.listen`: health and metrics.
    pub management_listen: SocketAddr,
    /// `database.url`: the path of an SQLite file is resolved against `data_dir`.
    pub database_url: DatabaseUrl,
    /// `[hashing]`: argon2id and its pool.
    pub hashing: HashingSettings,
    /// `[cache]`: the verdict cache.
    pub cache: CacheSettings,
    /// `[nonces]`: the freshness of `UsernameToken`s.
    pub nonces: NonceSettings,
    /// `[flags]`: the queue of verdicts that may flag.
    pub flags: FlagSettings,
    /// `[retention]`: how long things are kept.
    pub retention: RetentionSettings,
    /// `[attempts]`: the lock-out shield, but for its budgets, which each identity service has.
    pub shield: ShieldSettings,
    /// `[usage]`: the counters of who calls.
    pub usage: UsageSettings,
    /// `[slow_down]`: the pace of integrations' wrong passwords.
    pub slow_down: SlowDownSettings,
    /// `[log]`: what is logged.
    pub log: LogSettings,
    /// Every `[[institution]]`; at least one, codes are unique.
    pub institutions: Vec<InstitutionSettings>,
    /// Every `[[identity]]`; at least one, names are unique.
    pub identities: Vec<IdentitySettings>,
    /// Every `[[route]]`; at least one, no two serve the same path.
    pub routes: Vec<RouteSettings>,
}

impl Settings {
    /// Every default, for a configuration file at `file`, without an institution, an identity service or a route.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        let data_dir = file.parent().unwrap_or(Path::new("")).join(DATA_DIR);
        let database_url = DatabaseUrl::Sqlite(data_dir.join(DATABASE_FILE));
        Self {
            file,
            server: ServerSettings::default(),
            data_dir,
            console_listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            management_listen: SocketAddr::from(([127, 0, 0, 1], 9090)),
            database_url,
            hashing: HashingSettings::default(),
            cache: CacheSettings::default(),
            nonces: NonceSettings::default(),
            flags: FlagSettings::default(),
            retention: RetentionSettings::default(),
            shield: ShieldSettings::default(),
            usage: UsageSettings::default(),
            slow_down: SlowDownSettings::default(),
            log: LogSettings::default(),
            institutions: Vec::new(),
            identities: Vec::new(),
            routes: Vec::new(),
        }
    }

    /// The names of what differs from `self` in `new` and only a restart can apply.
    #[must_use]
    pub fn restart_needed(&self, new: &Self) -> Vec<&'static str> {
        self.reload(new.clone()).1
    }

    /// What a running server goes on with when the file now says `new`: everything of it but what only a restart can
    /// apply, which stays as it is and is named.
    #[must_use]
    pub fn reload(&self, mut new: Self) -> (Self, Vec<&'static str>) {
        let mut kept = Vec::new();
        macro_rules! keep {
            ($($field:ident).+, $name:literal) => {
                if new.$($field).+ != self.$($field).+ {
                    new.$($field).+.clone_from(&self.$($field).+);
                    kept.push($name);
                }
            };
        }
        keep!(server.listen, "server.listen");
        keep!(data_dir, "server.data_dir");
        keep!(server.limits.connections, "server.limits.connections");
        keep!(server.limits.calls, "server.limits.calls");
        keep!(console_listen, "console.listen");
        keep!(management_listen, "management.listen");
        keep!(database_url, "database.url");
        keep!(hashing, "hashing");
        keep!(cache, "cache");
        keep!(nonces.entries, "nonces.entries");
        keep!(flags, "flags");
        keep!(retention, "retention");
        keep!(shield, "attempts");
        keep!(usage, "usage");
        keep!(slow_down, "slow_down");
        keep!(log, "log");
        (new, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_keeps_what_needs_a_restart_and_names_it() {
        let old = Settings::new(PathBuf::from("/etc/soapgate/config.toml"));
        let mut new = old.clone();
        new.server.listen.set_port(8443);
        new.server.limits.calls = 7;
        new.server.limits.body_bytes = 99;
        new.database_url = DatabaseUrl::Sqlite(PathBuf::from("/elsewhere.db"));
        assert_eq!(old.restart_needed(&new), ["server.listen", "server.limits.calls", "database.url"]);
        let (applied, _) = old.reload(new);
        assert_eq!(applied.server.listen, old.server.listen);
        assert_eq!(applied.server.limits.calls, old.server.limits.calls);
        assert_eq!(applied.database_url, old.database_url);
        assert_eq!(applied.server.limits.body_bytes, 99, "what needs no restart is applied");
        assert!(old.restart_needed(&old).is_empty());
    }

    #[test]
    fn paths_stand_beside_the_file_and_keep_their_odd_characters() {
        let settings = Settings::new(PathBuf::from("/etc/50% off/config.toml"));
        assert_eq!(settings.data_dir, PathBuf::from("/etc/50% off/data"));
        assert_eq!(settings.database_url.to_string(), "sqlite:/etc/50% off/data/soapgate.db");
    }
}
