//! More to be flagged than there is room for, while nothing can be written: what is kept, and what is said of the rest.

use std::collections::HashSet;
use std::time::Instant;

use sqlx::{AnyConnection, Connection as _, Executor as _};

use crate::served::{Folder, PASSWORD, PATIENCE, Served, sign_in};

const ROOM: &str = "[flags]\nqueue = 2\n[slow_down]\nstep = \"0s\"\n";

#[tokio::test]
async fn flags_come_before_sign_ins_that_were_let_in_and_a_dropped_one_is_told() {
    let folder = Folder::with("", ROOM);
    folder.command(&["accounts", "add", "other"], PASSWORD);
    folder.add_legacy((0..3).map(|n| format!("legacy{n}"))).await;
    let mut server = Served::start(&folder);
    let mut blocker = AnyConnection::connect(folder.database()).await.expect("the database");
    blocker.execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE").await.expect("nobody else writes");
    refuse(&server, "legacy");
    // The worker has taken that one out of the queue, and tries.
    until_health_says(&server, "1 accounts wait to be written");
    for user in ["reader", "other"] {
        let reply = sign_in(&server.soap, user).expect("an answer");
        assert!(reply.contains("result&gt;true"), "{user}: {reply}");
    }
    for n in 0..3 {
        refuse(&server, &format!("legacy{n}"));
    }
    let mut log = vec![server.log_line_of("flag.dropped")];
    until_health_says(&server, "1 flags were dropped, as too many waited");
    let metrics = server.management("/metrics").1;
    for line in ["soapgate_flags_dropped_total{what=\"accepted\"} 2", "soapgate_flags_dropped_total{what=\"flag\"} 1"] {
        assert!(metrics.contains(line), "{line} is missing in:\n{metrics}");
    }
    blocker.execute("ROLLBACK").await.expect("ended");
    blocker.close().await.expect("closed");

    let flags: HashSet<String> = (0..3).map(|_| server.log_line_of("flag.recorded")["flag.id"].to_string()).collect();
    assert_eq!(flags.len(), 3, "the one before, and two of three");
    until_health_says(&server, "\"1 flags were dropped, as too many waited\"");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    log.extend(server.rest_of_log());
    assert_eq!(log.iter().filter(|line| line["message"] == "flag.dropped").count(), 1, "of flags only");
}

fn refuse(server: &Served, user: &str) {
    let reply = sign_in(&server.soap, user).expect("an answer");
    assert!(reply.contains("errorCode"), "{user}: {reply}");
}

fn until_health_says(server: &Served, text: &str) {
    let started = Instant::now();
    while !server.management("/healthz").1.contains(text) {
        assert!(started.elapsed() < PATIENCE, "{text}: not in {}", server.management("/healthz").1);
    }
}
