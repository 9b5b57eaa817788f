//! One person, one budget: whatever an account is called, and however that is spelled.

use soapgate::domain::{Answer, Rejection};

use crate::fake::{BASE, FakeDirectory, OWN_DN, OWN_PASSWORD, Person};
use crate::support::gateway::TestGateway;
use crate::support::signin::{Told, register, sign_in};
use crate::{PLANTED, account, ask, service};

pub(crate) fn config(directory: &FakeDirectory) -> String {
    format!(
        "server = {{ listen = \"127.0.0.1:0\" }}\nconsole = {{ listen = \"127.0.0.1:0\" }}\n\
         management = {{ listen = \"127.0.0.1:0\" }}\n\
         [[identity]]\nname = \"directory\"\nkind = \"ldap\"\nurl = \"ldap://127.0.0.1:{}\"\nlock_after = 15\n\
         bind_dn = \"{OWN_DN}\"\nbind_password = \"{OWN_PASSWORD}\"\nbase_dn = \"{BASE}\"\n\
         filter = \"(|(uid={{user}})(mail={{user}}))\"\n\
         [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"directory\"\n[[route]]\ncontract = \"alma\"\n",
        directory.port(),
    )
}

#[tokio::test]
async fn a_spelling_that_only_the_directory_takes_for_the_account_is_none_of_its_own() {
    let directory = FakeDirectory::start().await;
    let service = service(&directory.settings());
    for spelling in ["re\u{ad}ader", "reade\u{ad}\u{ad}r"] {
        let said = ask(&service, spelling, PLANTED).await.expect("an answer");
        assert_eq!((said.answer, said.person), (Answer::Rejected(Rejection::UnknownAccount), None));
    }
    assert_eq!(directory.binds(), Vec::<String>::new(), "or each would have a budget of its own");
}

#[tokio::test]
async fn several_identifiers_of_one_person_are_told_to_be_one() {
    let directory = FakeDirectory::start().await;
    directory.add(Person::new(&["zoe", "b2001"], PLANTED));
    let service = service(&directory.settings());
    for identifier in ["zoe", "B2001", "ZOE"] {
        for password in [PLANTED, "guess"] {
            let said = ask(&service, identifier, password).await.expect("an answer");
            assert_eq!(said.person, Some(account("b2001")), "{identifier}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_has_one_budget_by_whatever_name() {
    let directory = FakeDirectory::start().await;
    directory.add(Person::new(&["zoe", "b2001"], PLANTED).with("mail", "zoe@example.org"));
    let gateway = TestGateway::start(&config(&directory)).await;
    let integrations = ["one", "two", "three", "four"];
    register(&gateway, &integrations).await;
    let guess_at = async |name: &str, guesses: std::ops::Range<usize>| {
        for guess in guesses {
            for integration in integrations {
                let told = sign_in(&gateway, integration, name, &format!("guess {integration} {name} {guess}")).await;
                assert_eq!(told, Told::No);
            }
        }
    };
    guess_at("b2001", 0..6).await;
    assert_eq!(directory.binds().len(), 10, "per_account");
    for name in ["zoe", "ZOE", "Zoe@Example.org", "b2001"] {
        guess_at(name, 0..2).await;
        assert_eq!(directory.binds().len(), 10, "{name} has no budget of its own, not even once");
    }
    assert_eq!(gateway.metric("soapgate_attempts_spent_total", "").await, 10);
    guess_at("zo\u{ad}e", 0..2).await;
    assert_eq!(directory.binds().len(), 10, "and what is no name of theirs is not asked about at all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_goes_through_the_gateway_whatever_is_in_it() {
    let directory = FakeDirectory::start().await;
    directory.add(Person::new(&["zoë"], "p&<>\"'é€ "));
    let gateway = TestGateway::start(&config(&directory)).await;
    assert_eq!(sign_in(&gateway, "demo", "ZOË", "p&<>\"'é€ ").await, Told::Yes);
    assert_eq!(sign_in(&gateway, "demo", "zoë", "p&<>\"'é€").await, Told::No);
    assert_eq!(sign_in(&gateway, "demo", "reader", "").await, Told::No);
    assert_eq!(sign_in(&gateway, "demo", "nobody", "x").await, Told::No);
    assert_eq!(directory.binds().len(), 2);
}
