//! Paths of corrections.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::store::Versions;
use super::training;
use super::version::{NewVersion, Version};
use crate::access::Who;
use crate::api::{Api, describe};
use crate::extract::{self, Asked};
use crate::jobs::routes::SeriesQuery;
use crate::jobs::send_file;
use crate::reply::Refusal;
use crate::state::{AppState, blocking};

/// Largest body of a correction in bytes: labels are packed well, a whole head takes less than one MiB.
const MAX_BODY: usize = 64 << 20;

/// Versions of a series.
#[derive(Debug, Serialize, JsonSchema)]
struct VersionList {
    /// Oldest first; the first is the prediction.
    versions: Vec<Version>,
}

/// Adds the paths of this module.
pub(crate) fn add(api: Api) -> Api {
    let series = "Name of the series; the first when left out.";
    let number = json!({ "type": "integer", "minimum": 0, "maximum": 9999 });
    api.route(
        "/v1/jobs/{id}/versions",
        describe("get", "corrections", "List the versions of a result: the prediction, then every correction.")
            .id("The job.")
            .query::<String>("series", series)
            .answers::<VersionList>(200, "The versions, oldest first."),
        list,
    )
    .route(
        "/v1/jobs/{id}/versions",
        describe("post", "corrections", "Correct a result: a new version that supersedes the last and changes none.")
            .id("The job.")
            .takes::<NewVersion>()
            .answers::<Version>(201, "The new version."),
        correct,
    )
    .route(
        "/v1/jobs/{id}/versions/{number}/files/{*path}",
        describe("get", "corrections", "A file of a version: version.json, segmentation.nii.gz; of version 0, of the prediction.")
            .id("The job.")
            .parameter("number", "path", "The version.", number)
            .parameter("path", "path", "Name of the file.", json!({ "type": "string", "minLength": 1 }))
            .query::<String>("series", series)
            .answers_kind(200, "*/*", "The file.")
            .answers_kind(206, "*/*", "The part asked for.")
            .answers_kind(304, "", "What the client has is still right."),
        file,
    )
    .route(
        "/v1/jobs/{id}/training",
        describe("get", "corrections", "A corrected result as training data, which must never be validated with.")
            .id("The job.")
            .query::<String>("series", series)
            .answers_kind(200, "application/zip", "Image, corrected labels, prediction, versions."),
        training_data,
    )
}

/// The versions of a series of a job that is done, and the job's name.
fn versions(
    state: &AppState,
    id: &str,
    series: Option<&str>,
) -> Result<(Versions, String), Refusal> {
    let name = state.jobs.get(id)?.name;
    let series = state.jobs.series_folder(id, series)?;
    let own = series.file_name().ok_or(Refusal::NotFound)?;
    let versions = Versions {
        folder: state.jobs.folder(id).join("corrections").join(own),
        max_voxels: state.limits.max_voxels,
        series: series.clone(),
    };
    Ok((versions, name))
}

/// `GET /v1/jobs/{id}/versions`
async fn list(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Asked(asked): Asked<SeriesQuery>,
) -> Result<Json<VersionList>, Refusal> {
    let found = blocking(move || versions(&state, &id, asked.series.as_deref())?.0.list());
    Ok(Json(VersionList {
        versions: found.await?,
    }))
}

/// `POST /v1/jobs/{id}/versions`
async fn correct(
    State(state): State<AppState>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Version>), Refusal> {
    let new: NewVersion = extract::json(request, MAX_BODY).await?;
    let signed_in = state.tokens.is_some().then(|| who.name.clone());
    let version = blocking(move || {
        let (versions, _) = versions(&state, &id, new.series.as_deref())?;
        versions.add(&new, signed_in)
    });
    Ok((StatusCode::CREATED, Json(version.await?)))
}

/// `GET /v1/jobs/{id}/versions/{number}/files/{path}`
async fn file(
    State(state): State<AppState>,
    Path((id, number, path)): Path<(String, String, String)>,
    Asked(asked): Asked<SeriesQuery>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let path = blocking(move || {
        let (versions, _) = versions(&state, &id, asked.series.as_deref())?;
        versions.file(number.parse().map_err(|_| Refusal::NotFound)?, &path)
    });
    send_file(&path.await?, &headers).await
}

/// `GET /v1/jobs/{id}/training`
async fn training_data(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Asked(asked): Asked<SeriesQuery>,
) -> Result<Response, Refusal> {
    let (folder, path) = blocking(move || {
        let (versions, name) = versions(&state, &id, asked.series.as_deref())?;
        training::zipped(&versions, &name)
    })
    .await?;
    let mut response = send_file(&path, &HeaderMap::new()).await?;
    // Opened already: the name may go.
    drop(folder);
    let out = response.headers_mut();
    out.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/zip"),
    );
    let named = HeaderValue::from_static("attachment; filename=\"training.zip\"");
    out.insert(header::CONTENT_DISPOSITION, named);
    Ok(response)
}
