//! Reads one JSON value from bytes, without recursion: the depth of a hostile text costs memory, never the stack.

use super::{DEPTH, Json};

/// Bytes and how far they are read. An error is the place where the text breaks off.
pub struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// An object or a list that is not closed yet.
enum Open {
    List(Vec<Json>),
    /// With the key whose value comes next.
    Object(Vec<(String, Json)>, String),
}

/// What was read.
enum Step {
    Whole(Json),
    Opened(Open),
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8]) -> Scanner<'a> {
        Scanner { bytes, at: 0 }
    }

    /// The value at the start.
    pub fn value(&mut self) -> Result<Json, usize> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut whole = match self.begin()? {
                Step::Whole(value) => value,
                Step::Opened(_) if open.len() >= DEPTH => return Err(self.at),
                Step::Opened(opened) => {
                    open.push(opened);
                    continue;
                }
            };
            // A whole value closes what it was the last of.
            loop {
                let Some(parent) = open.pop() else { return Ok(whole) };
                match self.add(parent, whole)? {
                    Step::Whole(value) => whole = value,
                    Step::Opened(parent) => {
                        open.push(parent);
                        break;
                    }
                }
            }
        }
    }

    /// A scalar, an empty object or list, or the beginning of one with content.
    fn begin(&mut self) -> Result<Step, usize> {
        match self.skip_space() {
            Some(b'{') => {
                self.at += 1;
                if self.skip_space() == Some(b'}') {
                    self.at += 1;
                    return Ok(Step::Whole(Json::Object(Vec::new())));
                }
                Ok(Step::Opened(Open::Object(Vec::new(), self.key()?)))
            }
            Some(b'[') => {
                self.at += 1;
                if self.skip_space() == Some(b']') {
                    self.at += 1;
                    return Ok(Step::Whole(Json::List(Vec::new())));
                }
                Ok(Step::Opened(Open::List(Vec::new())))
            }
            Some(b'"') => self.text().map(|text| Step::Whole(Json::Text(text))),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number().map(|digits| Step::Whole(Json::Number(digits))),
            _ => Err(self.at),
        }
    }

    /// Puts a value where it belongs, and reads what follows: a comma or the end.
    fn add(&mut self, parent: Open, value: Json) -> Result<Step, usize> {
        let next = self.skip_space();
        self.at += 1;
        match (parent, next) {
            (Open::List(mut items), Some(b',' | b']')) => {
                items.push(value);
                Ok(if next == Some(b',') { Step::Opened(Open::List(items)) } else { Step::Whole(Json::List(items)) })
            }
            (Open::Object(mut entries, key), Some(b',' | b'}')) => {
                entries.push((key, value));
                if next == Some(b'}') {
                    return Ok(Step::Whole(Json::Object(entries)));
                }
                self.skip_space();
                Ok(Step::Opened(Open::Object(entries, self.key()?)))
            }
            _ => Err(self.at - 1),
        }
    }

    fn key(&mut self) -> Result<String, usize> {
        if self.peek() != Some(b'"') {
            return Err(self.at);
        }
        let key = self.text()?;
        if self.skip_space() != Some(b':') {
            return Err(self.at);
        }
        self.at += 1;
        Ok(key)
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Step, usize> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.at);
        }
        self.at += word.len();
        Ok(Step::Whole(value))
    }

    fn number(&mut self) -> Result<String, usize> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.at),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let spelled = self.bytes.get(start..self.at).unwrap_or_default();
        Ok(spelled.iter().copied().map(char::from).collect())
    }

    fn digits(&mut self) -> Result<(), usize> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(start) } else { Ok(()) }
    }

    /// A text, from its opening quote to behind the closing one.
    fn text(&mut self) -> Result<String, usize> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.peek().ok_or(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Ok(String::from_utf8(out)
                        .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned()));
                }
                b'\\' => {
                    self.at += 1;
                    let char = self.escape()?;
                    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return Err(self.at),
                byte => {
                    self.at += 1;
                    out.push(byte);
                }
            }
        }
    }

    /// What stands behind a backslash. Half a surrogate pair is replaced.
    fn escape(&mut self) -> Result<char, usize> {
        let char = match self.peek().ok_or(self.at)? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.at),
        };
        self.at += 1;
        Ok(char)
    }

    fn unicode(&mut self) -> Result<char, usize> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let pair = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, usize> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or(self.at)?;
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.peek()
    }
}
