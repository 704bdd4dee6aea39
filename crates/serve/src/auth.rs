//! Who comes in: Basic or a bearer token, as with Keel. Guests do not.

use super::{App, answer, body, token};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;
use serinus_gocompat::lenient::{Fields, first};

/// The one user.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What lets people in.
pub struct Auth {
    credentials: Option<Credentials>,
    secret: Vec<u8>,
}

impl Auth {
    /// An empty secret becomes one by chance.
    pub fn new(credentials: Option<Credentials>, secret: &str) -> Auth {
        let secret = if secret.is_empty() { token::by_chance() } else { secret.as_bytes().to_vec() };
        Auth { credentials, secret }
    }

    /// Who sends this; nobody when the credentials are wrong or absent.
    pub fn who(&self, headers: &HeaderMap) -> Option<String> {
        let credentials = self.credentials.as_ref()?;
        let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        if let Some(basic) = strip(text, "basic ") {
            let decoded = String::from_utf8(STANDARD.decode(basic.trim()).ok()?).ok()?;
            let (user, password) = decoded.split_once(':')?;
            return credentials.are(user, password).then(|| user.to_string());
        }
        let token = strip(text, "bearer ").unwrap_or(text).trim();
        if self.secret.is_empty() {
            return None;
        }
        token::user(&self.secret, token, Timestamp::now())
    }

    /// A secret that all processes with the same password share, for forms.
    pub fn form_secret(&self) -> &[u8] {
        self.credentials.as_ref().map_or(&self.secret, |credentials| credentials.password.as_bytes())
    }

    /// Whether anybody is asked at all.
    pub fn is_on(&self) -> bool {
        self.credentials.is_some()
    }
}

impl Credentials {
    fn are(&self, user: &str, password: &str) -> bool {
        // Both are compared, whatever the first gives.
        token::same(&self.user, user) & token::same(&self.password, password)
    }
}

fn strip<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// `POST /v1/auth/login`.
pub async fn login(State(app): State<App>, request: Request) -> Response {
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let given = || {
        let json = first(&body).ok()?;
        let fields = Fields::of(&json).ok()?;
        Some((fields.text("username").ok()?, fields.text("password").ok()?))
    };
    let Some((user, password)) = given() else { return answer::text(StatusCode::BAD_REQUEST, String::new()) };
    let auth = &app.0.auth;
    match &auth.credentials {
        Some(credentials) if credentials.are(&user, &password) => issue(auth, &user),
        _ => answer::text(StatusCode::UNAUTHORIZED, "username or password incorrect\n".to_string()),
    }
}

/// `GET /v1/auth/refresh`.
pub async fn refresh(State(app): State<App>, headers: HeaderMap) -> Response {
    match app.0.auth.who(&headers) {
        Some(user) => issue(&app.0.auth, &user),
        None => answer::unauthorized(),
    }
}

fn issue(auth: &Auth, user: &str) -> Response {
    if auth.secret.is_empty() {
        return answer::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "this machine gives no chance to make a token".to_string(),
        );
    }
    let token = token::issue(&auth.secret, user, Timestamp::now());
    let mut response = answer::encoded(&json!({"token": token}));
    if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
        response.headers_mut().insert(header::AUTHORIZATION, value);
    }
    response
}

/// `GET /v1/auth/info` and `/v1/auth/user`.
pub async fn info(State(app): State<App>, headers: HeaderMap) -> Response {
    let Some(user) = app.0.auth.who(&headers) else { return answer::unauthorized() };
    answer::encoded(&json!({
        "id": "1", "name": user, "username": "", "avatar": "", "status": 1, "last_login_ip": "",
        "last_login_time": Timestamp::now().as_second(), "role_id": "admin",
    }))
}

/// `/v1/auth/logout`. Tokens are not taken back.
pub async fn logout(State(app): State<App>, headers: HeaderMap) -> Response {
    match app.0.auth.who(&headers) {
        Some(_) => answer::marshalled(&json!({})),
        None => answer::unauthorized(),
    }
}
