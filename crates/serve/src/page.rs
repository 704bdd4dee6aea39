//! The approvals page: what waits, what runs, what became of the rest. Plain HTML, no script.
//!
//! A vote is taken from a form that only this page can have made: it carries a text made from the voter and a secret.

use super::auth::Auth;
use super::{App, answer, approvals, body, token};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serinus_wire::ImageUpdate;
use serinus_wire::image_update::{Decision, Phase};
use std::fmt::Write as _;

/// Finished updates that are shown.
const SHOWN: usize = 50;

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
<title>Updates</title><style>body{font:16px/1.4 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}\
form{display:inline}button{font:inherit;padding:.2rem .8rem}</style><h1>Updates</h1>";

/// `GET /`.
pub async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    let Some(user) = app.0.auth.who_looks(&headers) else { return ask(&app.0.auth, "") };
    let mut all = app.0.updates.all();
    all.sort_by(|left, right| right.order().cmp(&left.order()));
    let form = token::form(app.0.auth.form_secret(), &user);
    let mut html = HEAD.to_string();
    if app.0.auth.who(&headers).is_none() {
        let name = escaped(&user);
        let _ = write!(html, "<form method=post action=/logout>{name} <button>log out</button></form>");
    }
    let open: Vec<&ImageUpdate> = all.iter().filter(|update| !update.status.phase.is_final()).collect();
    let closed: Vec<&ImageUpdate> = all.iter().filter(|update| update.status.phase.is_final()).take(SHOWN).collect();
    table(&mut html, "Open", &open, Some(&form));
    table(&mut html, "Done", &closed, None);
    page(StatusCode::OK, html)
}

fn table(html: &mut String, title: &str, updates: &[&ImageUpdate], form: Option<&str>) {
    let _ = write!(html, "<h2>{title}</h2>");
    if updates.is_empty() {
        html.push_str("<p>None.");
        return;
    }
    html.push_str("<table><tr><th>Workload<th>Image<th>From<th>To<th>State<th>Votes<th>");
    for update in updates {
        let (spec, status) = (&update.spec, &update.status);
        let votes: Vec<String> =
            spec.votes.iter().map(|vote| format!("{} ({:?})", vote.voter, vote.decision)).collect();
        let _ = write!(
            html,
            "<tr><td>{} {}/{}<td>{}<td>{}<td>{}{}<td>{}: {}<td>{} of {} {}<td>",
            escaped(&spec.workload.kind),
            escaped(&update.metadata.namespace),
            escaped(&spec.workload.name),
            escaped(&spec.repository),
            escaped(&spec.from_tag),
            escaped(&spec.tag),
            spec.digest.as_ref().map_or(String::new(), |digest| format!(" <small>{}</small>", escaped(digest))),
            status.phase,
            escaped(&status.message),
            update.approvers().len(),
            spec.required_approvals,
            escaped(&votes.join(", ")),
        );
        if let Some(form) = form.filter(|_| status.phase == Phase::Pending) {
            for decision in ["approve", "reject"] {
                let _ = write!(
                    html,
                    "<form method=post action=/vote><input type=hidden name=form value='{}'><input type=hidden name=namespace \
                     value='{}'><input type=hidden name=name value='{}'><button name=decision value={decision}>{decision}</button></form> ",
                    escaped(form),
                    escaped(&update.metadata.namespace),
                    escaped(&update.metadata.name),
                );
            }
        }
    }
    html.push_str("</table>");
}

/// `POST /vote`.
pub async fn vote(State(app): State<App>, request: Request) -> Response {
    let Some(user) = app.0.auth.who_looks(request.headers()) else { return ask(&app.0.auth, "") };
    if is_foreign(request.headers()) {
        return answer::text(StatusCode::FORBIDDEN, "this vote comes from another page".to_string());
    }
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let fields = form_fields(&body);
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    if !token::same(field("form"), &token::form(app.0.auth.form_secret(), &user)) {
        return answer::text(StatusCode::FORBIDDEN, "this form was not made for you: load the page again".to_string());
    }
    let decision = match field("decision") {
        "approve" => Decision::Approve,
        "reject" => Decision::Reject,
        _ => return answer::text(StatusCode::BAD_REQUEST, "decision must be approve or reject".to_string()),
    };
    match approvals::cast(&app, field("namespace"), field("name"), &user, decision, String::new()).await {
        Ok(_) => back(None),
        Err(error) => answer::failure(&error),
    }
}

/// `POST /login`: a token of the cluster for a cookie of the page.
pub async fn login(State(app): State<App>, request: Request) -> Response {
    if is_foreign(request.headers()) {
        return answer::text(StatusCode::FORBIDDEN, "this login comes from another page".to_string());
    }
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let fields = form_fields(&body);
    let token = fields.iter().find(|(key, _)| key == "token").map_or("", |(_, value)| value.trim());
    let auth = &app.0.auth;
    match auth.voter(&app.0.updates, token).await {
        Ok(Some(user)) => back(auth.cookie(Some(&user))),
        Ok(None) => ask(auth, "The cluster does not know this token."),
        Err(error) => answer::failure(&error),
    }
}

/// `POST /logout`.
pub async fn logout(State(app): State<App>, headers: HeaderMap) -> Response {
    if is_foreign(&headers) {
        return answer::text(StatusCode::FORBIDDEN, "this logout comes from another page".to_string());
    }
    back(app.0.auth.cookie(None))
}

/// Whether a browser says that another page sends this.
fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

/// Back to the page, perhaps with a cookie.
fn back(cookie: Option<HeaderValue>) -> Response {
    let mut response = page(StatusCode::SEE_OTHER, String::new());
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
    cookie.map(|cookie| response.headers_mut().insert(header::SET_COOKIE, cookie));
    response
}

/// Asks who it is: by the browser's own question for a password, and by a form for a token.
fn ask(auth: &Auth, why: &str) -> Response {
    let mut response = answer::unauthorized();
    if auth.knows_tokens() {
        let mut html = HEAD.to_string();
        let _ = write!(
            html,
            "<p>{why}<form method=post action=/login><p><label>A token of the cluster, of somebody who may patch imageupdates.serinus.dev: \
             <input type=password name=token autocomplete=off size=60></label> <button>log in</button></form>\
             <p>For example: <code>kubectl create token NAME</code>."
        );
        response = page(StatusCode::UNAUTHORIZED, html);
    }
    if auth.knows_passwords() {
        let realm = HeaderValue::from_static("Basic realm=\"updates\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    }
    response
}

fn page(status: StatusCode, html: String) -> Response {
    let mut response = Response::new(axum::body::Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
    }
    out
}

/// The fields of a form, `application/x-www-form-urlencoded`.
fn form_fields(body: &[u8]) -> Vec<(String, String)> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            (decoded(halves.next().unwrap_or_default()), decoded(halves.next().unwrap_or_default()))
        })
        .collect()
}

fn decoded(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match (byte, after) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            (byte, _) => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let fields = form_fields(b"a=1&b=x%20y+z&c=%&d=%zz&e&=f&&g=%c3%a9");
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            fields,
            [("a", "1"), ("b", "x y z"), ("c", "%"), ("d", "%zz"), ("e", ""), ("", "f"), ("g", "\u{e9}")]
        );
    }

    #[test]
    fn nothing_gets_out_of_a_text() {
        assert_eq!(escaped("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
    }
}
