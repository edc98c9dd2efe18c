//! Every answer that a route may give, for its description.

use std::collections::{BTreeMap, BTreeSet};

use cluster::request::Failure;
use entity::route::Access;
use entity::transaction::Limit;
use entity::{Method, ProblemClass};
use serde_json::{Map, Value, json};

use super::endpoint::Endpoint;
use super::pages::Page;
use super::problem::{
    BODY_INCOMPLETE, BODY_TIMEOUT, BODY_TOO_LARGE, BODY_UNEXPECTED, DUPLICATE_PARAMETER,
    HEADER_TOO_LARGE, IDEMPOTENCY_KEY_INVALID, INTERNAL, INVALID_INPUT, JSON_TOO_DEEP,
    MALFORMED_JSON, MALFORMED_QUERY, NOT_FOUND, NOT_READY, OUTCOME_UNKNOWN, OVERLOADED,
    PROBLEM_JSON, TIMEOUT, TOKEN_INVALID, UNAUTHENTICATED, UNKNOWN_FIELD, UNSUPPORTED_MEDIA_TYPE,
};

/// Problems that any request to an entity may meet.
const ALWAYS: [ProblemClass; 14] = [
    BODY_INCOMPLETE,
    BODY_TIMEOUT,
    BODY_TOO_LARGE,
    DUPLICATE_PARAMETER,
    HEADER_TOO_LARGE,
    INTERNAL,
    INVALID_INPUT,
    MALFORMED_QUERY,
    NOT_FOUND,
    OUTCOME_UNKNOWN,
    OVERLOADED,
    TIMEOUT,
    TOKEN_INVALID,
    UNKNOWN_FIELD,
];

/// Failures of shards that any request may meet.
const FAILURES: [Failure; 6] = [
    Failure::Moved,
    Failure::Overloaded,
    Failure::Unknown,
    Failure::Malformed,
    Failure::Panicked,
    Failure::Quarantined,
];

/// Failures of shards that only a change may meet.
const FAILURES_OF_CHANGES: [Failure; 5] = [
    Failure::StorageFull,
    Failure::Expired,
    Failure::KeyReused,
    Failure::TooManyKeys,
    Failure::TooLong { what: "body", bytes_max: entity::limits::BODY_BYTES_MAX },
];

/// Limits that a change may reach.
const LIMITS: [Limit; 10] = [
    Limit::HeadBytes,
    Limit::RowBytes,
    Limit::RowKeyBytes,
    Limit::RowsWritten,
    Limit::Messages,
    Limit::WakeUps,
    Limit::EffectsBytes,
    Limit::BodyBytes,
    Limit::ReplyBytes,
    Limit::Ephemeral,
];

/// All answers of a route: the success, and for each status its problems.
pub(crate) fn of_route(endpoint: &Endpoint) -> Value {
    let route = &endpoint.route;
    let mut responses = of_problems(problems(endpoint));
    let (status, success) = match &endpoint.reply {
        None => (204, json!({ "description": "Done." })),
        Some(schema) => {
            let content = json!({ "application/json": { "schema": schema } });
            (route.success, json!({ "description": "Done.", "content": content }))
        }
    };
    responses.insert(status.to_string(), success);
    Value::Object(responses)
}

/// All answers of a page.
pub(crate) fn of_page(page: Page) -> Value {
    let mut classes = vec![HEADER_TOO_LARGE, INTERNAL];
    match page {
        Page::Index | Page::Docs | Page::Alive | Page::Console | Page::OpenApi => {}
        Page::Ready => classes.extend([NOT_READY, TIMEOUT]),
        Page::Metrics | Page::Nodes | Page::Shards => {
            classes.extend([NOT_FOUND, OVERLOADED, TIMEOUT]);
        }
    }
    let mut responses = of_problems(classes);
    let schema = match page {
        Page::Index | Page::Console | Page::Docs | Page::Metrics => json!({ "type": "string" }),
        Page::Alive | Page::OpenApi | Page::Ready => json!({ "type": "object" }),
        Page::Nodes => {
            let mut schema = list("nodes", NODE_SCHEMA);
            schema["properties"]["node"] = json!({ "type": "integer" });
            schema
        }
        Page::Shards => list("shards", SHARD_SCHEMA),
    };
    let content = json!({ (page.content_type()): { "schema": schema } });
    responses.insert("200".into(), json!({ "description": "Done.", "content": content }));
    Value::Object(responses)
}

/// An object with a list of one kind.
fn list(name: &str, schema: &str) -> Value {
    json!({
        "type": "object",
        "required": [name],
        "properties": { (name): { "type": "array", "items": { "$ref": schema } } },
    })
}

fn problems(endpoint: &Endpoint) -> Vec<ProblemClass> {
    let route = &endpoint.route;
    let mut classes = [&ALWAYS[..], &route.problems].concat();
    classes.extend(FAILURES.iter().map(Failure::class));
    classes.push(Limit::ReplyBytes.class());
    if route.access == Access::Account {
        classes.push(UNAUTHENTICATED);
    }
    if route.method.has_body() {
        classes.extend([JSON_TOO_DEEP, MALFORMED_JSON, UNSUPPORTED_MEDIA_TYPE]);
    } else {
        classes.push(BODY_UNEXPECTED);
    }
    if route.method != Method::Get {
        classes.push(IDEMPOTENCY_KEY_INVALID);
        classes.extend(FAILURES_OF_CHANGES.iter().map(Failure::class));
        classes.extend(LIMITS.map(Limit::class));
    }
    classes
}

/// One answer for each status, whose description lists the codes.
fn of_problems(classes: Vec<ProblemClass>) -> Map<String, Value> {
    let mut codes: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for ProblemClass { status, code } in classes {
        codes.entry(status).or_default().insert(code);
    }
    let response = |codes: BTreeSet<&str>| {
        let codes: Vec<String> = codes.iter().map(|it| format!("`{it}`")).collect();
        let content = json!({ (PROBLEM_JSON): { "schema": { "$ref": PROBLEM_SCHEMA } } });
        json!({ "description": codes.join(", "), "content": content })
    };
    codes.into_iter().map(|(status, codes)| (status.to_string(), response(codes))).collect()
}

/// Where the schema of [`super::overview::NodeStatus`] is.
const NODE_SCHEMA: &str = "#/components/schemas/NodeStatus";

/// Where the schema of [`super::overview::ShardStatus`] is.
const SHARD_SCHEMA: &str = "#/components/schemas/ShardStatus";

const PROBLEM_SCHEMA: &str = "#/components/schemas/Problem";

/// The schema of a problem.
pub(crate) fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "Why a request was refused or failed, as RFC 9457 has it.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": { "type": "string", "format": "uri", "description": "urn:roost:problem:<code>" },
            "title": { "type": "string", "description": "The code in words." },
            "status": { "type": "integer", "description": "The HTTP status." },
            "detail": { "type": "string", "description": "This occurrence, and what to do." },
            "code": { "type": "string", "description": "Stable: made for programs." },
            "request_id": { "type": "string", "description": "As in the header X-Request-Id." },
        },
    })
}
