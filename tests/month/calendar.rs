//! What happens in the month: who calls when and with what, and what becomes of accounts meanwhile. Made before
//! anything runs, from the seed alone.

use std::sync::Arc;

use crate::population::{Account, Kind, NIGHTLY, QUIET, QUIET_INTEGRATIONS, RETRYING, ROTATING, TELLING};
use crate::random::Random;
use crate::services::Standing;

pub(crate) const DAYS: u32 = 30;
const DAY: u32 = 24 * 60;
/// Days on which the services are away for some hours: from and until.
pub(crate) const AWAY: [(u32, u32); 2] = [(at(9, 10, 0), at(9, 14, 0)), (at(21, 17, 0), at(21, 23, 0))];
/// The first list, and a second one that lags behind.
pub(crate) const LISTS: [u32; 2] = [at(2, 12, 0), at(16, 12, 0)];
/// The gateway is started anew: what a process knows is gone, once while it gathers which stored passwords are stale.
pub(crate) const RESTARTS: [u32; 2] = [at(12, 4, 0), at(19, 4, 0)];
const MENDED: u32 = 24;

/// A minute of the month.
pub(crate) const fn at(day: u32, hour: u32, minute: u32) -> u32 {
    day * DAY + hour * 60 + minute
}

/// How many calls there are: failures are the same whatever the number of calls that nothing is the matter with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Tenth,
    Whole,
}

impl Scale {
    /// How often a person signs in in the month, at most.
    fn sign_ins(self) -> u32 {
        match self {
            Self::Tenth => 4,
            Self::Whole => 40,
        }
    }

    /// Hours between two rounds of an integration that goes through a list.
    fn rotation(self) -> usize {
        match self {
            Self::Tenth => 12,
            Self::Whole => 2,
        }
    }

    /// Minutes between two tries of an integration that tries again and again.
    fn retry(self) -> u32 {
        match self {
            Self::Tenth => 50,
            Self::Whole => 5,
        }
    }
}

/// Something that happens.
pub(crate) enum Deed {
    /// An integration calls.
    Call { by: usize, user: Arc<str>, password: Arc<str> },
    /// Somebody changes an account at its service.
    Change { account: usize, password: Option<Arc<str>>, standing: Standing },
}

/// The month as it is planned.
pub(crate) struct Calendar<'a> {
    scale: Scale,
    random: &'a mut Random,
    deeds: Vec<(u32, Deed)>,
}

/// What a service holds of an account when the month begins.
pub(crate) fn at_first(account: &Account) -> (Option<Arc<str>>, Standing) {
    let held = Some(Arc::clone(&account.password));
    match account.kind {
        Kind::MustChange => (held, Standing::MustChange),
        Kind::Expired => (held, Standing::Expired),
        Kind::Locked | Kind::LockedThenExpired => (held, Standing::Locked),
        Kind::Disabled => (held, Standing::Disabled),
        Kind::External | Kind::ExternalStored => (None, Standing::External),
        Kind::NoPassword
        | Kind::NoPasswordListed
        | Kind::Reported
        | Kind::ReportedByBarcode
        | Kind::ReportedWeak
        | Kind::ReportedUnseen
        | Kind::StoredWeak
        | Kind::Unseen => (None, Standing::Good),
        Kind::Probe if account.institution == TELLING => (None, Standing::Good),
        Kind::Person
        | Kind::Slips
        | Kind::Forgets
        | Kind::Stubborn
        | Kind::RotatedToTheRight
        | Kind::Probe
        | Kind::ListedLate
        | Kind::StoredStale
        | Kind::StoredStaleNightly
        | Kind::RotatedStale
        | Kind::StoredWeakElsewhere
        | Kind::SoundIntegration
        | Kind::BrokenIntegration => (held, Standing::Good),
    }
}

