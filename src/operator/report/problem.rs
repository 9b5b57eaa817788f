//! What is wrong with the file of a list: all of it at once, with its place and what to do about it.

use std::fmt;

/// Problems that are told; more of them are counted.
const TOLD: usize = 20;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListProblem {
    /// The line, from 1 on; none where it is the file as a whole.
    pub line: Option<usize>,
    /// The caption of the column, where it is one cell.
    pub column: Option<String>,
    /// What is wrong, and what to do.
    pub text: String,
}

/// Everything that is wrong with the file of a list; nothing of it is imported.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ListProblems {
    file: String,
    told: Vec<ListProblem>,
    count: usize,
}

impl ListProblems {
    /// None yet, with the file of this name.
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), told: Vec::new(), count: 0 }
    }

    /// One, with the file as a whole.
    pub(crate) fn whole(file: &str, text: impl Into<String>) -> Self {
        let mut problems = Self::new(file);
        problems.add(None, None, text);
        problems
    }

    pub(crate) fn add(&mut self, line: Option<usize>, column: Option<&str>, text: impl Into<String>) {
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(ListProblem { line, column: column.map(str::to_owned), text: text.into() });
        }
    }

    /// Whether one more would be told and not only counted: then its place is worth being looked for.
    pub(crate) fn tells_more(&self) -> bool {
        self.told.len() < TOLD
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The problems that are told.
    #[must_use]
    pub fn told(&self) -> &[ListProblem] {
        &self.told
    }
}

/// One line per problem: `list.csv:12: Primary Identifier: is …`.
impl fmt::Display for ListProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ListProblem { line, column, text } in &self.told {
            f.write_str(&self.file)?;
            if let Some(line) = line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
            if let Some(column) = column {
                write!(f, "{column}: ")?;
            }
            writeln!(f, "{text}")?;
        }
        if self.count > self.told.len() {
            writeln!(f, "and {} more", self.count - self.told.len())?;
        }
        f.write_str("nothing was imported")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_problems_are_told_and_the_others_counted() {
        let mut problems = ListProblems::new("list.csv");
        assert!(problems.is_empty());
        for line in 2..24 {
            problems.add(Some(line), Some("Barcode"), "is odd");
        }
        let text = problems.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            (lines.len(), lines[0], lines[19]),
            (22, "list.csv:2: Barcode: is odd", "list.csv:21: Barcode: is odd")
        );
        assert_eq!(lines[20..], ["and 2 more", "nothing was imported"]);
        assert_eq!(ListProblems::whole("-", "is empty").to_string(), "-: is empty\nnothing was imported");
    }
}
