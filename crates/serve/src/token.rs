//! Bearer tokens as Keel makes them (JWT, HS512), and signatures of webhook bodies.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How long a token holds.
pub const HOURS: i64 = 12;

/// A token for `user`.
pub fn issue(secret: &[u8], user: &str, now: Timestamp) -> String {
    let issued = now.as_second();
    let claims = json!({"username": user, "exp": issued + HOURS * 3600, "iat": issued});
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(json!({"alg": "HS512", "typ": "JWT"})), part(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// The user of a token that is signed with the secret and not over. One that never ends is taken, as Keel does.
pub fn user(secret: &[u8], token: &str, now: Timestamp) -> Option<String> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let algorithm = match read(head)?.get("alg")?.as_str()? {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return None,
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&hmac::Key::new(algorithm, secret), signed.as_bytes(), &signature).ok()?;
    let claims = read(claims)?;
    let over = |claim: &Value| claim.as_f64().is_none_or(|at| at <= now.as_second() as f64);
    if claims.get("exp").is_some_and(over) {
        return None;
    }
    let early = |claim: &Value| claim.as_f64().is_none_or(|at| at > now.as_second() as f64 + 60.0);
    if claims.get("nbf").is_some_and(early) {
        return None;
    }
    Some(claims.get("username").and_then(Value::as_str).unwrap_or_default().to_string())
}

/// Whether `header`, for example `sha256=…`, is the HMAC-SHA256 of `body`.
pub fn is_signed(secret: &str, header: &str, body: &[u8]) -> bool {
    let hex = header.strip_prefix("sha256=").unwrap_or(header).as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = hex.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    let Some(signature) = pairs.collect::<Option<Vec<u8>>>() else { return false };
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body, &signature).is_ok()
}

/// A text that only we can make for `user`: it goes into forms, so that no other page can send them.
pub fn form(secret: &[u8], user: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), format!("form of {user}").as_bytes());
    URL_SAFE_NO_PAD.encode(tag.as_ref())
}

/// Compares in a time that tells nothing.
pub fn same(left: &str, right: &str) -> bool {
    constant_time::verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}

/// A secret by chance.
pub fn by_chance() -> Vec<u8> {
    let mut secret = vec![0; 32];
    // Without chance there are no tokens: nobody guesses an empty secret's, as none verifies with it below.
    match aws_lc_rs::rand::fill(&mut secret) {
        Ok(()) => secret,
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_hold_for_their_time_and_secret() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let later = |hours: i64| now + jiff::SignedDuration::from_hours(hours);
        let token = issue(b"key", "admin", now);
        assert_eq!(user(b"key", &token, later(11)).as_deref(), Some("admin"));
        assert_eq!(user(b"key", &token, later(12)), None);
        assert_eq!(user(b"other", &token, now), None);
        assert_eq!(user(b"key", &format!("{token}x"), now), None);
        for bad in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6ImEifQ."] {
            assert_eq!(user(b"key", bad, now), None, "{bad}");
        }
        // As others make them: without an end, and signed with HS256. RFC 7515 A.1's own key and text stay out of it.
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#),
            URL_SAFE_NO_PAD.encode(r#"{"username":"ci"}"#)
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"key"), signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
        assert_eq!(user(b"key", &token, later(1_000_000)).as_deref(), Some("ci"));
    }

    #[test]
    fn signatures_of_bodies() {
        // RFC 4231, test case 2.
        let good = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = b"what do ya want for nothing?";
        assert!(is_signed("Jefe", good, body));
        assert!(is_signed("Jefe", &good.replace("sha256=", ""), body));
        for bad in ["", "sha256=", "sha256=5b", "sha256=zz", "sha1=5bdc", &good.replace('5', "6")] {
            assert!(!is_signed("Jefe", bad, body), "{bad}");
        }
        assert!(!is_signed("jefe", good, body));
    }
}
