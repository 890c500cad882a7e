//! The description before tools of others: a validator of OpenAPI 3.1, and schemathesis, which
//! makes up requests by it and holds the running program's answers against it.
