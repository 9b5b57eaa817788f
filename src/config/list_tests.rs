//! The rules of `[[identity]]`, `[[institution]]` and `[[route]]`: what is written, and every line that is said about it.

use crate::config::tests::{INSTITUTION, ROUTE, check_route, check_whole, settings};
use crate::domain::{Institution, Timestamp};
use crate::gateway::{
    AccountSource, ContractKind, IntegrationRule, LifecycleSettings, MustChangeRule, OutageRule, RefusalForm,
    RouteSettings,
};

#[test]
fn every_choice_of_a_route_is_read() {
    let text = "[[route]]\ncontract = \"authenticate\"\npath = \"/a\"\ninstitution = \"01X\"\nintegration = \"none\"\n\
                account = [\"basic\"]\nrefusal = \"unauthorized\"\noutage = \"refuse\"\nmust_change = \"refuse\"\n\
                fault_status = { malformed = 400 }\nstrict_encoding_style = true\n\
                deprecation = \"2026-01-01\"\nsunset = \"2027-06-30\"\nlimits.depth = 9\n";
    let route = settings(text, &[]).routes.remove(0);
    let mut expected = RouteSettings::new(ContractKind::Authenticate);
    expected.path = Some("/a".to_owned());
    expected.institution = Institution::parse("01X").ok();
    expected.integration = IntegrationRule::None;
    expected.account = vec![AccountSource::Basic];
    expected.refusal = Some(RefusalForm::Unauthorized);
    expected.outage = OutageRule::Refuse;
    expected.must_change = MustChangeRule::Refuse;
    expected.fault_status.malformed = 400;
    expected.strict_encoding_style = true;
    let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1_000));
    // The first second of the one day, and the last of the other.
    expected.lifecycle = LifecycleSettings { deprecation: at(1_767_225_600), sunset: at(1_814_399_999) };
    expected.limits.depth = 9;
    assert_eq!(route, expected);
}

#[test]
fn the_lists_are_needed() {
    check_whole(
        "",
        &[
            "c: identity: is missing; write [[identity]] with a name and a kind below",
            "c: institution: is missing; write [[institution]] with a code and the name of an identity service below",
            "c: route: is missing; write [[route]] with a contract below",
        ],
    );
    check_whole(
        "[[identity]]\n[[institution]]\n[[route]]\n",
        &[
            "c:1: identity[0].name: is missing; write a name of your choice, such as \"accounts\"",
            "c:1: identity[0].kind: is missing; write \"alma\" or \"embedded\" or \"ldap\" or \"oidc\"",
            "c:2: institution[0].code: is missing; write the institution's code in Alma, such as \"01DEMO_INST\"",
            "c:2: institution[0].identity: is missing; write the name of an [[identity]]",
            "c:3: route[0].contract: is missing; write \"alma\" or \"authenticate\"",
        ],
    );
}

#[test]
fn names_are_given_once_and_refer_to_what_exists() {
    check_whole(
        "[[identity]]\nname = \"a\"\nkind = \"embedded\"\n[[identity]]\nname = \"a\"\nkind = \"embedded\"\n\
         [[identity]]\nname = \"b c\"\nkind = \"embedded\"\n\
         [[institution]]\ncode = \"01X\"\nidentity = \"acounts\"\nprobe_accounts = [\"ok\", \"\"]\n\
         [[institution]]\ncode = \"01X\"\nidentity = \"a\"\n[[institution]]\ncode = \"0 1\"\nidentity = \"a\"\n\
         [[route]]\ncontract = \"authenticate\"\ninstitution = \"01Y\"\n",
        &[
            "c:5: identity[1].name: is \"a\", as another [[identity]] is; give each its own",
            "c:8: identity[2].name: is \"b c\"; write at most 64 letters, digits, '_', '-' or '.'",
            "c:12: institution[0].identity: is \"acounts\", which no [[identity]] is named; write \"a\"",
            "c:13: institution[0].probe_accounts: holds \"\", which is empty; write a list of account identifiers, such as [\"monitoring\"]",
            "c:15: institution[1].code: is \"01X\", as another [[institution]] is; write each code once",
            "c:18: institution[2].code: is \"0 1\"; write at most 64 letters, digits, '_', '-' or '.', such as \"01DEMO_INST\"",
            "c:22: route[0].institution: is \"01Y\", which is no [[institution]]'s code; did you mean \"01X\"?",
        ],
    );
}

