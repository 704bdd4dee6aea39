//! OAuth 2 client credentials (RFC 6749, 4.4): a token for whoever asks a provider.

use super::{Request, check_url, form_encoded};
use serde::Deserialize;
use serinus_wire::analysis::{Authentication, OAuth2};
use std::time::Duration;

/// Where the client says who it is. Servers differ; the header is the one that every server should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// As name and password of HTTP.
    Header,
    /// In the form.
    Form,
}

/// Both places, in the order in which they are tried.
pub const PLACES: [Place; 2] = [Place::Header, Place::Form];

/// The credentials that a provider wants, if it wants any.
///
/// # Errors
/// Half of them are missing.
pub fn wanted(given: Option<&Authentication>) -> Result<Option<&OAuth2>, String> {
    let Some(oauth) = given.and_then(|given| given.oauth2.as_ref()).filter(|oauth| !oauth.token_url.is_empty()) else {
        return Ok(None);
    };
    if oauth.client_id.is_empty() || oauth.client_secret.is_empty() {
        return Err("authentication.oauth2 needs both clientId and clientSecret".to_string());
    }
    check_url("authentication.oauth2.tokenUrl", &oauth.token_url)?;
    Ok(Some(oauth))
}

/// The request for a token.
pub fn request(oauth: &OAuth2, place: Place, timeout: Duration, insecure: bool) -> Request {
    let mut form = "grant_type=client_credentials".to_string();
    if !oauth.scopes.is_empty() {
        form.push_str(&format!("&scope={}", form_encoded(&oauth.scopes.join(" "))));
    }
    let (id, secret) = (form_encoded(&oauth.client_id), form_encoded(&oauth.client_secret));
    let mut headers = vec![("Content-Type".to_string(), "application/x-www-form-urlencoded".to_string())];
    match place {
        Place::Header => {
            let pair = serinus_gocompat::base64::encode(format!("{id}:{secret}").as_bytes());
            headers.push(("Authorization".to_string(), format!("Basic {pair}")));
        }
        Place::Form => form.push_str(&format!("&client_id={id}&client_secret={secret}")),
    }
    Request {
        method: "POST",
        url: oauth.token_url.clone(),
        headers,
        body: form.into_bytes(),
        timeout,
        insecure,
        follows: true,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    access_token: String,
    token_type: String,
}

/// The value of the header `Authorization` that the answer allows.
///
/// # Errors
/// There is no token in it. What the server says is not repeated: it may hold what was sent.
pub fn parse(status: u16, body: &[u8]) -> Result<String, String> {
    if !(200..300).contains(&status) {
        return Err(format!("authentication.oauth2: cannot fetch token: {status}"));
    }
    let answer: Answer = serde_json::from_slice(body).unwrap_or_default();
    if answer.access_token.is_empty() {
        return Err("authentication.oauth2: the server's answer has no access_token".to_string());
    }
    let kind = match answer.token_type.to_ascii_lowercase().as_str() {
        "" | "bearer" => "Bearer".to_string(),
        "mac" => "MAC".to_string(),
        "basic" => "Basic".to_string(),
        _ => answer.token_type,
    };
    Ok(format!("{kind} {}", answer.access_token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oauth() -> OAuth2 {
        OAuth2 {
            token_url: "http://t/token".into(),
            client_id: "a b".into(),
            client_secret: "s:t".into(),
            scopes: vec!["read".into(), "write".into()],
        }
    }

    #[test]
    fn the_client_says_who_it_is() {
        let timeout = Duration::from_secs(3);
        let asked = request(&oauth(), Place::Header, timeout, true);
        assert_eq!((asked.method, asked.url.as_str(), asked.insecure), ("POST", "http://t/token", true));
        assert_eq!(asked.body, b"grant_type=client_credentials&scope=read+write");
        assert!(asked.headers.contains(&("Authorization".to_string(), "Basic YStiOnMlM0F0".to_string())));
        let asked = request(&oauth(), Place::Form, timeout, false);
        assert_eq!(asked.headers.len(), 1);
        let form = b"grant_type=client_credentials&scope=read+write&client_id=a+b&client_secret=s%3At";
        assert_eq!(asked.body, form);
    }

    #[test]
    fn half_of_the_credentials_are_none() {
        let given = |oauth2| Some(Authentication { oauth2: Some(oauth2), ..Authentication::default() });
        assert_eq!(wanted(None), Ok(None));
        assert_eq!(wanted(given(OAuth2::default()).as_ref()), Ok(None));
        assert_eq!(wanted(given(oauth()).as_ref()), Ok(Some(&oauth())));
        let half = given(OAuth2 { client_secret: String::new(), ..oauth() });
        let text = "authentication.oauth2 needs both clientId and clientSecret";
        assert_eq!(wanted(half.as_ref()), Err(text.to_string()));
        assert!(wanted(given(OAuth2 { token_url: "t".into(), ..oauth() }).as_ref()).is_err());
    }

    #[test]
    fn what_an_answer_allows() {
        let none = "authentication.oauth2: the server's answer has no access_token";
        let table = [
            (200, r#"{"access_token": "x"}"#, Ok("Bearer x")),
            (200, r#"{"access_token": "x", "token_type": "bearer", "expires_in": 3600}"#, Ok("Bearer x")),
            (201, r#"{"access_token": "x", "token_type": "DPoP"}"#, Ok("DPoP x")),
            (200, "{}", Err(none)),
            (200, "<html>", Err(none)),
            (401, r#"{"error": "secret s:t is wrong"}"#, Err("authentication.oauth2: cannot fetch token: 401")),
        ];
        for (status, body, wanted) in table {
            assert_eq!(parse(status, body.as_bytes()), wanted.map(String::from).map_err(String::from), "{body}");
        }
    }
}
