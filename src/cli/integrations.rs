//! `soapgate integrations`.

use serde_json::json;

use crate::cli::arguments::{Format, IntegrationsCommand};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::secret;
use crate::cli::workplace::Workplace;
use crate::domain::{IntegrationName, Password};
use crate::operator::{IntegrationView, Secret};

pub(crate) async fn run(command: IntegrationsCommand, place: &Workplace, out: &mut Output<'_>) -> Result<(), Failure> {
    let integrations = place.integrations()?;
    match command {
        IntegrationsCommand::Add { integration, generate, format } => {
            let name = integration.name;
            // A name of another institution would be registered and never let in.
            place.institution(Some(name.institution()))?;
            let made = integrations.add(&name, choose(&name, generate)?).await?;
            tell(&name, "registered", made.as_ref(), format, out)
        }
        IntegrationsCommand::Rotate { integration, generate, overlap, format } => {
            let name = integration.name;
            let made = integrations.rotate(&name, choose(&name, generate)?, overlap).await?;
            tell(&name, "has a new secret", made.as_ref(), format, out)
        }
        IntegrationsCommand::Disable(integration) => {
            integrations.disable(&integration.name).await?;
            Ok(out.line(&format!("integration {} disabled", integration.name))?)
        }
        IntegrationsCommand::Enable(integration) => {
            integrations.enable(&integration.name).await?;
            Ok(out.line(&format!("integration {} enabled", integration.name))?)
        }
        IntegrationsCommand::List { format } => {
            let list = integrations.list().await?;
            if format.json {
                return Ok(out.json(&list)?);
            }
            if list.is_empty() {
                return Ok(out.line("no integrations")?);
            }
            let head = ["INTEGRATION", "STATE", "OLD SECRET UNTIL", "LAST ACCEPTED", "CHANGED"];
            Ok(out.table(head, &list.iter().map(row).collect::<Vec<_>>())?)
        }
    }
}

fn choose(name: &IntegrationName, generate: bool) -> Result<Secret, Failure> {
    if generate {
        Ok(Secret::Generate)
    } else {
        Ok(Secret::Given(secret::ask(&format!("secret of integration {name}"))?))
    }
}

/// Says what was done. A secret that was made is shown here and never again, so that a closed output counts.
fn tell(
    name: &IntegrationName,
    done: &str,
    made: Option<&Password>,
    format: Format,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let secret = made.map(Password::expose);
    let written = if format.json {
        out.json(&json!({ "name": name.as_str(), "secret": secret }))
    } else {
        out.line(&format!("integration {name} {done}")).and_then(|()| match secret {
            Some(secret) => out.line(&format!("its secret, shown only now: {secret}")),
            None => Ok(()),
        })
    };
    let written = written.and_then(|()| out.flush());
    match (written, made) {
        (Err(error), Some(_)) => Err(Failure::refused(format!(
            "integration {name} {done}, but its secret could not be shown ({error}); make another with 'soapgate integrations rotate'"
        ))),
        (written, _) => Ok(written?),
    }
}

fn row(integration: &IntegrationView) -> [String; 5] {
    [
        integration.name.clone(),
        if integration.disabled { "disabled" } else { "ok" }.to_owned(),
        integration.previous_valid_until.clone().unwrap_or_default(),
        integration.last_accepted.clone().unwrap_or_default(),
        integration.changed.clone(),
    ]
}