#[test]
fn an_alma_route_keeps_what_old_clients_rely_on() {
    let forms = "write \"errors-exist\" or \"result-false\"";
    let fault = "would let patrons in: a known client takes any fault for an outage of Alma";
    for (refusal, why) in [
        ("fault", fault),
        ("false", "is a form of the other contract"),
        ("unauthorized", "is a form of the other contract"),
    ] {
        check_route(
            &format!("contract = \"alma\"\nrefusal = \"{refusal}\""),
            &[&format!("c:3: route[0].refusal: \"{refusal}\" {why}; {forms}")],
        );
    }
    check_route(
        "contract = \"alma\"\naccount = [\"body\"]\ninstitution = \"01X\"\nintegration = \"none\"",
        &[
            "c:3: route[0].account: has no place here: Alma's accounts stand in arg0 and arg1; leave it out",
            "c:4: route[0].institution: has no place here: the integration's name carries the institution; leave it out",
            "c:5: route[0].integration: is \"none\", but Alma's integrations sign in and their name carries the institution; write \"basic\"",
        ],
    );
    check_route("contract = \"alma\"\nrefusal = \"result-false\"\nintegration_check = \"identity\"", &[]);
}

#[test]
fn an_authenticate_route_takes_one_basic_name() {
    check_route(
        "contract = \"authenticate\"\naccount = [\"token\", \"basic\"]",
        &[
            "c:1: route[0].integration: is \"basic\", but account has \"basic\" too and a call has one Basic name; write \"none\", or take \"basic\" out of account",
        ],
    );
    check_route("contract = \"authenticate\"\naccount = [\"token\", \"body\", \"basic\"]\nintegration = \"none\"", &[]);
    check_route("contract = \"authenticate\"\naccount = [\"token\"]\nintegration = \"none\"", &[]);
    check_route(
        "contract = \"authenticate\"\nintegration = \"none\"\nintegration_check = \"identity\"",
        &[
            "c:4: route[0].integration_check: is \"identity\", but with integration = \"none\" there is nobody to check; leave it out",
        ],
    );
}

#[test]
fn words_of_routes_are_told_when_wrong() {
    let account = "write a list of \"token\", \"body\", \"basic\", such as [\"token\", \"body\"]";
    check_route(
        "contract = \"authenticate\"\nintegration = \"certificate\"\nrefusal = \"errors-exist\"\naccount = [\"tokn\"]\noutage = \"no\"\nmust_change = \"\"\nfault_status = { malformed = 200, outage = 600 }",
        &[
            "c:3: route[0].integration: \"certificate\" is not served yet; write \"basic\" or \"none\"",
            "c:4: route[0].refusal: \"errors-exist\" is a form of the other contract; write \"false\" or \"fault\" or \"unauthorized\"",
            &format!("c:5: route[0].account: is a list that holds \"tokn\"; {account}"),
            "c:6: route[0].outage: is \"no\"; write \"fault\" or \"refuse\"",
            "c:7: route[0].must_change: is \"\"; write \"accept\" or \"refuse\"",
            "c:8: route[0].fault_status.malformed: is 200; write a whole number from 400 to 599",
            "c:8: route[0].fault_status.outage: is 600; write a whole number from 400 to 599",
        ],
    );
    check_route("contract = \"authenticate\"\naccount = []", &[&format!("c:3: route[0].account: is empty; {account}")]);
    check_route(
        "contract = \"authenticate\"\naccount = [\"body\", \"body\"]",
        &[&format!("c:3: route[0].account: is a list that holds \"body\" twice; {account}")],
    );
    check_route(
        "contract = \"rosetta\"",
        &["c:2: route[0].contract: is \"rosetta\"; write \"alma\" or \"authenticate\""],
    );
}

