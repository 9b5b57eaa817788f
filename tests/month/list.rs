//! The list of accounts as Alma Analytics exports it, for operators to import.

use std::fmt::Write as _;

use crate::population::{Account, Kind};

/// The list of an institution as a file: accounts that the identity service does not hold, and between them rows that
/// say nothing against anybody. `is_late` names those too who were let in since it was made.
pub(crate) fn csv(accounts: &[Account], institution: &str, is_late: bool) -> String {
    let mut file =
        String::from("Users by identity service\n\nPrimary Identifier,Barcode,User Type,IdP Service in Use\n");
    for account in accounts.iter().filter(|account| account.institution == institution) {
        let is_in_need = account.kind.is_listed() || is_late && account.kind == Kind::ListedLate;
        let (user_type, in_use) = match account.kind {
            _ if is_in_need => ("Internal", "No"),
            Kind::External | Kind::ExternalStored => ("External", "No"),
            // Monitoring's own account has none on purpose.
            Kind::Probe => ("Internal", "No"),
            Kind::Person | Kind::Slips | Kind::Forgets | Kind::Stubborn => ("Internal", "Yes"),
            _ => continue,
        };
        let barcode = account.barcode.as_deref().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(file, "{},{barcode},\"{user_type}\",{in_use}", account.id);
    }
    file
}
