//! The condition language of analyses: expressions as `expr-lang/expr` 1.17 understands them, over plain values.
//!
//! Bounded on purpose: an expression has at most [`LONGEST`] bytes, nests at most 200 levels, takes at most a million steps
//! and holds at most a million values or bytes. What it answers is pinned by `tests/data/expr.jsonl`, which the library
//! itself answered.

mod ast;
mod builtins;
mod check;
mod condition;
mod eval;
mod lexer;
mod lists;
mod numbers;
mod operators;
mod parser;
mod texts;
mod times;
mod value;

pub use condition::{Verdict, judge};
pub use value::Value;

use jiff::Timestamp;
use std::collections::BTreeMap;

/// Longest source in bytes.
pub const LONGEST: usize = 64 * 1024;

/// What went wrong, and where in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// One sentence.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}:{})", self.message, self.line, self.column)
    }
}

/// What went wrong at which byte; becomes an [`Error`] when the source is at hand.
#[derive(Clone, Debug)]
struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Fault {
        Fault { at, message: message.into() }
    }

    fn placed(self, source: &str) -> Error {
        let before = source.get(..self.at.min(source.len())).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error { message: self.message, line, column }
    }
}

/// A function that the surroundings offer.
pub type Function = fn(&[Value], &Env) -> Result<Value, String>;

/// What an expression can see.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// Variables by name.
    pub values: BTreeMap<String, Value>,
    /// Functions by name.
    pub functions: BTreeMap<&'static str, Function>,
    /// What `now()` answers.
    pub now: Timestamp,
}

/// Parses an expression, checks it against what it can see, and evaluates it.
///
/// # Errors
/// What is wrong with the expression or went wrong in it, and where.
pub fn evaluate(source: &str, env: &Env) -> Result<Value, Error> {
    run(source, env).map_err(|fault| fault.placed(source))
}

fn run(source: &str, env: &Env) -> Result<Value, Fault> {
    if source.len() > LONGEST {
        return Err(Fault::new(0, format!("the expression is longer than {LONGEST} bytes")));
    }
    let tokens = lexer::tokens(source)?;
    let node = parser::parse(&tokens, env)?;
    check::check(&node, env)?;
    eval::Machine::new(env).eval(&node)
}
