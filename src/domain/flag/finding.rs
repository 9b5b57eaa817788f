//! What one answered sign-in says about an account, together with what was known of it: the rules of evidence.

use crate::domain::flag::{Confidence, Reason, Repeat, Severity};
use crate::domain::{IntegrationName, Rejection, Timestamp, Verdict};

/// Whose sign-in a verdict is about.
///
/// An integration signs in with an account of its institution, whose identifier stands in its name: what is found of the
/// one and of the other is about one account and stands on one flag, also where a person has that account. They do not
/// end each other: only an integration's own sign-in shows that [`Reason::IntegrationRefused`] is over, and it shows
/// nothing else; see [`clears`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// An account at an identity service.
    Account,
    /// A known integration's own: registered, or accepted before.
    KnownIntegration,
}

/// What is known of a password that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessFacts {
    /// It was refused before, as far as the process knows.
    pub repeat: Option<Repeat>,
    /// By the identity service's documented rules it could be a password there.
    pub could_be_set: bool,
}

impl Default for GuessFacts {
    fn default() -> Self {
        Self { repeat: None, could_be_set: true }
    }
}

/// What somebody who was asked just now said about a sign-in, as far as flags are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The identity service itself let the account in, and nothing must be changed.
    Accepted,
    /// An integration's own sign-in was let in.
    IntegrationAccepted,
    /// A known integration's own sign-in was refused.
    IntegrationRefused,
    /// The password is right, and must be changed.
    MustChange,
    /// The account was refused.
    Refused(Rejection, GuessFacts),
}

impl Fact {
    /// What a verdict says; `None` when it says nothing: an outage never does, nor does the gateway's own shield.
    #[must_use]
    pub fn of(sign_in: SignIn, verdict: Verdict, guess: GuessFacts) -> Option<Self> {
        match (sign_in, verdict) {
            (_, Verdict::Undecided(_)) | (SignIn::Account, Verdict::Reject(Rejection::Shielded)) => None,
            (SignIn::Account, Verdict::Accept { must_change: false }) => Some(Self::Accepted),
            (SignIn::Account, Verdict::Accept { must_change: true }) => Some(Self::MustChange),
            (SignIn::Account, Verdict::Reject(rejection)) => Some(Self::Refused(rejection, guess)),
            // What its password is worth is a matter of its account.
            (SignIn::KnownIntegration, Verdict::Accept { .. }) => Some(Self::IntegrationAccepted),
            (SignIn::KnownIntegration, Verdict::Reject(_)) => Some(Self::IntegrationRefused),
        }
    }
}

/// What was known of the account, the fact that is looked at included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// When the imported list of accounts that the identity service does not hold last named it, unless somebody knows
    /// better.
    pub reported: Option<Timestamp>,
    /// When the identity service last accepted it through this integration.
    pub accepted: Option<Timestamp>,
    /// When the identity service last accepted it through any other.
    pub accepted_elsewhere: Option<Timestamp>,
}

/// A reason to flag an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Why.
    pub reason: Reason,
    /// How soon somebody should act.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
}

impl Finding {
    /// A finding of the reason's own severity.
    #[must_use]
    pub const fn new(reason: Reason, confidence: Confidence) -> Self {
        Self { reason, severity: reason.severity(), confidence }
    }

    /// A row of the imported list, by itself.
    pub const LISTED: Self = Self::new(Reason::Reported, Confidence::Medium);
    /// A row of the imported list whose account was refused: it is no matter of a list any more.
    const LISTED_AND_REFUSED: Self =
        Self { reason: Reason::Reported, severity: Severity::High, confidence: Confidence::High };
}

