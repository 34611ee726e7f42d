//! The checked report as Markdown, HTML and JSON.
