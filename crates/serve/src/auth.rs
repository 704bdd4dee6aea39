//! Who comes in: Basic or a bearer token, as with Keel; and bearers of the cluster's own tokens, who get one of ours for theirs. Guests do not.

use super::{App, answer, body, token};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;
use serinus_cluster::update::Updates;
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

/// People who show a token of the cluster get in, if they may patch updates there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kubernetes {
    /// The namespace that this is about; absent: all of them.
    pub namespace: Option<String>,
    /// The page is reached by TLS alone: its cookies say so.
    pub secure: bool,
}

/// What lets people in.
pub struct Auth {
    credentials: Option<Credentials>,
    kubernetes: Option<Kubernetes>,
    secret: Vec<u8>,
}

/// The cookie of the page.
const COOKIE: &str = "serinus-session";

impl Auth {
    /// An empty secret becomes one by chance.
    pub fn new(credentials: Option<Credentials>, kubernetes: Option<Kubernetes>, secret: &str) -> Auth {
        let secret = if secret.is_empty() { token::by_chance() } else { secret.as_bytes().to_vec() };
        Auth { credentials, kubernetes, secret }
    }

    /// Who sends this; nobody when the credentials are wrong or absent.
    pub fn who(&self, headers: &HeaderMap) -> Option<String> {
        let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        if let Some(basic) = strip(text, "basic ") {
            let credentials = self.credentials.as_ref()?;
            let decoded = String::from_utf8(STANDARD.decode(basic.trim()).ok()?).ok()?;
            let (user, password) = decoded.split_once(':')?;
            return credentials.are(user, password).then(|| user.to_string());
        }
        self.bearer(strip(text, "bearer ").unwrap_or(text).trim())
    }

    /// The same for the page, which also knows its cookie. Other pages can't send that, and nothing but the page takes it.
    pub fn who_looks(&self, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        self.who(headers).or_else(|| self.bearer(cookies.find(|(name, _)| *name == COOKIE)?.1))
    }

    fn bearer(&self, token: &str) -> Option<String> {
        if self.secret.is_empty() || !self.is_on() {
            return None;
        }
        token::user(&self.secret, token, Timestamp::now())
    }

    /// Who shows this token of the cluster, and may vote; nobody: the cluster does not know it.
    ///
    /// # Errors
    /// He may not vote, or the cluster does not say.
    pub async fn voter(&self, updates: &Updates, token: &str) -> Result<Option<String>, serinus_cluster::Error> {
        match &self.kubernetes {
            Some(kubernetes) if !token.is_empty() => updates.voter(token, kubernetes.namespace.as_deref()).await,
            _ => Ok(None),
        }
    }

    /// The cookie that lets `user` look at the page, or, for nobody, takes it back.
    pub fn cookie(&self, user: Option<&str>) -> Option<HeaderValue> {
        let token = user.map(|user| token::issue(&self.secret, user, Timestamp::now())).unwrap_or_default();
        let age = if user.is_some() { token::HOURS * 3600 } else { 0 };
        let secure = if self.kubernetes.as_ref().is_some_and(|kubernetes| kubernetes.secure) { "; Secure" } else { "" };
        HeaderValue::from_str(&format!("{COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"))
            .ok()
    }

    /// Whether a browser may ask for a password.
    pub fn knows_passwords(&self) -> bool {
        self.credentials.is_some()
    }

    /// Whether tokens of the cluster are taken.
    pub fn knows_tokens(&self) -> bool {
        self.kubernetes.is_some() && !self.secret.is_empty()
    }

    /// A secret that all processes with the same password share, for forms.
    pub fn form_secret(&self) -> &[u8] {
        self.credentials.as_ref().map_or(&self.secret, |credentials| credentials.password.as_bytes())
    }

    /// Whether anybody is asked at all.
    pub fn is_on(&self) -> bool {
        self.credentials.is_some() || self.kubernetes.is_some()
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
        Some([fields.text("username").ok()?, fields.text("password").ok()?, fields.text("token").ok()?])
    };
    let Some([user, password, token]) = given() else { return answer::text(StatusCode::BAD_REQUEST, String::new()) };
    let auth = &app.0.auth;
    match auth.voter(&app.0.updates, &token).await {
        Ok(Some(voter)) => return issue(auth, &voter),
        Ok(None) if auth.knows_tokens() && !token.is_empty() && user.is_empty() => {
            return answer::text(StatusCode::UNAUTHORIZED, "the cluster does not know this token\n".to_string());
        }
        Ok(None) => {}
        Err(error) => return answer::failure(&error),
    }
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
