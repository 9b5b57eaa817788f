//! Everything this node counted: by day and integration, bounded in each.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::domain::{AccountId, Day, Dimension, IntegrationName, Tally};
use crate::gateway::settings::UsageSettings;
use crate::gateway::usage::agent::UserAgent;
use crate::gateway::usage::counted::{EndedCall, Operation};
use crate::gateway::usage::ranking::Ranking;
use crate::store::{UsageChange, UsageRanking, UsageWritten};

/// Integrations that are counted by name at once, today's and those of days that are not written yet; more of them
/// count as calls without one. An identity service may accept more names than an institution has systems.
const NAMED: usize = 512;
/// Days that can wait for a store that is away.
const DAYS: usize = 32;

/// The calls of a day and an integration.
struct Group {
    name: String,
    /// Every call once, not in the store yet.
    all: Tally,
    accounts: Ranking<AccountId>,
    agents: Ranking<UserAgent>,
    operations: Ranking<Operation>,
    sources: Ranking<IpAddr>,
    run: Option<Run>,
}

/// Calls that followed each other and differ in nothing but the account: most integrations are one program at one
/// address. They are looked up once.
struct Run {
    agent: UserAgent,
    operation: Operation,
    source: IpAddr,
    calls: Tally,
}

struct DayCounters {
    day: Day,
    /// Calls without an integration stand first.
    groups: Vec<Group>,
    /// Where the others stand, by the integration's own account: callers spell names in more than one way.
    places: HashMap<AccountId, usize>,
}

/// Counters in memory.
pub(crate) struct Counters {
    days: Vec<DayCounters>,
    settings: UsageSettings,
}

/// What is being written, and where it came from.
pub(crate) struct Taken {
    pub(crate) change: UsageChange,
    place: usize,
}

impl Counters {
    pub(crate) fn new(settings: UsageSettings) -> Self {
        Self { days: Vec::new(), settings }
    }

    /// Counts a call. `spell` gives an integration's name as it is registered. Calls that had to be dropped for it are
    /// its result: nearly always none.
    pub(crate) fn count(&mut self, call: EndedCall, spell: impl FnOnce(&IntegrationName) -> String) -> u64 {
        let day = Day::of(call.at);
        let mut dropped = 0;
        if !self.days.iter().any(|counters| counters.day == day) {
            if self.days.len() >= DAYS {
                dropped = self.drop_oldest();
            }
            let groups = vec![Group::new(String::new(), &self.settings)];
            self.days.push(DayCounters { day, groups, places: HashMap::new() });
        }
        let counted_by_name: usize = self.days.iter().map(|counters| counters.places.len()).sum();
        if let Some(counters) = self.days.iter_mut().find(|counters| counters.day == day) {
            let place = counters.place(call.integration.as_ref(), counted_by_name, &self.settings, spell);
            counters.groups[place].count(call);
        }
        dropped
    }

    /// Forgets which accounts called; their calls that are not written yet count among the others.
    pub(crate) fn forget_accounts(&mut self) {
        for group in self.days.iter_mut().flat_map(|counters| &mut counters.groups) {
            group.accounts.forget();
        }
    }

    /// Forgets which accounts called that are not known to exist: their calls count among the others.
    pub(crate) fn forget_unproven(&mut self) {
        for group in self.days.iter_mut().flat_map(|counters| &mut counters.groups) {
            group.accounts.forget_unproven();
        }
    }

    /// All that is not written yet. From here on it is the writer's, until [`Counters::written`] or
    /// [`Counters::give_back`].
    pub(crate) fn take(&mut self) -> Vec<Taken> {
        let mut taken = Vec::new();
        for DayCounters { day, groups, .. } in &mut self.days {
            for (place, group) in groups.iter_mut().enumerate().filter(|(_, group)| !group.all.is_none()) {
                taken.push(Taken { change: group.take(*day), place });
            }
        }
        taken
    }

    /// Something taken is in the store.
    pub(crate) fn written(&mut self, taken: &Taken, written: &[UsageWritten]) {
        if let Some(group) = self.find(taken) {
            group.written(&taken.change.rankings, written);
        }
    }

    /// Something taken is not in the store.
    pub(crate) fn give_back(&mut self, taken: &Taken) {
        if let Some(group) = self.find(taken) {
            group.give_back(&taken.change);
        }
    }

