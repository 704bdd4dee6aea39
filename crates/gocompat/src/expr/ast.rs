//! What an expression is made of.

use super::Value;

/// One part of an expression, and where it begins in the source.
#[derive(Clone, Debug)]
pub struct Node {
    /// Byte in the source.
    pub at: usize,
    /// What it is.
    pub kind: Kind,
    /// How deep it nests.
    pub depth: usize,
}

/// What a part is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A value as written.
    Literal(Value),
    /// A variable.
    Name(String),
    /// What a predicate looks at.
    Pointer(Pointer),
    /// One operand.
    Unary(Unary, Box<Node>),
    /// Two operands.
    Binary(Binary, Box<Node>, Box<Node>),
    /// The end of a chain in which `?.` gives up.
    Chain(Box<Node>),
    /// `base.key` and `base[key]`.
    Member {
        /// Of what.
        base: Box<Node>,
        /// Which.
        key: Box<Node>,
        /// With `?.`: nothing of nothing is nothing.
        optional: bool,
    },
    /// `base[from:to]`.
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    /// A function by name.
    Call(String, Vec<Node>),
    /// `base.name(arguments)`.
    Method(Box<Node>, String, Vec<Node>),
    /// A function over a list with a predicate: `filter(list, # > 1)`.
    Over {
        /// Its name.
        name: &'static str,
        /// The list.
        list: Box<Node>,
        /// The predicate.
        body: Option<Box<Node>>,
        /// What comes behind it.
        rest: Vec<Node>,
    },
    /// `a ? b : c`.
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    /// `let name = value; body`.
    Let(String, Box<Node>, Box<Node>),
    /// `first; second`.
    Sequence(Box<Node>, Box<Node>),
    /// `[a, b]`.
    List(Vec<Node>),
    /// `{a: b}`.
    Map(Vec<(Node, Node)>),
}

/// What a predicate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// `#`, the item.
    Item,
    /// `#acc`, what `reduce` has so far.
    Accumulated,
    /// `#index`, the item's place.
    Index,
}

/// An operator with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `!`, `not`.
    Not,
    /// `-`.
    Minus,
    /// `+`.
    Plus,
}

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `or`, `||`.
    Or,
    /// `and`, `&&`.
    And,
    /// `==`.
    Equal,
    /// `!=`.
    Unequal,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `in`.
    In,
    /// `matches`.
    Matches,
    /// `contains`.
    Contains,
    /// `startsWith`.
    StartsWith,
    /// `endsWith`.
    EndsWith,
    /// `..`.
    Range,
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Remainder,
    /// `**`, `^`.
    Power,
    /// `??`.
    Coalesce,
}

impl Binary {
    /// Whether it compares: `a < b < c` means `a < b and b < c`.
    pub fn compares(self) -> bool {
        matches!(self, Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual)
    }
    /// As it is written.
    pub fn sign(self) -> &'static str {
        OPERATORS.iter().find(|(_, operator, _)| *operator == self).map_or("", |(sign, _, _)| *sign)
    }
}

/// Operators, the first spelling of each the usual one, with their binding strength.
pub const OPERATORS: [(&str, Binary, u8); 24] = [
    ("||", Binary::Or, 10),
    ("or", Binary::Or, 10),
    ("&&", Binary::And, 15),
    ("and", Binary::And, 15),
    ("==", Binary::Equal, 20),
    ("!=", Binary::Unequal, 20),
    ("<", Binary::Less, 20),
    ("<=", Binary::LessOrEqual, 20),
    (">", Binary::Greater, 20),
    (">=", Binary::GreaterOrEqual, 20),
    ("in", Binary::In, 20),
    ("matches", Binary::Matches, 20),
    ("contains", Binary::Contains, 20),
    ("startsWith", Binary::StartsWith, 20),
    ("endsWith", Binary::EndsWith, 20),
    ("..", Binary::Range, 25),
    ("+", Binary::Add, 30),
    ("-", Binary::Subtract, 30),
    ("*", Binary::Multiply, 60),
    ("/", Binary::Divide, 60),
    ("%", Binary::Remainder, 60),
    ("**", Binary::Power, 100),
    ("^", Binary::Power, 100),
    ("??", Binary::Coalesce, 250),
];
