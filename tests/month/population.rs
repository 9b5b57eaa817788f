//! Who lives in the month: 5,000 accounts, of which 300 need an update, and 40 integrations. What each account's flag
//! must say stands here, apart from everything that runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use soapgate::domain::Reason;

use crate::random::Random;

pub(crate) const ACCOUNTS: usize = 5_000;
pub(crate) const IN_NEED: usize = 300;
pub(crate) const INTEGRATIONS: usize = 40;
/// The institution whose service says only that a sign-in failed, as Ex Libris' does.
pub(crate) const QUIET: &str = "01QUIET_INST";
/// The institution whose service says why.
pub(crate) const TELLING: &str = "02TELLING_INST";

/// What is the matter with an account, or how its owner behaves where nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    // Nothing is the matter.
    Person,
    Slips,
    Forgets,
    Stubborn,
    External,
    ExternalStored,
    RotatedToTheRight,
    Probe,
    Disabled,
    ListedLate,
    SoundIntegration,
    // An update is needed.
    MustChange,
    Expired,
    Locked,
    LockedThenExpired,
    NoPassword,
    NoPasswordListed,
    Reported,
    ReportedByBarcode,
    ReportedWeak,
    ReportedUnseen,
    StoredStale,
    StoredStaleNightly,
    RotatedStale,
    StoredWeak,
    StoredWeakElsewhere,
    BrokenIntegration,
    Unseen,
}

/// How many there are of each kind at the quiet institution and at the telling one; people fill the rest.
const NUMBERS: [(Kind, usize, usize); 25] = [
    (Kind::Slips, 400, 100),
    (Kind::Forgets, 200, 50),
    (Kind::Stubborn, 80, 20),
    (Kind::External, 300, 0),
    (Kind::ExternalStored, 30, 0),
    (Kind::RotatedToTheRight, 10, 0),
    (Kind::Probe, 2, 1),
    (Kind::Disabled, 0, 20),
    (Kind::ListedLate, 10, 0),
    (Kind::MustChange, 0, 40),
    (Kind::Expired, 0, 30),
    (Kind::Locked, 0, 30),
    (Kind::LockedThenExpired, 0, 5),
    (Kind::NoPassword, 0, 30),
    (Kind::NoPasswordListed, 0, 10),
    (Kind::Reported, 40, 0),
    (Kind::ReportedByBarcode, 10, 0),
    (Kind::ReportedWeak, 15, 0),
    (Kind::ReportedUnseen, 30, 0),
    (Kind::StoredStale, 20, 0),
    (Kind::StoredStaleNightly, 5, 0),
    (Kind::RotatedStale, 5, 0),
    (Kind::StoredWeak, 14, 0),
    (Kind::StoredWeakElsewhere, 6, 0),
    (Kind::Unseen, 6, 0),
];
/// Of the kinds that a service tells, every so many-th neither calls nor is listed.
const SILENT_EVERY: usize = 7;
/// And every so many-th is mended before the month ends, and signs in.
const MENDED_EVERY: usize = 5;
const PEOPLE_OF_THE_TELLING: usize = 800;

impl Kind {
    pub(crate) fn is_need(self) -> bool {
        self >= Self::MustChange
    }

    /// Whether it stands in the list that is imported on the second day.
    pub(crate) fn is_listed(self) -> bool {
        matches!(
            self,
            Self::NoPasswordListed
                | Self::Reported
                | Self::ReportedByBarcode
                | Self::ReportedWeak
                | Self::ReportedUnseen
        )
    }

    fn is_told(self) -> bool {
        matches!(self, Self::MustChange | Self::Expired | Self::Locked | Self::NoPassword)
    }

    /// The reasons that its flag must have, no more and no less.
    fn reasons(self) -> &'static [Reason] {
        match self {
            Self::Person
            | Self::Slips
            | Self::Forgets
            | Self::Stubborn
            | Self::External
            | Self::ExternalStored
            | Self::RotatedToTheRight
            | Self::Probe
            | Self::Disabled
            | Self::ListedLate
            | Self::SoundIntegration
            | Self::Unseen => &[],
            Self::MustChange => &[Reason::MustChange],
            Self::Expired => &[Reason::Expired],
            Self::Locked => &[Reason::Locked],
            Self::LockedThenExpired => &[Reason::Expired, Reason::Locked],
            Self::NoPassword => &[Reason::NoPassword],
            Self::NoPasswordListed => &[Reason::NoPassword, Reason::Reported],
            Self::Reported | Self::ReportedByBarcode | Self::ReportedUnseen => &[Reason::Reported],
            Self::ReportedWeak => &[Reason::Reported, Reason::UnacceptablePassword],
            Self::StoredStale | Self::StoredStaleNightly | Self::RotatedStale => &[Reason::StaleSecret],
            Self::StoredWeak | Self::StoredWeakElsewhere => &[Reason::UnacceptablePassword],
            Self::BrokenIntegration => &[Reason::IntegrationRefused],
        }
    }
}