    /// Lets go of days that are over and written.
    pub(crate) fn drop_written_days(&mut self) {
        let newest = self.days.iter().map(|counters| counters.day).max();
        self.days.retain(|counters| {
            Some(counters.day) == newest || counters.groups.iter().any(|group| !group.all.is_none())
        });
    }

    fn find(&mut self, taken: &Taken) -> Option<&mut Group> {
        let counters = self.days.iter_mut().find(|counters| counters.day == taken.change.day)?;
        counters.groups.get_mut(taken.place)
    }

    fn drop_oldest(&mut self) -> u64 {
        let oldest = self.days.iter().enumerate().min_by_key(|(_, counters)| counters.day).map(|(at, _)| at);
        oldest.map_or(0, |at| self.days.swap_remove(at).groups.iter().map(|group| group.all.calls()).sum())
    }
}

impl DayCounters {
    /// Where an integration's group stands; it is made when there is none.
    fn place(
        &mut self,
        integration: Option<&IntegrationName>,
        counted_by_name: usize,
        settings: &UsageSettings,
        spell: impl FnOnce(&IntegrationName) -> String,
    ) -> usize {
        const NAMELESS: usize = 0;
        let Some(name) = integration else { return NAMELESS };
        if let Some(place) = self.places.get(name.account()) {
            return *place;
        }
        if counted_by_name >= NAMED {
            return NAMELESS;
        }
        self.groups.push(Group::new(spell(name), settings));
        self.places.insert(name.account().clone(), self.groups.len() - 1);
        self.groups.len() - 1
    }
}

impl Group {
    fn new(name: String, settings: &UsageSettings) -> Self {
        let kept = settings.top;
        Self {
            name,
            all: Tally::NONE,
            accounts: Ranking::new(kept),
            agents: Ranking::new(kept),
            // There are only as many as this program knows.
            operations: Ranking::new(usize::MAX),
            sources: Ranking::new(kept),
            run: None,
        }
    }

    fn count(&mut self, call: EndedCall) {
        let EndedCall { at, end, account, account_exists, operation, source, agent, .. } = call;
        let one = Tally::one(end, at);
        self.all.add(&one);
        match account {
            Some(account) if account_exists => self.accounts.add(account, &one),
            // What somebody types as a name may be a password in the wrong field; not when an account has this name.
            Some(account) => self.accounts.add_unproven(account, &one),
            None => self.accounts.add_others(&one),
        }
        match &mut self.run {
            Some(run) if run.source == source && run.operation == operation && run.agent == agent => {
                run.calls.add(&one);
            }
            Some(_) | None => {
                self.end_run();
                self.run = Some(Run { agent, operation, source, calls: one });
            }
        }
    }

    fn end_run(&mut self) {
        if let Some(Run { agent, operation, source, calls }) = self.run.take() {
            self.agents.add(agent, &calls);
            self.operations.add(operation, &calls);
            self.sources.add(source, &calls);
        }
    }

    /// In the order of [`Dimension::ALL`].
    fn take(&mut self, day: Day) -> UsageChange {
        self.end_run();
        let rankings = Dimension::ALL.map(|dimension| match dimension {
            Dimension::Account => self.accounts.take(dimension),
            Dimension::Agent => self.agents.take(dimension),
            Dimension::Operation => self.operations.take(dimension),
            Dimension::Source => self.sources.take(dimension),
        });
        let all = std::mem::take(&mut self.all);
        UsageChange { day, integration: self.name.clone(), all, rankings: rankings.into() }
    }

    fn written(&mut self, rankings: &[UsageRanking], written: &[UsageWritten]) {
        for (ranking, written) in rankings.iter().zip(written) {
            match ranking.dimension {
                Dimension::Account => self.accounts.written(ranking, written),
                Dimension::Agent => self.agents.written(ranking, written),
                Dimension::Operation => self.operations.written(ranking, written),
                Dimension::Source => self.sources.written(ranking, written),
            }
        }
    }

    fn give_back(&mut self, change: &UsageChange) {
        self.all.add(&change.all);
        for ranking in &change.rankings {
            match ranking.dimension {
                Dimension::Account => self.accounts.give_back(ranking),
                Dimension::Agent => self.agents.give_back(ranking),
                Dimension::Operation => self.operations.give_back(ranking),
                Dimension::Source => self.sources.give_back(ranking),
            }
        }
    }
}
