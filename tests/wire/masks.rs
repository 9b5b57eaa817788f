//! What differs from one reply to the next: its date and its incident id.

const FIELD: &[u8] = b"x-soapgate-incident: ";
const IN_FAULT: &[u8] = b" (incident ";
const LENGTH: usize = 16;

/// The reply without its date and with its incident id masked. Where the id stands twice, both must be the same.
pub(crate) fn masked(reply: &[u8]) -> Vec<u8> {
    let mut reply = without_date(reply);
    let mut ids = Vec::new();
    for before in [FIELD, IN_FAULT] {
        let found = reply.windows(before.len()).position(|window| window == before);
        if let Some(at) = found.map(|at| at + before.len()) {
            let id = reply.get_mut(at..at + LENGTH).expect("an incident id");
            assert!(id.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{}", id.escape_ascii());
            ids.push(id.to_vec());
            id.fill(b'*');
        }
    }
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "a fault tells the id that its header tells");
    reply
}

fn without_date(reply: &[u8]) -> Vec<u8> {
    let Some(start) = reply.windows(8).position(|window| window == b"\r\ndate: ").map(|at| at + 2) else {
        return reply.to_vec();
    };
    let end = reply[start..].iter().position(|byte| *byte == b'\n').map_or(reply.len(), |at| start + at + 1);
    [&reply[..start], &reply[end..]].concat()
}
