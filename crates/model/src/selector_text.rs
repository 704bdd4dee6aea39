//! The text form of label selectors, read and refused as Kubernetes does.

use crate::builtin::{label_key, label_value};
use crate::selector::Term;

/// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
pub fn terms(text: &str) -> Result<Vec<Term>, String> {
    let mut reader = Reader { tokens: tokens(text), at: 0 };
    let mut terms = Vec::new();
    loop {
        match reader.peek() {
            Token::End => return Ok(terms),
            Token::Word(_) | Token::Mark("!") => {
                terms.push(reader.term().map_err(|why| format!("unable to parse requirement: {why}"))?);
            }
            other => return Err(format!("found '{}', expected: !, identifier, or 'end of string'", other.text())),
        }
        match reader.next() {
            Token::End => return Ok(terms),
            Token::Mark(",") => match reader.peek() {
                Token::Word(_) | Token::Mark("!") => {}
                other => return Err(format!("found '{}', expected: identifier after ','", other.text())),
            },
            other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.text())),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Mark(&'static str),
    End,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Token::Word(word) => word,
            Token::Mark(mark) => mark,
            Token::End => "",
        }
    }
}

const MARKS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            tokens.push(Token::Mark(mark));
            rest = &rest[mark.len()..];
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "=!(),><".contains(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_string()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    tokens
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Token {
        self.tokens.get(self.at).cloned().unwrap_or(Token::End)
    }
    fn next(&mut self) -> Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn term(&mut self) -> Result<Term, String> {
        let absent = self.peek() == Token::Mark("!");
        if absent {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(format!("found '{}', expected: identifier", other.text())),
        };
        if let Some(why) = label_key(&key).first() {
            return Err(format!("key: Invalid value: {key:?}: {why}"));
        }
        if absent {
            return Ok(Term::Absent(key));
        }
        if matches!(self.peek(), Token::End | Token::Mark(",")) {
            return Ok(Term::Exists(key));
        }
        let operator = self.next();
        let (is_in, values) = match operator.text() {
            "=" | "==" => (true, vec![self.value()?]),
            "!=" => (false, vec![self.value()?]),
            "in" => (true, self.values()?),
            "notin" => (false, self.values()?),
            other => return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        for (at, value) in values.iter().enumerate() {
            if let Some(why) = label_value(value).first() {
                return Err(format!("values[{at}][{key}]: Invalid value: {value:?}: {why}"));
            }
        }
        Ok(if is_in { Term::In(key, values) } else { Term::NotIn(key, values) })
    }

    fn value(&mut self) -> Result<String, String> {
        match self.peek() {
            Token::End | Token::Mark(",") => Ok(String::new()),
            Token::Word(word) => {
                self.next();
                Ok(word)
            }
            other @ Token::Mark(_) => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            Token::Mark("(") => {}
            other => return Err(format!("found '{}' expected: '('", other.text())),
        }
        let mut values = Vec::new();
        loop {
            match self.next() {
                Token::Word(word) => values.push(word),
                Token::Mark(")") if values.is_empty() => return Ok(values),
                Token::Mark(",") => {
                    values.push(String::new());
                    continue;
                }
                other => return Err(format!("found '{}', expected: ',', ')' or identifier", other.text())),
            }
            match self.next() {
                Token::Mark(",") if self.peek() == Token::Mark(")") => values.push(String::new()),
                Token::Mark(",") => {}
                Token::Mark(")") => return Ok(values),
                other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sentences are a real API server's.
    #[test]
    fn what_is_wrong_is_told_as_kubernetes_tells_it() {
        for (text, expected) in [
            ("l in a", "unable to parse requirement: found 'a' expected: '('"),
            ("=x", "found '=', expected: !, identifier, or 'end of string'"),
            ("l in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("l!a", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"),
            ("!!a", "unable to parse requirement: found '!', expected: identifier"),
            ("l within (a)", "unable to parse requirement: found 'within', expected: in, notin, =, ==, !=, gt, lt"),
            ("a=b,", "found '', expected: identifier after ','"),
        ] {
            assert_eq!(terms(text), Err(expected.to_string()), "{text}");
        }
        assert!(terms("l=%").is_err_and(|why| {
            why.starts_with("unable to parse requirement: values[0][l]: Invalid value: \"%\": a valid label")
        }));
    }
}