/// The reasons to flag an account after one fact. A wrong password alone is none.
#[must_use]
pub fn review(fact: Fact, history: &History) -> Vec<Finding> {
    let told = |reason| vec![Finding::new(reason, Confidence::High)];
    match fact {
        Fact::Accepted | Fact::IntegrationAccepted => Vec::new(),
        Fact::IntegrationRefused => told(Reason::IntegrationRefused),
        Fact::MustChange => told(Reason::MustChange),
        Fact::Refused(rejection, guess) => match rejection {
            Rejection::Expired => told(Reason::Expired),
            Rejection::Locked => told(Reason::Locked),
            Rejection::MustChange => told(Reason::MustChange),
            Rejection::NoPassword => told(Reason::NoPassword),
            // Any required action ends so, not only a new password.
            Rejection::SetUpPending => vec![Finding::new(Reason::MustChange, Confidence::Low)],
            Rejection::Unacceptable | Rejection::WrongPassword => review_wrong_password(guess, history),
            Rejection::Disabled | Rejection::Policy | Rejection::Shielded | Rejection::UnknownAccount => Vec::new(),
        },
    }
}

/// A service that says only "wrong" may mean "has none": what else is known decides.
fn review_wrong_password(guess: GuessFacts, history: &History) -> Vec<Finding> {
    let mut findings = Vec::new();
    if history.reported.is_some() {
        findings.push(Finding::LISTED_AND_REFUSED);
    }
    if guess.repeat.is_some_and(|repeat| repeat.is_stale(history.accepted)) {
        findings.push(Finding::new(Reason::StaleSecret, Confidence::Medium));
    }
    if !guess.could_be_set && (history.reported.is_some() || guess.repeat.is_some_and(Repeat::is_lasting)) {
        let confidence = if history.reported.is_some() { Confidence::High } else { Confidence::Medium };
        findings.push(Finding::new(Reason::UnacceptablePassword, confidence));
    }
    findings
}

/// Whether a fact shows that a reason is over, of which one is so sure. `by` is the integration of the fact, `of` the one
/// that the reason was found through. An owner who signs in elsewhere does not change what an old system has stored.
#[must_use]
pub fn clears(
    fact: Fact,
    (reason, confidence): (Reason, Confidence),
    by: Option<&IntegrationName>,
    of: Option<&IntegrationName>,
) -> bool {
    match fact {
        Fact::IntegrationAccepted => reason == Reason::IntegrationRefused,
        Fact::Accepted => {
            let is_same = by.map(IntegrationName::account) == of.map(IntegrationName::account);
            ends_with_sign_in((reason, confidence), if is_same { Through::Same } else { Through::Another })
        }
        Fact::IntegrationRefused | Fact::MustChange | Fact::Refused(..) => false,
    }
}

/// When the account was let in, where that shows a finding to be over that was `last` seen before it: it comes late.
#[must_use]
pub fn over_since(finding: &Finding, history: &History, last: Timestamp) -> Option<Timestamp> {
    let found = (finding.reason, finding.confidence);
    [(Through::Same, history.accepted), (Through::Another, history.accepted_elsewhere)]
        .into_iter()
        .filter(|(through, _)| ends_with_sign_in(found, *through))
        .filter_map(|(_, accepted)| accepted)
        .filter(|accepted| *accepted >= last)
        .max()
}

/// The integration of a sign-in, beside the one that a reason was found through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Through {
    Another,
    Same,
}