#[test]
fn a_route_ends_after_it_is_deprecated() {
    let write = "write a date such as";
    check_route("contract = \"alma\"\ndeprecation = \"2026-01-01\"\nsunset = \"2026-01-01\"", &[]);
    check_route(
        "contract = \"alma\"\ndeprecation = \"2026-01-02\"\nsunset = \"2026-01-01\"",
        &["c:4: route[0].sunset: is before deprecation; write the same day or a later one"],
    );
    check_route(
        "contract = \"alma\"\ndeprecation = \"2026-02-29\"\nsunset = \"2027-06-30T00:00:00\"",
        &[
            &format!("c:3: route[0].deprecation: is \"2026-02-29\"; {write} \"2026-01-01\""),
            &format!("c:4: route[0].sunset: is \"2027-06-30T00:00:00\"; {write} \"2027-06-30\""),
        ],
    );
    check_route(
        "contract = \"alma\"\nsunset = 2027-06-30",
        &[&format!("c:3: route[0].sunset: is a datetime; {write} \"2027-06-30\"")],
    );
}

#[test]
fn paths_are_paths() {
    let cases = [
        ("soap", "which does not begin with '/'"),
        ("", "which does not begin with '/'"),
        ("/soap?wsdl", "which has a query or a fragment"),
        ("/a/../b", "which has a part that proxies rewrite ('.' or '..')"),
        ("/soap ", "which has a character that no path has as clients send it (percent-encode it)"),
    ];
    for (path, problem) in cases {
        check_route(
            &format!("contract = \"authenticate\"\npath = \"{path}\""),
            &[&format!("c:3: route[0].path: is \"{path}\", {problem}; write a path such as \"/soap/authenticate\"")],
        );
    }
}

#[test]
fn no_path_is_served_twice() {
    check_route(
        "contract = \"alma\"\n[[route]]\ncontract = \"alma\"\n[[route]]\ncontract = \"authenticate\"\n[[route]]\n\
         contract = \"authenticate\"\npath = \"/soap/authenticate\"\n[[route]]\ncontract = \"alma\"\npath = \"/almaws/LoanWebServices\"",
        &[
            "c:3: route[1].path: is missing, and route[0] serves all of Alma's paths already; write a path of its own",
            "c:9: route[3].path: is \"/soap/authenticate\", which route[2] serves; write another path",
            "c:12: route[4].path: is \"/almaws/LoanWebServices\", but route[0] has no path and serves all of Alma's; write another path, or give route[0] one",
        ],
    );
}

#[test]
fn an_adapter_that_nobody_knows_is_one_problem_and_its_secret_is_not_shown() {
    check_whole(
        &format!(
            "[[identity]]\nname = \"accounts\"\nkind = \"ldab\"\nbind_password = \"s3cret\"\n{INSTITUTION}{ROUTE}"
        ),
        &["c:3: identity[0].kind: is \"ldab\"; write \"alma\" or \"embedded\" or \"ldap\" or \"oidc\""],
    );
}

#[test]
fn what_follows_from_a_broken_value_is_not_told() {
    check_whole(
        &format!(
            "[server]\nlisten = \"0.0.0.0:1\"\nplaintext_behind_proxy = \"yes\"\n\
             [[identity]]\nkind = \"embedded\"\n[[identity]]\nname = \"accounts\"\nkind = \"embedded\"\ntimeout = \"9s\"\n\
             {INSTITUTION}[[route]]\ncontract = \"alma\"\npath = \"x\"\n{ROUTE}"
        ),
        &[
            "c:3: server.plaintext_behind_proxy: is a string; write true or false",
            "c:4: identity[0].name: is missing; write a name of your choice, such as \"accounts\"",
            "c:9: identity[1].timeout: is 9s, but a call has only 8s (server.limits.call_time), of which it may wait 2s for its turn; write less than 6s",
            "c:16: route[0].path: is \"x\", which does not begin with '/'; write a path such as \"/soap/authenticate\"",
        ],
    );
}
