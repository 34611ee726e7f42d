//! WADO-RS (PS3.18 10.4): what is stored, as it is stored.

use std::io::Write;
use std::path::PathBuf;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dicom_dictionary_std::uids;
use omnimri_image::{DicomHeader, read_dicom_frame};
use serde_json::Value;

use super::Shared;
use super::qido::{Place, objects};
use super::reply::{Refusal, data_sets, streamed};
use crate::node::instance::to_json;
use crate::node::store::Stored;

/// Separates parts; long enough not to occur in an image by chance, and the streams are not searched for it.
const BOUNDARY: &str = "omnimri-f0a31c7d94b5e268";
/// Most objects whose headers one answer holds.
const MOST_HEADERS: usize = 20_000;
/// Most frames of one request.
const MOST_FRAMES: usize = 4_096;

pub(super) async fn study(
    State(shared): State<Shared>,
    Path(place): Path<Place>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    retrieve(shared, place, &headers).await
}

pub(super) async fn series(
    State(shared): State<Shared>,
    Path(place): Path<Place>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    retrieve(shared, place, &headers).await
}

pub(super) async fn instance(
    State(shared): State<Shared>,
    Path(place): Path<Place>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    retrieve(shared, place, &headers).await
}

/// What the client takes, in lower case.
fn accepted(headers: &HeaderMap) -> String {
    let values = headers.get_all(header::ACCEPT).iter();
    let text: Vec<&str> = values.filter_map(|v| v.to_str().ok()).collect();
    text.join(",").to_ascii_lowercase()
}

/// Objects, or why there are none.
async fn found(shared: &Shared, place: Place) -> Result<Vec<Stored>, Refusal> {
    let shared = shared.clone();
    let found = tokio::task::spawn_blocking(move || objects(&shared, &place));
    let found = found
        .await
        .map_err(|_| Refusal::bad("the query could not be answered"))??;
    match found.is_empty() {
        true => Err(Refusal::not_found()),
        false => Ok(found),
    }
}

async fn retrieve(shared: Shared, place: Place, headers: &HeaderMap) -> Result<Response, Refusal> {
    let accept = accepted(headers);
    let multipart =
        accept.is_empty() || accept.contains("multipart/related") || accept.contains("*/*");
    let single = accept.contains("application/dicom") && !accept.contains("multipart/related");
    let single = single && place.instance.is_some();
    if !multipart && !single {
        return Err(Refusal::new(
            StatusCode::NOT_ACCEPTABLE,
            "expected Accept: multipart/related; type=\"application/dicom\"",
        ));
    }
    let permit = super::place(&shared).await?;
    let objects = found(&shared, place).await?;
    let root = shared.intake.folders.root.clone();
    if single {
        let paths: Vec<PathBuf> = objects.iter().map(|o| root.join(&o.path)).collect();
        return Ok(streamed("application/dicom", permit, move |out| {
            paths.iter().try_for_each(|path| copy(path, out))
        }));
    }
    let kind = format!("multipart/related; type=\"application/dicom\"; boundary={BOUNDARY}");
    Ok(streamed(&kind, permit, move |out| {
        for object in &objects {
            let syntax = &object.transfer_syntax;
            write!(
                out,
                "\r\n--{BOUNDARY}\r\nContent-Type: application/dicom; transfer-syntax={syntax}\r\n\r\n"
            )?;
            copy(&root.join(&object.path), out)?;
        }
        write!(out, "\r\n--{BOUNDARY}--\r\n")
    }))
}

fn copy(path: &std::path::Path, out: &mut dyn Write) -> std::io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    std::io::copy(&mut file, out).map(|_| ())
}