/// Whether a reason is over when its account is let in.
fn ends_with_sign_in((reason, confidence): (Reason, Confidence), through: Through) -> bool {
    match reason {
        Reason::IntegrationRefused => false,
        Reason::StaleSecret => through == Through::Same,
        // What only its repetition shows is stored as well; what the list supports is of an account that is held now.
        Reason::UnacceptablePassword => confidence == Confidence::High || through == Through::Same,
        Reason::Expired | Reason::Locked | Reason::MustChange | Reason::NoPassword | Reason::Reported => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::NoAnswer;

    const WRONG: Fact = Fact::Refused(Rejection::WrongPassword, GuessFacts { repeat: None, could_be_set: true });
    const WEAK: Fact = Fact::Refused(Rejection::WrongPassword, GuessFacts { repeat: None, could_be_set: false });

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(day * 24 * 3_600_000)
    }

    fn listed() -> History {
        History { reported: Some(at(1)), ..History::default() }
    }

    fn found(fact: Fact, history: &History) -> String {
        let findings = review(fact, history);
        let words = findings.iter().map(|finding| {
            format!("{}/{}/{}", finding.reason.code(), finding.severity.label(), finding.confidence.label())
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_verdict_is_the_fact_that_it_should_be() {
        let guess = GuessFacts::default();
        let accounts = [
            (Verdict::Accept { must_change: false }, Some(Fact::Accepted)),
            (Verdict::Accept { must_change: true }, Some(Fact::MustChange)),
            (Verdict::Reject(Rejection::Shielded), None),
            (Verdict::Reject(Rejection::WrongPassword), Some(WRONG)),
            (Verdict::Undecided(NoAnswer::Unreachable), None),
        ];
        for (verdict, fact) in accounts {
            assert_eq!(Fact::of(SignIn::Account, verdict, guess), fact, "{verdict:?}");
        }
        let integrations = [
            (Verdict::Accept { must_change: false }, Some(Fact::IntegrationAccepted)),
            (Verdict::Accept { must_change: true }, Some(Fact::IntegrationAccepted)),
            (Verdict::Reject(Rejection::Shielded), Some(Fact::IntegrationRefused)),
            (Verdict::Reject(Rejection::WrongPassword), Some(Fact::IntegrationRefused)),
            (Verdict::Undecided(NoAnswer::TimedOut), None),
        ];
        for (verdict, fact) in integrations {
            assert_eq!(Fact::of(SignIn::KnownIntegration, verdict, guess), fact, "{verdict:?}");
        }
    }

    #[test]
    fn what_a_service_tells_flags_by_itself_and_a_wrong_password_never_does() {
        let told = [
            (Rejection::Disabled, ""),
            (Rejection::Expired, "expired/medium/high"),
            (Rejection::Locked, "locked/high/high"),
            (Rejection::MustChange, "must-change/medium/high"),
            (Rejection::NoPassword, "no-password/high/high"),
            (Rejection::Policy, ""),
            (Rejection::SetUpPending, "must-change/medium/low"),
            (Rejection::Shielded, ""),
            (Rejection::Unacceptable, ""),
            (Rejection::UnknownAccount, ""),
            (Rejection::WrongPassword, ""),
        ];
        for (rejection, flag) in told {
            for could_be_set in [true, false] {
                let fact = Fact::Refused(rejection, GuessFacts { repeat: None, could_be_set });
                assert_eq!(found(fact, &History::default()), flag, "{rejection:?}");
            }
        }
        assert_eq!(found(Fact::MustChange, &History::default()), "must-change/medium/high");
        assert_eq!(found(Fact::IntegrationRefused, &History::default()), "integration-refused/critical/high");
        assert_eq!(found(Fact::Accepted, &listed()), "");
        assert_eq!(found(Fact::IntegrationAccepted, &listed()), "");
    }

    #[test]
    fn a_refused_sign_in_raises_what_the_list_says_and_a_weak_password_supports_it() {
        assert_eq!(Finding::LISTED.severity, Severity::Low);
        assert_eq!(found(WRONG, &listed()), "reported/high/high");
        assert_eq!(found(WEAK, &listed()), "reported/high/high unacceptable-password/medium/high");
        let disabled = Fact::Refused(Rejection::Disabled, GuessFacts::default());
        assert_eq!(found(disabled, &listed()), "", "disabled never flags");
    }

    #[test]
    fn a_password_that_is_repeated_flags_when_it_was_right_once_or_never_could_be() {
        let cases = [
            (Some(1), 1, true, ""),
            (Some(1), 2, true, ""),
            (Some(1), 3, true, "stale-secret/medium/medium"),
            (Some(11), 3, true, ""),
            (None, 9, true, ""),
            (None, 2, false, ""),
            (None, 3, false, "unacceptable-password/medium/medium"),
            (Some(1), 3, false, "stale-secret/medium/medium unacceptable-password/medium/medium"),
        ];
        for (accepted, days, could_be_set, flag) in cases {
            let repeat = Some(Repeat { since: at(10), refusals: 3 * days, days });
            let fact = Fact::Refused(Rejection::WrongPassword, GuessFacts { repeat, could_be_set });
            let history = History { accepted: accepted.map(at), ..History::default() };
            assert_eq!(found(fact, &history), flag, "{accepted:?} {days} {could_be_set}");
        }
    }

    /// Everything that can be known of a refusal, against the rules said once more in words.
    #[test]
    fn no_refusal_flags_but_by_what_is_told_listed_or_repeated() {
        let rejections = [
            (Rejection::Disabled, None),
            (Rejection::Expired, Some(Reason::Expired)),
            (Rejection::Locked, Some(Reason::Locked)),
            (Rejection::MustChange, Some(Reason::MustChange)),
            (Rejection::NoPassword, Some(Reason::NoPassword)),
            (Rejection::Policy, None),
            (Rejection::SetUpPending, Some(Reason::MustChange)),
            (Rejection::Shielded, None),
            (Rejection::Unacceptable, None),
            (Rejection::UnknownAccount, None),
            (Rejection::WrongPassword, None),
        ];
        let mut cases = 0;
        for (rejection, told) in rejections {
            let is_wrong = matches!(rejection, Rejection::Unacceptable | Rejection::WrongPassword);
            for reported in [None, Some(at(1))] {
                for accepted in [None, Some(at(5)), Some(at(10)), Some(at(15))] {
                    for (refusals, days) in (0..8).flat_map(|refusals| (0..5).map(move |days| (refusals, days))) {
                        for could_be_set in [true, false] {
                            let repeat = (refusals > 0).then_some(Repeat { since: at(10), refusals, days });
                            let fact = Fact::Refused(rejection, GuessFacts { repeat, could_be_set });
                            let mut expected: Vec<Reason> = told.into_iter().collect();
                            if is_wrong && reported.is_some() {
                                expected.push(Reason::Reported);
                            }
                            let used_to_succeed = accepted.is_some_and(|day| day <= at(10));
                            if is_wrong && used_to_succeed && refusals >= 4 && days >= 3 {
                                expected.push(Reason::StaleSecret);
                            }
                            let is_supported = reported.is_some() || refusals > 0 && days >= 3;
                            if is_wrong && !could_be_set && is_supported {
                                expected.push(Reason::UnacceptablePassword);
                            }
                            let found = review(fact, &History { reported, accepted, accepted_elsewhere: None });
                            let reasons: Vec<Reason> = found.iter().map(|finding| finding.reason).collect();
                            assert_eq!(reasons, expected, "{fact:?} {reported:?} {accepted:?}");
                            cases += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(cases, 11 * 2 * 4 * 40 * 2);
    }

    #[test]
    fn only_what_shows_that_it_is_over_clears_a_reason() {
        let name = |user: &str| IntegrationName::parse(&format!("AlmaSDK-{user}-institutionCode-01X")).expect("a name");
        let (own, other) = (name("proxy"), name("kiosk"));
        for (reason, confidence) in
            Reason::ALL.into_iter().flat_map(|reason| Confidence::ALL.map(|sure| (reason, sure)))
        {
            let found = (reason, confidence);
            let accepted = clears(Fact::Accepted, found, Some(&own), Some(&own));
            assert_eq!(accepted, reason != Reason::IntegrationRefused, "{found:?}");
            let elsewhere = clears(Fact::Accepted, found, Some(&other), Some(&own));
            let is_stored = match reason {
                Reason::StaleSecret => true,
                Reason::UnacceptablePassword => confidence < Confidence::High,
                _ => false,
            };
            assert_eq!(elsewhere, !is_stored && reason != Reason::IntegrationRefused, "{found:?}");
            let finding = Finding { reason, severity: reason.severity(), confidence };
            for (known, ends) in [(Some(at(3)), accepted), (Some(at(2)), accepted), (Some(at(1)), false), (None, false)]
            {
                let here = History { accepted: known, ..History::default() };
                assert_eq!(over_since(&finding, &here, at(2)), known.filter(|_| ends), "{found:?}");
                let ends = ends && elsewhere;
                let elsewhere = History { accepted_elsewhere: known, ..History::default() };
                assert_eq!(over_since(&finding, &elsewhere, at(2)), known.filter(|_| ends), "{found:?}");
            }
            let integration = clears(Fact::IntegrationAccepted, found, None, None);
            assert_eq!(integration, reason == Reason::IntegrationRefused, "{found:?}");
            for fact in [Fact::IntegrationRefused, Fact::MustChange, WRONG] {
                assert!(!clears(fact, found, Some(&own), Some(&own)), "{fact:?}");
            }
        }
    }
}
