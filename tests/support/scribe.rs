//! A scripted Alma that writes down every sign-in it is asked about, answered or not.

use crate::support::fake::fault::Fault;
use crate::support::fake::http::{FakeHttp, Request, Site, reply};

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Refused,
    /// Whoever asked was told nothing: it may have been counted as a failed sign-in.
    Unanswered,
}

/// A question about the one user that it knows.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) password: String,
    pub(crate) outcome: Outcome,
}

/// The running service.
pub(crate) struct Scribe(FakeHttp<Book>);

struct Book {
    user: &'static str,
    right: String,
    tries: Vec<Try>,
}

impl Scribe {
    /// One that knows `user` with the password `right`.
    pub(crate) async fn start(user: &'static str, right: &str) -> Self {
        Self(FakeHttp::start(Book { user, right: right.to_owned(), tries: Vec::new() }, None).await)
    }

    /// The configuration of a gateway in front of it; `more` are further sections.
    pub(crate) fn config(&self, more: &str) -> String {
        format!(
            "server = {{ listen = \"127.0.0.1:0\" }}\nconsole = {{ listen = \"127.0.0.1:0\" }}\n\
             management = {{ listen = \"127.0.0.1:0\" }}\n\
             [[identity]]\nname = \"alma\"\nkind = \"alma\"\nbase_url = \"http://{}\"\napi_key = \"a key\"\n\
             second_look = false\nlock_after = 0\nrequests_per_second = 100000\n\
             [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"alma\"\n[[route]]\ncontract = \"alma\"\n{more}",
            self.0.address(),
        )
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.0.fault("", fault);
    }

    pub(crate) fn set_password(&self, password: &str) {
        self.0.site(|book| password.clone_into(&mut book.right));
    }

    /// What was asked since this was last looked at.
    pub(crate) fn take(&self) -> Vec<Try> {
        self.0.site(|book| std::mem::take(&mut book.tries))
    }
}

impl Book {
    fn write(&mut self, request: &Request, outcome: impl FnOnce(&str, &str) -> Outcome) -> Option<Outcome> {
        let password = String::from_utf8(request.headers.get("exl-user-pw")?.clone()).expect("UTF-8");
        // Canaries ask about others.
        request.path.ends_with(&format!("/{}", self.user)).then(|| {
            let outcome = outcome(&password, &self.right);
            self.tries.push(Try { password, outcome });
            outcome
        })
    }
}

impl Site for Book {
    fn answer(&mut self, request: &Request) -> String {
        let judge = |password: &str, right: &str| if password == right { Outcome::Accepted } else { Outcome::Refused };
        if self.write(request, judge) == Some(Outcome::Accepted) {
            return "HTTP/1.1 204 No Content\r\n\r\n".to_owned();
        }
        let error = "{\"errorsExist\":true,\"errorList\":{\"error\":[{\"errorCode\":\"401866\"}]}}";
        reply("400 Bad Request", "application/json", error)
    }

    fn saw(&mut self, request: &Request) {
        self.write(request, |_, _| Outcome::Unanswered);
    }
}
