//! A directory of few people, with the gateway's own entry, that does what it is told instead.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard};

use soapgate::identity::{Filter, LdapBind, LdapFind, LdapFlavour, LdapSettings, LdapUrl, ServiceSecret};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::fake::messages::{Request, entry, outcome, take};
use crate::fake::reaction::{PPOLICY, Reaction};

pub(crate) const BASE: &str = "ou=people,dc=example,dc=org";
pub(crate) const OWN_DN: &str = "cn=soapgate,dc=example,dc=org";
pub(crate) const OWN_PASSWORD: &str = "planted-own-secret";

/// What came in, on which connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Bind { connection: usize, dn: String, has_ppolicy: bool },
    Search { connection: usize, base: String, names: Vec<(String, String)> },
    StartTls,
}

/// An entry.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) dn: String,
    pub(crate) password: String,
    attributes: Vec<(String, Vec<String>)>,
}

impl Person {
    pub(crate) fn new(uids: &[&str], password: &str) -> Self {
        let uid = uids.iter().map(|&uid| uid.to_owned()).collect();
        let dn = format!("uid={},{BASE}", uids[0]);
        Self { dn, password: password.to_owned(), attributes: vec![("uid".to_owned(), uid)] }
    }

    #[must_use]
    pub(crate) fn with(mut self, attribute: &str, value: &str) -> Self {
        self.attributes.push((attribute.to_owned(), vec![value.to_owned()]));
        self
    }

    /// As a directory compares: without regard to case, and to characters that are not seen.
    fn is_called(&self, (attribute, value): &(String, String)) -> bool {
        let folded = |text: &str| text.to_lowercase().replace('\u{ad}', "");
        let own = self.attributes.iter().filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
        own.flat_map(|(_, values)| values).any(|own| folded(own) == folded(value))
    }
}

#[derive(Default)]
struct State {
    people: Vec<Person>,
    on_bind: Reaction,
    on_own_bind: Reaction,
    on_search: Reaction,
    on_starttls: Reaction,
    asked: Vec<Asked>,
    connections: usize,
    /// Connections at once, now and at most.
    open: usize,
    most_open: usize,
}

/// A running fake; it ends with its value.
pub(crate) struct FakeDirectory {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    tls: Option<TlsAcceptor>,
    listening: JoinHandle<()>,
}

/// How TLS begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    AtOnce,
    WhenAsked,
}

impl FakeDirectory {
    /// Knows `reader`, with the password that is planted everywhere.
    pub(crate) async fn start() -> Self {
        Self::listen(None, Begin::WhenAsked).await
    }

    pub(crate) async fn start_tls(acceptor: TlsAcceptor) -> Self {
        Self::listen(Some(acceptor), Begin::AtOnce).await
    }

    pub(crate) async fn start_starttls(acceptor: TlsAcceptor) -> Self {
        Self::listen(Some(acceptor), Begin::WhenAsked).await
    }

    async fn listen(tls: Option<TlsAcceptor>, begin: Begin) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let state = State { people: vec![Person::new(&["reader"], crate::PLANTED)], ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let listening = tokio::spawn(accept(listener, Arc::clone(&state), tls.clone(), begin));
        Self { address, state, tls, listening }
    }

