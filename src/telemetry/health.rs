//! How each part is doing, judged from real traffic: what `/healthz` shows. Looking at it asks nobody anything.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::domain::Timestamp;

/// How a part is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It works, or nothing is known against it.
    Ok,
    /// It does not work, and calls are answered all the same, some of them with an outage.
    Degraded,
    /// It does not work, and calls must not be sent here.
    Failed,
}

impl Status {
    /// The word in `/healthz`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }
}

/// One part as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentView {
    /// Which one.
    pub name: String,
    /// What kind of part, such as `identity` or `store`.
    pub kind: &'static str,
    /// How it is doing.
    pub status: Status,
    /// Since when.
    pub since: Timestamp,
    /// When it last worked.
    pub last_success: Option<Timestamp>,
    /// Why it does not, without a secret.
    pub error: Option<String>,
}

/// One part. Cheap to clone.
#[derive(Clone)]
pub struct Component(Arc<Mutex<ComponentView>>);

impl Component {
    /// It works, at `now`; true when that is new.
    pub fn works(&self, now: Timestamp) -> bool {
        let mut view = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        view.last_success = Some(now);
        turn(&mut view, Status::Ok, None, now)
    }

    /// It does not work; true when that is new.
    pub fn fails(&self, status: Status, error: &str, now: Timestamp) -> bool {
        let mut view = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turn(&mut view, status, Some(error), now)
    }

    /// As it stands.
    #[must_use]
    pub fn view(&self) -> ComponentView {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn turn(view: &mut ComponentView, status: Status, error: Option<&str>, now: Timestamp) -> bool {
    let is_new = view.status != status;
    if is_new {
        (view.status, view.since) = (status, now);
    }
    if view.error.as_deref() != error {
        view.error = error.map(str::to_owned);
    }
    is_new
}

/// Every part of one process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Health(Arc<RwLock<Vec<Component>>>);

impl Health {
    /// The part of this kind and name; one that nobody asked for before begins as working at `now`.
    pub fn component(&self, kind: &'static str, name: &str, now: Timestamp) -> Component {
        let mut components = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = components.iter().find(|component| {
            let view = component.0.lock().unwrap_or_else(PoisonError::into_inner);
            view.kind == kind && view.name == name
        });
        if let Some(known) = known {
            return known.clone();
        }
        let view = ComponentView {
            name: name.to_owned(),
            kind,
            status: Status::Ok,
            since: now,
            last_success: None,
            error: None,
        };
        let component = Component(Arc::new(Mutex::new(view)));
        components.push(component.clone());
        component
    }

    /// Forgets the parts of `kind` whose names are not among `names`.
    pub fn keep(&self, kind: &'static str, names: &[&str]) {
        let mut components = self.0.write().unwrap_or_else(PoisonError::into_inner);
        components.retain(|component| {
            let view = component.view();
            view.kind != kind || names.contains(&view.name.as_str())
        });
    }

    /// Every part as it stands, and the worst of them all.
    #[must_use]
    pub fn view(&self) -> (Status, Vec<ComponentView>) {
        let components = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let views: Vec<ComponentView> = components.iter().map(Component::view).collect();
        (views.iter().map(|view| view.status).max().unwrap_or(Status::Ok), views)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_part_says_since_when_and_why() {
        let health = Health::default();
        let part = health.component("identity", "alma", at(1));
        assert!(part.fails(Status::Degraded, "timed out", at(5)) && !part.fails(Status::Degraded, "HTTP 500", at(7)));
        let (status, views) = health.view();
        assert_eq!(status, Status::Degraded);
        assert_eq!((views[0].since, views[0].error.as_deref()), (at(5), Some("HTTP 500")));
        assert!(part.works(at(9)) && !part.works(at(11)));
        let view = part.view();
        assert_eq!((view.status, view.since, view.last_success, view.error), (Status::Ok, at(9), Some(at(11)), None));
    }

    #[test]
    fn the_same_part_is_found_again_and_others_can_be_forgotten() {
        let health = Health::default();
        health.component("identity", "alma", at(1)).fails(Status::Failed, "x", at(2));
        assert_eq!(health.component("identity", "alma", at(3)).view().status, Status::Failed);
        health.component("identity", "ldap", at(3));
        health.component("store", "database", at(3));
        health.keep("identity", &["ldap"]);
        let (status, views) = health.view();
        assert_eq!(status, Status::Ok);
        assert_eq!(views.len(), 2);
    }
}