/// Everything that happens, in order.
pub(crate) fn month(accounts: &[Account], scale: Scale, random: &mut Random) -> Vec<(u32, Deed)> {
    let mut calendar = Calendar { scale, random, deeds: Vec::new() };
    for (number, account) in accounts.iter().enumerate().filter(|(_, account)| !account.is_silent) {
        calendar.plan(number, account);
    }
    calendar.strangers();
    calendar.deeds.sort_by_key(|(minute, _)| *minute);
    calendar.deeds
}

impl Calendar<'_> {
    fn plan(&mut self, number: usize, account: &Account) {
        match account.kind {
            // Their own sign-ins come with every call.
            Kind::SoundIntegration | Kind::BrokenIntegration | Kind::ReportedUnseen | Kind::Unseen => {}
            Kind::Person | Kind::Disabled => self.routine(account, 0, DAYS),
            Kind::Slips => self.slips(account),
            Kind::Forgets => self.forgets(account),
            Kind::Stubborn => self.stubborn(account),
            Kind::External => self.wrong_now_and_then(account),
            Kind::ExternalStored => {
                let weak = self.weak();
                let stored = if self.random.once_in(2) { weak } else { Arc::clone(&account.password) };
                self.stored(account, number, &stored, 0, DAYS);
            }
            Kind::RotatedToTheRight => self.rotated(account, DAYS),
            Kind::Probe => self.probe(account),
            Kind::ListedLate => {
                self.routine(account, 0, DAYS);
                let minute = self.on_some_day(10, 15);
                self.call(minute, account.home, &account.id, &account.password);
            }
            Kind::MustChange | Kind::Expired | Kind::Locked | Kind::NoPassword | Kind::NoPasswordListed => {
                self.told(account, 1, MENDED);
                if account.is_mended {
                    self.mended(number, account);
                }
            }
            Kind::LockedThenExpired => {
                self.told(account, 1, 11);
                let password = Some(Arc::clone(&account.password));
                self.change(at(12, 9, 0), number, password, Standing::Expired);
                self.told(account, 13, DAYS);
            }
            Kind::Reported | Kind::ReportedByBarcode => self.told(account, 3, DAYS),
            Kind::ReportedWeak => {
                let weak = self.weak();
                // More than once, as everybody who cannot get in: a refusal that stays in doubt is no evidence.
                for _ in 0..self.random.within(2, 5) {
                    let minute = self.on_some_day(3, DAYS);
                    self.call(minute, account.home, &account.id, &weak);
                }
            }
            Kind::StoredStale | Kind::StoredStaleNightly => self.stale(number, account),
            Kind::RotatedStale => {
                self.rotated(account, DAYS);
                let new: Arc<str> = format!("{} anew", account.password).into();
                let day = self.random_day(10, 15);
                self.change(at(day, 11, 0), number, Some(new), Standing::Good);
            }
            Kind::StoredWeak | Kind::StoredWeakElsewhere => {
                let weak = self.weak();
                self.stored(account, number, &weak, 0, DAYS);
                if account.kind == Kind::StoredWeakElsewhere {
                    self.elsewhere(account, &account.password, 6, 5);
                }
            }
        }
    }

    fn call(&mut self, minute: u32, by: usize, user: &Arc<str>, password: &Arc<str>) {
        let (user, password) = (Arc::clone(user), Arc::clone(password));
        self.deeds.push((minute, Deed::Call { by, user, password }));
    }

    fn change(&mut self, minute: u32, account: usize, password: Option<Arc<str>>, standing: Standing) {
        self.deeds.push((minute, Deed::Change { account, password, standing }));
    }

    /// A day on which the services are not away.
    fn random_day(&mut self, first: u32, end: u32) -> u32 {
        loop {
            let day = self.random.within(first, end);
            if AWAY.iter().all(|(from, _)| from / DAY != day) {
                return day;
            }
        }
    }

    /// A minute at which people are awake.
    fn by_day(&mut self, day: u32) -> u32 {
        at(day, self.random.within(8, 20), self.random.within(0, 60))
    }

    fn on_some_day(&mut self, first: u32, end: u32) -> u32 {
        let day = self.random_day(first, end);
        self.by_day(day)
    }

    /// A password that the quiet service could never have accepted.
    fn weak(&mut self) -> Arc<str> {
        let pin = self.random.within(1_000, 9_999);
        [format!("{pin}"), "password1".to_owned(), format!("x{pin}")][self.random.within(0, 3) as usize].as_str().into()
    }

    /// Sign-ins with the right password; now and then through another system.
    fn routine(&mut self, account: &Account, first: u32, end: u32) {
        for _ in 0..self.random.within(1, self.scale.sign_ins() + 1) {
            let day = self.random.within(first, end);
            let minute = self.by_day(day);
            let elsewhere = if account.institution == QUIET {
                self.random.within(0, 26) as usize
            } else {
                QUIET_INTEGRATIONS + self.random.within(0, 14) as usize
            };
            let by = if self.random.once_in(5) { elsewhere } else { account.home };
            self.call(minute, by, &account.id, &account.password);
        }
    }

    /// Once or twice in the month the password is mistyped, up to three times, sometimes in the same way; then it is
    /// right.
    fn slips(&mut self, account: &Account) {
        self.routine(account, 0, DAYS);
        let day = self.random_day(1, 28);
        for day in [day, day + self.random.within(0, 2)] {
            let mut minute = self.by_day(day);
            let mut slip: Arc<str> = format!("{}x", account.password).into();
            for _ in 0..self.random.within(1, 4) {
                self.call(minute, account.home, &account.id, &slip);
                minute += self.random.within(1, 25);
                if !self.random.once_in(3) {
                    slip = format!("{}{}", account.password, self.random.within(0, 99)).into();
                }
            }
            self.call(minute, account.home, &account.id, &account.password);
        }
    }

    /// Four days of trying old passwords, two of them on two days each, then it comes back to mind. Some of the old ones
    /// were short.
    fn forgets(&mut self, account: &Account) {
        self.routine(account, 0, 4);
        let first = self.random_day(5, 25);
        for days in [first, first + 2] {
            let old: Vec<Arc<str>> = (0..2)
                .map(|n| {
                    let short = self.random.once_in(2);
                    let year = 1_900 + days * 2 + n;
                    if short { format!("{year}") } else { format!("{} {year}", account.password) }.into()
                })
                .collect();
            for day in [days, days + 1] {
                let mut minute = self.by_day(day);
                for password in &old {
                    self.call(minute, account.home, &account.id, password);
                    minute += self.random.within(1, 4);
                }
                if day == days && self.random.once_in(2) {
                    self.call(minute + 15, account.home, &account.id, &old[0]);
                }
            }
        }
        self.call(at(first + 3, 21, 0), account.home, &account.id, &account.password);
        self.routine(account, first + 4, DAYS);
    }

    /// One old password, over and over for two days, hours apart, before the right one comes to mind. Some old ones are
    /// short.
    fn stubborn(&mut self, account: &Account) {
        self.routine(account, 0, 4);
        let first = self.random_day(5, 25);
        let old: Arc<str> =
            if self.random.once_in(2) { "1902".into() } else { format!("{} x", account.password).into() };
        for (day, hour) in [(first, 8), (first, 12), (first, 20), (first + 1, 8), (first + 1, 12), (first + 1, 18)] {
            let minute = at(day, hour, self.random.within(0, 60));
            self.call(minute, account.home, &account.id, &old);
        }
        self.call(at(first + 1, 21, 0), account.home, &account.id, &account.password);
        self.routine(account, first + 2, DAYS);
    }

    /// Somebody whose password is kept elsewhere tries it here.
    fn wrong_now_and_then(&mut self, account: &Account) {
        for _ in 0..self.random.within(1, 4) {
            let day = self.random.within(0, DAYS);
            let minute = self.by_day(day);
            let weak = self.weak();
            let password = if self.random.once_in(2) { &account.password } else { &weak };
            self.call(minute, account.home, &account.id, password);
        }
    }

    /// Presented by an integration that has stored it: once a night, every few minutes, or four times a day.
    fn stored(&mut self, account: &Account, number: usize, password: &Arc<str>, first: u32, end: u32) {
        if account.kind == Kind::StoredStaleNightly {
            let minute = self.random.within(0, 60);
            for day in first..end {
                self.call(at(day, 2, minute), NIGHTLY[0], &account.id, password);
            }
        } else if number.is_multiple_of(3) {
            let phase = self.random.within(0, self.scale.retry());
            for minute in (at(first, 0, phase)..at(end, 0, 0)).step_by(self.scale.retry() as usize) {
                self.call(minute, RETRYING, &account.id, password);
            }
        } else {
            let by = NIGHTLY[number % NIGHTLY.len()];
            let minute = self.random.within(0, 60);
            for day in first..end {
                for hour in [1, 7, 13, 19] {
                    self.call(at(day, hour, minute), by, &account.id, password);
                }
            }
        }
    }

    /// A stored password that is right until its owner sets another one, with which they go on elsewhere.
    fn stale(&mut self, number: usize, account: &Account) {
        self.stored(account, number, &account.password, 0, DAYS);
        let day = self.random_day(10, 14);
        let new: Arc<str> = format!("{} anew", account.password).into();
        self.change(at(day, 10, 30), number, Some(Arc::clone(&new)), Standing::Good);
        self.elsewhere(account, &new, 3, day + 1);
    }

    /// Its owner signs in on some days through another system than the one that has a password stored.
    fn elsewhere(&mut self, account: &Account, password: &Arc<str>, times: u32, first: u32) {
        for _ in 0..times {
            let minute = self.on_some_day(first, DAYS);
            self.call(minute, account.home, &account.id, password);
        }
    }

    /// Three passwords in turn, a minute apart, over and over; the last one is right.
    fn rotated(&mut self, account: &Account, end: u32) {
        let old = |n: u32| -> Arc<str> { format!("{} of old {n}", account.password).into() };
        let list = [old(1), old(2), Arc::clone(&account.password)];
        for hour in (0..end * 24).step_by(self.scale.rotation()) {
            for (minute, password) in (0..).zip(&list) {
                self.call(hour * 60 + minute, ROTATING, &account.id, password);
            }
        }
    }

    /// Monitoring: a wrong password and a right one, over and over.
    fn probe(&mut self, account: &Account) {
        let wrong: Arc<str> = "1234".into();
        for minute in (0..at(DAYS, 0, 0)).step_by(2 * self.scale.retry() as usize) {
            self.call(minute, account.home, &account.id, &wrong);
            self.call(minute + 1, account.home, &account.id, &account.password);
        }
    }

    /// Somebody who cannot get in tries on some days, with what used to be the password.
    fn told(&mut self, account: &Account, first: u32, end: u32) {
        let barcode = account.barcode.as_ref().filter(|_| account.kind == Kind::ReportedByBarcode);
        let id = barcode.unwrap_or(&account.id);
        for _ in 0..self.random.within(2, 5) {
            let minute = self.on_some_day(first, end);
            self.call(minute, account.home, id, &account.password);
            if self.random.once_in(3) {
                let slip: Arc<str> = format!("{}!", account.password).into();
                self.call(minute + 2, account.home, id, &slip);
            }
        }
    }

    /// It is updated by hand, and its owner signs in.
    fn mended(&mut self, number: usize, account: &Account) {
        let new: Arc<str> = format!("{} mended", account.password).into();
        self.change(at(MENDED, 21, 0), number, Some(Arc::clone(&new)), Standing::Good);
        self.call(at(MENDED + 1, 9, 30), account.home, &account.id, &new);
    }

    /// Somebody guesses at names that nobody has, with passwords that everybody has.
    fn strangers(&mut self) {
        for n in 0..100 {
            let user: Arc<str> = format!("invented{n}").into();
            let by = self.random.within(6, 26) as usize;
            for day in 3..9 {
                let minute = self.by_day(day);
                self.call(minute, by, &user, &"password1".into());
                self.call(minute + 30, by, &user, &"123456".into());
            }
        }
    }
}
