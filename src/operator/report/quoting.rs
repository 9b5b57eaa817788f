//! Quotation marks that do not come in pairs. The CSV reader makes the best of them and says nothing; but one that is
//! never closed swallows every row behind it, and a list is imported whole or not at all.

/// Where, in bytes, quotation marks go wrong first, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misquoted {
    /// Behind a closing one stands something else than a separator or the end of a row.
    AfterClosing(usize),
    /// This one is never closed.
    NeverClosed(usize),
}

impl Misquoted {
    pub(crate) const fn at(self) -> usize {
        match self {
            Self::AfterClosing(at) | Self::NeverClosed(at) => at,
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::AfterClosing(_) => {
                "something stands behind a closing quotation mark: a quotation mark inside a cell is written twice, and \
                 the cell between two more"
            }
            Self::NeverClosed(_) => "a quotation mark opens a cell here and is never closed",
        }
    }
}

enum State {
    Begin,
    Closing,
    Plain,
    Quoted(usize),
}

/// Looks through a whole text (RFC 4180, section 2). Inside a cell that does not begin with one, a quotation mark is a
/// character like others.
pub(crate) fn misquoted(text: &str, separator: u8) -> Option<Misquoted> {
    let mut state = State::Begin;
    let mut opened = 0;
    for (at, byte) in text.bytes().enumerate() {
        state = match (state, byte) {
            (State::Begin, b'"') => State::Quoted(at),
            (State::Quoted(from), b'"') => {
                opened = from;
                State::Closing
            }
            (State::Quoted(from), _) => State::Quoted(from),
            (State::Closing, b'"') => State::Quoted(opened),
            (State::Begin | State::Closing | State::Plain, b'\r' | b'\n') => State::Begin,
            (State::Begin | State::Closing | State::Plain, byte) if byte == separator => State::Begin,
            (State::Closing, _) => return Some(Misquoted::AfterClosing(at)),
            (State::Begin | State::Plain, _) => State::Plain,
        };
    }
    match state {
        State::Quoted(from) => Some(Misquoted::NeverClosed(from)),
        State::Begin | State::Closing | State::Plain => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_come_in_pairs() {
        let fine = [
            "",
            "a,b\n",
            "\"a\",\"b\"\r\n\"c\"",
            "\"a \"\"b\"\" c\",d",
            "\"\",\"\"",
            "5\" disk,x\n",
            "\"two\nlines\",x",
        ];
        for text in fine {
            assert_eq!(misquoted(text, b','), None, "{text:?}");
        }
        assert_eq!(misquoted("a,\"b\nc,d\n", b','), Some(Misquoted::NeverClosed(2)));
        assert_eq!(misquoted("a,\"b\nc,\"d\"\n", b','), Some(Misquoted::AfterClosing(8)));
        assert_eq!(misquoted("\"a\"\"", b','), Some(Misquoted::NeverClosed(0)));
        assert_eq!(misquoted("\"a\";b", b';'), None);
        assert_eq!(misquoted("\"a\";b", b','), Some(Misquoted::AfterClosing(3)));
    }
}
