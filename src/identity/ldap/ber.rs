//! The part of BER that LDAP uses (RFC 4511, section 5.1): definite lengths, tags of one byte.
//!
//! Written here because the reader of the `lber` crate calls itself for every level that a message has: a hundred
//! kilobytes of nested brackets, which anybody on the way can send before TLS begins, overflow the stack and end the
//! process. This one goes no deeper than its caller asks, and what is written is wiped: a bind holds a password.

use zeroize::Zeroizing;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The number of bytes of a length that is read: four are more than any message may have.
const LENGTH_BYTES_MAX: usize = 4;

/// Bytes that are no element that LDAP has, or not the one that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Bytes that are wiped when they are not needed any more.
pub(crate) type Wiped = Zeroizing<Vec<u8>>;

/// An element with this tag that holds `parts` one behind the other.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Wiped {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    // The room is enough, so that the bytes never move and leave themselves behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 + size_of::<usize>() + length));
    bytes.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => bytes.push(short),
        Ok(_) | Err(_) => {
            let all = length.to_be_bytes();
            let first = all.iter().position(|byte| *byte != 0).unwrap_or_default();
            let digits = &all[first..];
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            bytes.extend_from_slice(digits);
        }
    }
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// A whole number that is not negative, as INTEGER or ENUMERATED.
pub(crate) fn number(tag: u8, number: u32) -> Wiped {
    // The first bit is the sign.
    let all = u64::from(number).to_be_bytes();
    let first = (0..all.len() - 1).find(|&at| all[at] != 0 || all[at + 1] >= 0x80).unwrap_or(all.len() - 1);
    element(tag, &[&all[first..]])
}

/// How long the element is that begins with `bytes`, head included; `None` while too little is there to say.
pub(crate) fn whole_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let [tag, length, rest @ ..] = bytes else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(Malformed);
    }
    if *length < 0x80 {
        return Ok(Some(2 + usize::from(*length)));
    }
    let digits = usize::from(length & 0x7f);
    if digits == 0 || digits > LENGTH_BYTES_MAX {
        return Err(Malformed);
    }
    let Some(digits) = rest.get(..digits) else { return Ok(None) };
    let length = digits.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    length.checked_add(2 + digits.len()).map(Some).ok_or(Malformed)
}

/// Reads the elements of one level, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element: its tag, and what is in it.
    pub(crate) fn element(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let whole = whole_length(self.0)?.ok_or(Malformed)?;
        let (element, rest) = self.0.split_at_checked(whole).ok_or(Malformed)?;
        let head = 2 + if element[1] < 0x80 { 0 } else { usize::from(element[1] & 0x7f) };
        self.0 = rest;
        Ok((element[0], &element[head..]))
    }

    /// What is in the next element, which has this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.element()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed),
        }
    }

    /// What is in the next element if it has this tag; else it is left where it is.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.0.first() == Some(&tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// A whole number that is not negative and not large.
    pub(crate) fn number(&mut self, tag: u8) -> Result<u32, Malformed> {
        read_number(self.expect(tag)?)
    }

    /// The elements within the next one, which has this tag.
    pub(crate) fn within(&mut self, tag: u8) -> Result<Reader<'a>, Malformed> {
        self.expect(tag).map(Reader::new)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// What is in a number that is not negative and not large.
pub(crate) fn read_number(content: &[u8]) -> Result<u32, Malformed> {
    if content.is_empty() || content.len() > 5 || content[0] >= 0x80 {
        return Err(Malformed);
    }
    let number = content.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    u32::try_from(number).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be_and_never_negative() {
        let cases: [(u32, &[u8]); 6] = [
            (0, &[2, 1, 0]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (256, &[2, 2, 1, 0]),
            (0x7fff_ffff, &[2, 4, 0x7f, 0xff, 0xff, 0xff]),
            (0xffff_ffff, &[2, 5, 0, 0xff, 0xff, 0xff, 0xff]),
        ];
        for (value, bytes) in cases {
            assert_eq!(*number(INTEGER, value), bytes);
            assert_eq!(Reader::new(bytes).number(INTEGER), Ok(value));
        }
        for bytes in [&[2, 0][..], &[2, 1, 0xff], &[2, 6, 0, 0, 0, 0, 0, 1], &[2, 5, 1, 0, 0, 0, 0], &[4, 1, 0]] {
            assert_eq!(Reader::new(bytes).number(INTEGER), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn lengths_of_every_size_are_written_and_read() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let written = element(OCTETS, &[&content[..length / 2], &content[length / 2..]]);
            assert_eq!(whole_length(&written), Ok(Some(written.len())));
            assert_eq!(Reader::new(&written).expect(OCTETS), Ok(&content[..]));
            assert!(written.capacity() >= written.len());
            for cut in 0..written.len().min(300) {
                assert!(Reader::new(&written[..cut]).element().is_err(), "{cut} of {length}");
            }
        }
    }

    #[test]
    fn what_ldap_forbids_is_not_read() {
        for bytes in [&[0x30, 0x80, 0, 0][..], &[0x1f, 1, 0], &[0x30, 0x85, 0, 0, 0, 0, 1, 0]] {
            assert_eq!(whole_length(bytes), Err(Malformed), "{bytes:?}");
        }
        assert_eq!(whole_length(&[0x30]), Ok(None));
        assert_eq!(whole_length(&[0x30, 0x84, 1]), Ok(None));
        assert_eq!(whole_length(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), Ok(Some(0xffff_ffff + 6)));
    }
}
