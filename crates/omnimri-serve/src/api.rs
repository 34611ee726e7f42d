//! Paths, handlers and their description in one table, so that the OpenAPI document cannot say anything else than what is served.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::reply::ErrorBody;
use crate::state::AppState;

/// A router that knows what it serves.
pub(crate) struct Api {
    router: Router<AppState>,
    paths: Map<String, Value>,
    schemas: SchemaGenerator,
}

/// What one method of one path takes and answers.
pub(crate) struct Operation {
    summary: &'static str,
    tag: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Map<String, Value>,
    open: bool,
}

/// Makes the schema of a type.
type Make = fn(&mut SchemaGenerator) -> Schema;

fn schema_of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

/// A method and its description, to be completed.
pub(crate) struct Entry {
    method: &'static str,
    filter: MethodFilter,
    operation: Operation,
    /// Schemas to fill in: where they go, and how they are made.
    pending: Vec<(Slot, Make)>,
}

enum Slot {
    Body,
    Answer(u16),
    Query(&'static str, &'static str),
}

/// Begins the description of a method.
pub(crate) fn describe(method: &'static str, tag: &'static str, summary: &'static str) -> Entry {
    let filter = match method {
        "post" => MethodFilter::POST,
        "patch" => MethodFilter::PATCH,
        "delete" => MethodFilter::DELETE,
        "head" => MethodFilter::HEAD,
        _ => MethodFilter::GET,
    };
    Entry {
        method,
        filter,
        operation: Operation {
            summary,
            tag,
            parameters: Vec::new(),
            body: None,
            answers: Map::new(),
            open: false,
        },
        pending: Vec::new(),
    }
}

impl Entry {
    /// No token is needed.
    pub fn open(mut self) -> Self {
        self.operation.open = true;
        self
    }

    /// An identifier in the path.
    pub fn id(self, what: &str) -> Self {
        self.parameter(
            "id",
            "path",
            what,
            json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
        )
    }

    /// Any parameter: `place` is `path`, `query` or `header`.
    pub fn parameter(mut self, name: &str, place: &str, what: &str, schema: Value) -> Self {
        self.operation.parameters.push(json!({
            "name": name, "in": place, "required": place != "query", "description": what, "schema": schema,
        }));
        self
    }

    /// An optional parameter of the query.
    pub fn query<T: JsonSchema>(mut self, name: &'static str, what: &'static str) -> Self {
        self.pending.push((Slot::Query(name, what), schema_of::<T>));
        self
    }

    /// A body of JSON.
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.pending.push((Slot::Body, schema_of::<T>));
        self
    }

    /// A body of another kind, or one more kind beside JSON.
    pub fn takes_kind(mut self, kind: &str, schema: Value) -> Self {
        let body = self
            .operation
            .body
            .get_or_insert_with(|| json!({ "required": true, "content": {} }));
        body["content"][kind] = json!({ "schema": schema });
        self
    }

    /// An answer of JSON.
    pub fn answers<T: JsonSchema>(mut self, status: u16, what: &str) -> Self {
        self.operation
            .answers
            .insert(status.to_string(), json!({ "description": what }));
        self.pending.push((Slot::Answer(status), schema_of::<T>));
        self
    }

    /// An answer of another kind, or one more kind of the same status; an empty kind for none.
    pub fn answers_kind(mut self, status: u16, kind: &str, what: &str) -> Self {
        let answer = self
            .operation
            .answers
            .entry(status.to_string())
            .or_insert_with(|| json!({ "description": what }));
        if !kind.is_empty() {
            let schema = match kind {
                // Of a stream, tools take the schema for that of each event.
                "application/json" | "text/event-stream" => json!({}),
                k if k.starts_with("text/") => json!({ "type": "string" }),
                _ => json!({ "type": "string", "format": "binary" }),
            };
            answer["content"][kind] = json!({ "schema": schema });
        }
        self
    }
}

impl Api {
    pub fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|s| {
            s.definitions_path = "/components/schemas".into();
            s.meta_schema = None;
        });
        Self {
            router: Router::new(),
            paths: Map::new(),
            schemas: settings.into_generator(),
        }
    }

    /// Serves a method of a path as described.
    pub fn route<H, T>(mut self, path: &str, mut entry: Entry, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let method: MethodRouter<AppState> = on(entry.filter, handler);
        self.router = self.router.route(path, method);
        for (slot, make) in std::mem::take(&mut entry.pending) {
            let schema = Value::from(make(&mut self.schemas));
            let operation = &mut entry.operation;
            match slot {
                Slot::Body => {
                    let body = operation
                        .body
                        .get_or_insert_with(|| json!({ "required": true, "content": {} }));
                    body["content"]["application/json"] = json!({ "schema": schema });
                }
                Slot::Answer(status) => {
                    operation.answers[&status.to_string()]["content"]["application/json"] =
                        json!({ "schema": schema });
                }
                Slot::Query(name, what) => operation.parameters.push(json!({
                    "name": name, "in": "query", "required": false, "description": what, "schema": schema,
                })),
            }
        }
        let error = Value::from(schema_of::<ErrorBody>(&mut self.schemas));
        // A wildcard of the router is a plain parameter of the document.
        let shown = path.replace("{*", "{");
        let entry = (entry.method, entry.operation.document(error, &shown));
        let item = self.paths.entry(shown).or_insert_with(|| json!({}));
        item[entry.0] = entry.1;
        self
    }

    /// The router, and the OpenAPI 3.1 document of what it serves.
    pub fn finish(mut self, title: &str) -> (Router<AppState>, Value) {
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": title,
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Magnetic resonance images to checked reports. Research software, not a medical device.",
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "paths": self.paths,
            "components": {
                "schemas": self.schemas.take_definitions(true),
                "securitySchemes": {
                    "token": { "type": "http", "scheme": "bearer", "description": "Where the server was started with --tokens." },
                },
            },
            "security": [{ "token": [] }, {}],
        });
        (self.router, document)
    }
}

impl Operation {
    fn document(self, error: Value, path: &str) -> Value {
        let mut answers = self.answers;
        answers.insert(
            "default".into(),
            json!({
                "description": "Why the request is not answered.",
                "content": { "application/json": { "schema": error } },
            }),
        );
        let mut out = json!({
            "summary": self.summary,
            "tags": [self.tag],
            "parameters": self.parameters,
            "responses": answers,
        });
        if let Some(body) = self.body {
            out["requestBody"] = body;
        }
        if self.open {
            out["security"] = json!([]);
        }
        debug_assert_eq!(
            path.matches('{').count(),
            out["parameters"]
                .as_array()
                .map_or(0, |p| p.iter().filter(|p| p["in"] == "path").count()),
            "parameters of {path}"
        );
        out
    }
}
