//! The `soapgate` binary.

fn main() {}
