//! Secrets come from a prompt or from one line of standard input, never from an argument: arguments stand in process
//! lists and in shells' histories.

use std::io::{self, IsTerminal};
use std::mem;
use std::os::fd::AsFd;

use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::cli::exit::Failure;
use crate::domain::{CREDENTIAL_BYTES_MAX, Password};
use crate::operator::{OperatorError, PasswordRule};

/// Asks for a secret, twice when a person types it; `what` is which, such as "password of …".
pub(crate) fn ask(what: &str) -> Result<Password, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return read_line(|byte| rustix::io::read(stdin.as_fd(), byte));
    }
    let prompt = |text: &str| {
        let typed = rpassword::prompt_password(text);
        typed.map(Password::new).map_err(|error| Failure::refused(format!("no secret was typed: {error}")))
    };
    let secret = prompt(&format!("New {what}: "))?;
    let again = prompt("The same again: ")?;
    if secret.expose() == again.expose() {
        Ok(secret)
    } else {
        Err(Failure::refused("the two differ; nothing was changed"))
    }
}

/// Reads one line and not a byte more, so that what follows is left for the next command. The bytes pass through no
/// buffer but this one, which is never moved and becomes the secret itself.
fn read_line(mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Password, Failure> {
    // The longest secret, its line end, and one byte by which it is seen to be too long.
    const BYTES_MAX: usize = CREDENTIAL_BYTES_MAX + 3;
    let mut line = Zeroizing::new(Vec::with_capacity(BYTES_MAX));
    let mut byte = Zeroizing::new([0_u8; 1]);
    loop {
        match read(&mut *byte) {
            Ok(0) if line.is_empty() => {
                return Err(Failure::usage("no secret was given: write it on one line to standard input"));
            }
            Ok(0) => break,
            Ok(_) if *byte == *b"\n" => {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                break;
            }
            Ok(_) if line.len() + 1 == BYTES_MAX => return Err(OperatorError::from(PasswordRule::TooLong).into()),
            Ok(_) => line.extend_from_slice(&*byte),
            Err(Errno::INTR) => {}
            Err(error) => return Err(Failure::refused(format!("standard input cannot be read: {error}"))),
        }
    }
    // On an error the bytes go back into a Zeroizing, which wipes them.
    match String::from_utf8(mem::take(&mut *line)) {
        Ok(text) => Ok(Password::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(Failure::refused("the secret is not UTF-8; send it in UTF-8"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn read(mut input: &[u8]) -> Result<String, String> {
        let line = read_line(|byte| input.read(byte).map_err(|_| Errno::IO));
        match line {
            Ok(secret) => Ok(secret.expose().to_owned()),
            Err(Failure::Told(_, text)) => Err(text),
            Err(Failure::OutputClosed) => Err(String::new()),
        }
    }

    #[test]
    fn only_the_final_line_end_is_taken_off() {
        let cases = [
            ("correct horse\n", "correct horse"),
            ("p&<>\"'é€ \n", "p&<>\"'é€ "),
            ("windows\r\n", "windows"),
            ("no line end", "no line end"),
            ("ends in \r", "ends in \r"),
            (" \t \n", " \t "),
            ("\n", ""),
            ("first\nsecond\n", "first"),
        ];
        for (input, secret) in cases {
            assert_eq!(read(input.as_bytes()).as_deref(), Ok(secret), "{input:?}");
        }
    }

    #[test]
    fn what_follows_the_line_is_left() {
        let mut input: &[u8] = b"first\nsecond\n";
        read_line(|byte| input.read(byte).map_err(|_| Errno::IO)).expect("a line");
        assert_eq!(input, b"second\n");
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        assert_eq!(read(b""), Err("no secret was given: write it on one line to standard input".to_owned()));
        assert_eq!(read(b"\xff\n"), Err("the secret is not UTF-8; send it in UTF-8".to_owned()));
        assert!(read("x".repeat(1_024).as_bytes()).is_ok());
        assert_eq!(read("x".repeat(1_027).as_bytes()), Err("the password is longer than 1024 bytes".to_owned()));
    }
}