    /// Ends every connection and listens again at the same address.
    pub(crate) async fn restart(&mut self) {
        self.listening.abort();
        let _ = (&mut self.listening).await;
        let listener = TcpListener::bind(self.address).await.expect("the same port");
        self.listening = tokio::spawn(accept(listener, Arc::clone(&self.state), self.tls.clone(), Begin::WhenAsked));
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn settings(&self) -> LdapSettings {
        LdapSettings {
            url: LdapUrl::parse(&format!("ldap://{}", self.address)).expect("an address"),
            starttls: false,
            bind: Some(LdapBind { dn: OWN_DN.to_owned(), password: ServiceSecret::new(OWN_PASSWORD.to_owned()) }),
            find: LdapFind::Search {
                base_dn: BASE.to_owned(),
                filter: Filter::parse("(uid={user})").expect("a filter"),
            },
            flavour: LdapFlavour::Ppolicy,
            ca_file: None,
            connections: NonZeroUsize::new(4).expect("some"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    pub(crate) fn add(&self, person: Person) {
        self.state().people.push(person);
    }

    /// What is done when somebody other than the gateway binds.
    pub(crate) fn on_bind(&self, reaction: Reaction) {
        self.state().on_bind = reaction;
    }

    pub(crate) fn on_own_bind(&self, reaction: Reaction) {
        self.state().on_own_bind = reaction;
    }

    pub(crate) fn on_search(&self, reaction: Reaction) {
        self.state().on_search = reaction;
    }

    pub(crate) fn on_starttls(&self, reaction: Reaction) {
        self.state().on_starttls = reaction;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// The names that passwords came with, in order, but for the gateway's own.
    pub(crate) fn binds(&self) -> Vec<String> {
        let names = self.asked().into_iter().filter_map(|asked| match asked {
            Asked::Bind { dn, .. } if dn != OWN_DN => Some(dn),
            Asked::Bind { .. } | Asked::Search { .. } | Asked::StartTls => None,
        });
        names.collect()
    }

    /// How often the gateway signed in itself.
    pub(crate) fn own_binds(&self) -> usize {
        self.asked().iter().filter(|asked| matches!(asked, Asked::Bind { dn, .. } if dn == OWN_DN)).count()
    }

    pub(crate) fn most_open(&self) -> usize {
        self.state().most_open
    }

    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }
}

impl Drop for FakeDirectory {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>, tls: Option<TlsAcceptor>, begin: Begin) {
    // They end with this one.
    let mut serving = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (state, tls) = (Arc::clone(&state), tls.clone());
        serving.spawn(async move {
            let number = {
                let mut state = state.lock().expect("not poisoned");
                state.connections += 1;
                state.open += 1;
                state.most_open = state.most_open.max(state.open);
                state.connections
            };
            drop(serve_tcp(stream, &state, number, tls, begin).await);
            state.lock().expect("not poisoned").open -= 1;
        });
    }
}

async fn serve_tcp(
    mut stream: TcpStream,
    state: &Mutex<State>,
    number: usize,
    tls: Option<TlsAcceptor>,
    begin: Begin,
) -> std::io::Result<()> {
    match (begin, tls) {
        (Begin::AtOnce, Some(tls)) => drop(serve(&mut tls.accept(stream).await?, state, number, |_| ()).await?),
        (_, tls) => {
            let wants_tls = serve(&mut stream, state, number, |stream| drop(stream.set_zero_linger())).await?;
            if let (true, Some(tls)) = (wants_tls, tls) {
                serve(&mut tls.accept(stream).await?, state, number, |_| ()).await?;
            }
        }
    }
    Ok(())
}

/// Serves until the end, or, with true, until TLS begins.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    state: &Mutex<State>,
    number: usize,
    reset: impl Fn(&S),
) -> std::io::Result<bool> {
    let mut unread = Vec::new();
    loop {
        let Some((id, request)) = take(&mut unread) else {
            if stream.read_buf(&mut unread).await? == 0 {
                return Ok(false);
            }
            continue;
        };
        let (reaction, end, right) = {
            let mut state = state.lock().expect("not poisoned");
            match &request {
                Request::Unbind => return Ok(false),
                Request::Bind { dn, .. } if dn == OWN_DN => {
                    (state.on_own_bind.clone(), 1, answer(&mut state, id, number, &request))
                }
                Request::Bind { .. } => (state.on_bind.clone(), 1, answer(&mut state, id, number, &request)),
                Request::Search { .. } => (state.on_search.clone(), 5, answer(&mut state, id, number, &request)),
                Request::StartTls => (state.on_starttls.clone(), 24, answer(&mut state, id, number, &request)),
            }
        };
        let bytes = reaction.bytes(id, end, right);
        let half = &bytes[..bytes.len() / 2];
        match reaction {
            Reaction::Silence => std::future::pending::<()>().await,
            Reaction::Slow(time) => tokio::time::sleep(time).await,
            Reaction::End => return Ok(false),
            Reaction::HalfThenEnd => return stream.write_all(half).await.map(|()| false),
            Reaction::HalfThenSilence => {
                stream.write_all(half).await?;
                std::future::pending::<()>().await;
            }
            Reaction::Reset => {
                stream.write_all(half).await?;
                reset(stream);
                return Ok(false);
            }
            _ => {}
        }
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        if matches!((&request, &reaction), (Request::StartTls, Reaction::Right)) {
            return Ok(true);
        }
    }
}

/// What a directory answers; what came in is noted.
fn answer(state: &mut State, id: u64, connection: usize, request: &Request) -> Vec<u8> {
    match request {
        Request::Bind { dn, password, has_ppolicy } => {
            state.asked.push(Asked::Bind { connection, dn: dn.clone(), has_ppolicy: *has_ppolicy });
            assert!(!dn.is_empty() && !password.is_empty(), "nobody's bind");
            let is_own = dn == OWN_DN && password == OWN_PASSWORD;
            let is_right = is_own || state.people.iter().any(|person| person.dn == *dn && person.password == *password);
            outcome(id, 1, if is_right { 0 } else { 49 }, "", None)
        }
        Request::Search { base, is_subtree, names, attributes, most } => {
            state.asked.push(Asked::Search { connection, base: base.clone(), names: names.clone() });
            let root = [("supportedControl".to_owned(), vec![PPOLICY.to_owned()])];
            let found = match (base.as_str(), is_subtree) {
                ("", false) => entry(id, "", &root),
                (BASE, false) => entry(id, BASE, &[]),
                (BASE, true) => {
                    let called = state.people.iter().filter(|person| names.iter().any(|name| person.is_called(name)));
                    let found = called.take(usize::try_from(*most).expect("few"));
                    found.flat_map(|person| entry(id, &person.dn, &asked_for(person, attributes))).collect()
                }
                (dn, false) => {
                    let found = state.people.iter().filter(|person| person.dn == dn);
                    found.flat_map(|person| entry(id, &person.dn, &asked_for(person, attributes))).collect()
                }
                (_, true) => return outcome(id, 5, 32, "", None),
            };
            [found, outcome(id, 5, 0, "", None)].concat()
        }
        Request::StartTls => {
            state.asked.push(Asked::StartTls);
            outcome(id, 24, 0, "", None)
        }
        Request::Unbind => Vec::new(),
    }
}

fn asked_for(person: &Person, attributes: &[String]) -> Vec<(String, Vec<String>)> {
    let is_asked_for = |(name, _): &&(String, Vec<String>)| attributes.iter().any(|own| own.eq_ignore_ascii_case(name));
    person.attributes.iter().filter(is_asked_for).cloned().collect()
}
