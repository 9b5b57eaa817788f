//! `soapgate check`: everything that serving needs, looked at and not touched.

use std::path::Path;

use serde_json::{Value, json};

use crate::app;
use crate::cli::arguments::CheckArguments;
use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::output::Output;
use crate::config::{Settings, load};
use crate::identity::IdentityKind;
use crate::store::{Tables, inspect};

/// What was looked at, and how the command ends when there is something wrong with it.
struct Finding {
    name: String,
    exit: Exit,
    result: Result<String, String>,
}

pub(crate) async fn run(config: &Path, arguments: CheckArguments, out: &mut Output<'_>) -> Result<(), Failure> {
    let findings = look(config, arguments).await;
    let first_wrong = findings.iter().find(|finding| finding.result.is_err());
    if arguments.format.json {
        let list: Vec<_> = findings.iter().map(Finding::json).collect();
        out.json(&json!({ "ok": first_wrong.is_none(), "checks": list }))?;
    }
    let mut problems = Vec::new();
    for finding in &findings {
        match &finding.result {
            _ if arguments.format.json => {}
            Ok(detail) => out.line(&format!("ok  {}: {detail}", finding.name))?,
            Err(problem) => problems.push(problem.as_str()),
        }
    }
    first_wrong.map_or(Ok(()), |finding| Err(Failure::Told(finding.exit, problems.join("\n"))))
}

impl Finding {
    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "ok": self.result.is_ok(),
            "detail": self.result.as_ref().ok(),
            "problem": self.result.as_ref().err(),
        })
    }
}

async fn look(config: &Path, arguments: CheckArguments) -> Vec<Finding> {
    let configuration = |result| Finding { name: "configuration".to_owned(), exit: Exit::Configuration, result };
    let settings = match load(config, std::env::vars_os()) {
        Ok(settings) => settings,
        Err(problems) => return problems.lines().into_iter().map(|line| configuration(Err(line))).collect(),
    };
    let store = look_at_store(&settings).await;
    let identities = if arguments.online { look_at_identities(&settings, &store).await } else { Vec::new() };
    let mut findings = vec![configuration(Ok(describe(&settings))), store];
    findings.extend(app::check(&settings).into_iter().map(|check| Finding {
        result: match check.problem {
            Some(problem) => Err(format!("{}: {problem}", check.name)),
            None => Ok("fine".to_owned()),
        },
        name: check.name,
        exit: Exit::Configuration,
    }));
    findings.extend(identities);
    findings
}

fn describe(settings: &Settings) -> String {
    let codes: Vec<&str> = settings.institutions.iter().map(|institution| institution.code.as_str()).collect();
    let routes = settings.routes.len();
    format!("{}, institutions {}, routes {routes}", settings.file.display(), codes.join(" "))
}

async fn look_at_store(settings: &Settings) -> Finding {
    let url = &settings.database_url;
    let result = match inspect(url).await {
        Ok(Tables::Absent) => Ok(format!("{url}, made at the first start")),
        Ok(Tables::Current) => Ok(format!("{url}, tables of this version")),
        Ok(Tables::Older) => Ok(format!("{url}, tables of an older version, renewed at the next start")),
        Err(error) => Err(format!("{url}: {}", chain(&error))),
    };
    Finding { name: "store".to_owned(), exit: Exit::Store, result }
}

async fn look_at_identities(settings: &Settings, store: &Finding) -> Vec<Finding> {
    let mut findings = Vec::new();
    for identity in &settings.identities {
        let name = format!("identity {}", identity.name);
        let result = match (&identity.kind, &store.result) {
            (IdentityKind::Embedded, Err(_)) => Err(format!("{name}: answers from the store, which fails")),
            _ => app::check_identity(identity).await.map_err(|problem| format!("{name}: {problem}")),
        };
        findings.push(Finding { name, exit: Exit::Identity, result });
    }
    findings
}