pub(super) async fn metadata(
    State(shared): State<Shared>,
    Path(place): Path<Place>,
) -> Result<Response, Refusal> {
    let permit = super::place(&shared).await?;
    let objects = found(&shared, place).await?;
    if objects.len() > MOST_HEADERS {
        return Err(Refusal::bad("expected fewer objects: ask for one series"));
    }
    let sets = tokio::task::spawn_blocking(move || {
        let _place = permit;
        let root = &shared.intake.folders.root;
        let set = |object: &Stored| {
            let header = DicomHeader::read(&root.join(&object.path), &shared.intake.open);
            let header = header.map_err(crate::node::NodeError::from)?;
            let mut set = to_json(&header.object);
            let syntax = serde_json::json!({"vr": "UI", "Value": [object.transfer_syntax]});
            set.insert("00083002".to_owned(), syntax);
            Ok(Value::Object(set))
        };
        objects
            .iter()
            .map(set)
            .collect::<Result<Vec<_>, crate::node::NodeError>>()
    });
    let sets = sets
        .await
        .map_err(|_| Refusal::bad("a header could not be read"))??;
    Ok(data_sets(sets))
}

/// What a path to frames names.
#[derive(Debug, serde::Deserialize)]
pub(super) struct FramePlace {
    study: String,
    series: String,
    instance: String,
    /// Numbers from 1, with commas.
    frames: String,
}

pub(super) async fn frames(
    State(shared): State<Shared>,
    Path(asked): Path<FramePlace>,
) -> Result<Response, Refusal> {
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|n| *n > 0);
    let numbers: Option<Vec<usize>> = asked.frames.split(',').map(number).collect();
    let numbers = numbers.filter(|n| n.len() <= MOST_FRAMES);
    let numbers =
        numbers.ok_or_else(|| Refusal::bad("expected numbers of frames from 1, with commas"))?;
    let place = Place {
        study: Some(asked.study),
        series: Some(asked.series),
        instance: Some(asked.instance),
    };
    let permit = super::place(&shared).await?;
    let objects = found(&shared, place).await?;
    let path = objects
        .first()
        .map(|o| shared.intake.folders.root.join(&o.path));
    let path = path.ok_or_else(Refusal::not_found)?;
    let open = shared.intake.open.clone();
    // The first frame tells whether there are frames at all; the others follow as the client takes them.
    let (first_path, first_open, first) = (path.clone(), open.clone(), numbers[0]);
    let first =
        tokio::task::spawn_blocking(move || read_dicom_frame(&first_path, first - 1, &first_open));
    let (syntax, bytes) = first
        .await
        .map_err(|_| Refusal::bad("the frame could not be read"))?
        .map_err(|error| Refusal::new(StatusCode::NOT_FOUND, error_kind(&error)))?;
    let media = media_type(&syntax);
    let kind = format!("multipart/related; type=\"{media}\"; boundary={BOUNDARY}");
    let head = format!(
        "\r\n--{BOUNDARY}\r\nContent-Type: {media}; transfer-syntax={}\r\n\r\n",
        encoding(&syntax)
    );
    Ok(streamed(&kind, permit, move |out| {
        out.write_all(head.as_bytes())?;
        out.write_all(&bytes)?;
        for number in &numbers[1..] {
            let (_, bytes) =
                read_dicom_frame(&path, number - 1, &open).map_err(std::io::Error::other)?;
            out.write_all(head.as_bytes())?;
            out.write_all(&bytes)?;
        }
        write!(out, "\r\n--{BOUNDARY}--\r\n")
    })
    .into_response())
}

/// What is wrong with a frame, without the path.
fn error_kind(error: &omnimri_image::Error) -> &'static str {
    match error.is_unsupported() {
        true => "it has no such frame, or none that can be given out",
        false => "its pixel data cannot be read",
    }
}

/// Media type of encoded frames (PS3.18 8.7.3.3.2).
fn media_type(syntax: &str) -> &'static str {
    match syntax {
        uids::RLE_LOSSLESS => "image/dicom-rle",
        uids::JPEG_BASELINE8_BIT | uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => "image/jpeg",
        uids::JPEG2000_LOSSLESS | uids::JPEG2000 => "image/jp2",
        _ => "application/octet-stream",
    }
}

/// How the bytes of a frame are encoded: uncompressed samples are little-endian whatever the file is.
fn encoding(syntax: &str) -> &str {
    match media_type(syntax) {
        "application/octet-stream" => uids::EXPLICIT_VR_LITTLE_ENDIAN,
        _ => syntax,
    }
}