/// One account.
pub(crate) struct Account {
    pub(crate) id: Arc<str>,
    /// Another identifier of the same person, at the quiet institution.
    pub(crate) barcode: Option<Arc<str>>,
    pub(crate) institution: &'static str,
    pub(crate) kind: Kind,
    /// It needs an update, and neither calls nor stands in a list: nobody can know.
    pub(crate) is_silent: bool,
    /// Somebody updates it before the month ends.
    pub(crate) is_mended: bool,
    /// The integration that its owner mostly signs in through.
    pub(crate) home: usize,
    /// What its owner holds for the password.
    pub(crate) password: Arc<str>,
}

impl Account {
    /// The reasons that its flag must have; none for an account that must have no flag.
    pub(crate) fn expected(&self) -> BTreeSet<&'static str> {
        let reasons: &[Reason] = if self.is_silent { &[] } else { self.kind.reasons() };
        reasons.iter().map(|reason| reason.code()).collect()
    }
}

/// How an integration behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// People sign in through it.
    Door,
    /// Its own secret is wrong from this day on.
    Broken(u32),
    /// It signs stored accounts in four times a day.
    Nightly,
    /// It tries stored accounts again every few minutes, all day.
    Retrying,
    /// It goes through a list of passwords for each stored account.
    Rotating,
}

/// One integration.
pub(crate) struct Integration {
    pub(crate) name: String,
    pub(crate) institution: &'static str,
    pub(crate) manner: Manner,
    pub(crate) address: [u8; 4],
}

/// The integrations of the quiet institution come first.
pub(crate) const QUIET_INTEGRATIONS: usize = 26;
pub(crate) const RETRYING: usize = 0;
pub(crate) const ROTATING: usize = 1;
pub(crate) const NIGHTLY: [usize; 2] = [2, 3];
const BROKEN: [(usize, u32); 4] = [(4, 0), (5, 12), (27, 0), (28, 15)];

pub(crate) fn integrations() -> Vec<Integration> {
    let one = |at: usize| {
        let institution = if at < QUIET_INTEGRATIONS { QUIET } else { TELLING };
        let broken = BROKEN.iter().find(|(broken, _)| *broken == at).map(|(_, day)| Manner::Broken(*day));
        let manner = broken.unwrap_or(match at {
            RETRYING => Manner::Retrying,
            ROTATING => Manner::Rotating,
            _ if NIGHTLY.contains(&at) => Manner::Nightly,
            _ => Manner::Door,
        });
        let last = u8::try_from(at).expect("few");
        // A third of them stands behind one address.
        let address = if at.is_multiple_of(3) { [198, 51, 100, 7] } else { [192, 0, 2, last] };
        Integration { name: format!("AlmaSDK-old{at:02}-institutionCode-{institution}"), institution, manner, address }
    };
    (0..INTEGRATIONS).map(one).collect()
}

/// All accounts; those of integrations come first, in their order.
pub(crate) fn accounts(integrations: &[Integration], random: &mut Random) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for (at, integration) in integrations.iter().enumerate() {
        let kind = match integration.manner {
            Manner::Broken(_) => Kind::BrokenIntegration,
            Manner::Door | Manner::Nightly | Manner::Retrying | Manner::Rotating => Kind::SoundIntegration,
        };
        accounts.push(Account {
            id: format!("old{at:02}").into(),
            barcode: None,
            institution: integration.institution,
            kind,
            is_silent: false,
            is_mended: false,
            home: at,
            password: "".into(),
        });
    }
    let listed: usize = NUMBERS.iter().map(|(_, quiet, telling)| quiet + telling).sum();
    let people = ACCOUNTS - accounts.len() - listed;
    let rest = (Kind::Person, people - PEOPLE_OF_THE_TELLING, PEOPLE_OF_THE_TELLING);
    let doors = |institution: &str| -> Vec<usize> {
        let is_door =
            |(_, door): &(usize, &Integration)| door.institution == institution && door.manner == Manner::Door;
        integrations.iter().enumerate().filter(is_door).map(|(at, _)| at).collect()
    };
    for (kind, quiet, telling) in NUMBERS.into_iter().chain([rest]) {
        for (institution, number) in [(QUIET, quiet), (TELLING, telling)] {
            let doors = doors(institution);
            for nth in 0..number {
                let at = accounts.len();
                let word = random.one_of(&["river", "lantern", "walnut", "harbour", "copper"]);
                accounts.push(Account {
                    id: format!("reader{at:04}").into(),
                    barcode: (institution == QUIET).then(|| format!("2{at:09}").into()),
                    institution,
                    kind,
                    is_silent: kind == Kind::Unseen || kind.is_told() && nth % SILENT_EVERY == SILENT_EVERY - 1,
                    is_mended: kind.is_told() && nth % MENDED_EVERY == 0,
                    home: *random.one_of(&doors),
                    password: format!("{word} {} {word}", random.within(1_000, 9_999)).into(),
                });
            }
        }
    }
    accounts
}
