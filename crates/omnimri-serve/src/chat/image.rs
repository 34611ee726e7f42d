//! Addresses of images to files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;

use crate::answer::{Image, image_of_job};
use crate::jobs::{Intake, Received, input_of};
use crate::reply::Refusal;
use crate::state::{AppState, blocking};

/// Most images of one message: the slices of a series.
const MAX_IMAGES: usize = 512;
/// What begins the address of a job.
const JOB: &str = "omnimri:job/";

/// The image that is asked about, and the files it lies in as long as they are needed.
#[derive(Debug)]
pub(super) struct Shown {
    pub image: Image,
    /// Removed when dropped; none for the image of a job.
    _files: Option<Received>,
}

/// Finds the image of a message: a job's, or that of data URLs.
pub(super) async fn find(state: &AppState, urls: Vec<String>) -> Result<Shown, Refusal> {
    if urls.len() > MAX_IMAGES {
        return Err(Refusal::BadRequest(format!(
            "expected at most {MAX_IMAGES} images, found more"
        )));
    }
    if let [url] = urls.as_slice()
        && let Some(address) = url.strip_prefix(JOB)
    {
        let (id, series) = match address.split_once('/') {
            Some((id, series)) => (id.to_owned(), Some(series.to_owned())),
            None => (address.to_owned(), None),
        };
        let state = state.clone();
        let image = blocking(move || image_of_job(&state, &id, series.as_deref())).await?;
        return Ok(Shown {
            image,
            _files: None,
        });
    }
    let several = urls.len() > 1;
    let mut intake = Intake::new(&state.jobs)?;
    for url in urls {
        let (name, bytes) = decode(&url)?;
        intake.add(name, stream::iter([Ok(bytes)])).await?;
    }
    let files = intake.finish(None).await?;
    blocking(move || {
        let io = |e: std::io::Error| Refusal::of_io("look at the files", &e);
        let (path, name) = input_of(&files.staged.input()).map_err(io)?;
        let unreadable = |e: omnimri_image::Error| Refusal::Unreadable(e.to_string());
        if several
            && omnimri_image::detect(&path).map_err(unreadable)? != omnimri_image::InputKind::Dicom
        {
            return Err(Refusal::BadRequest(
                "expected one image, or the files of one DICOM series".into(),
            ));
        }
        let key = omnimri_image::sha256(&path).map_err(unreadable)?;
        Ok(Shown {
            image: Image {
                key,
                path,
                name: name.into(),
                series: 0,
            },
            _files: Some(files),
        })
    })
    .await
}

/// Name and bytes of a data URL.
fn decode(url: &str) -> Result<(&'static str, Vec<u8>), Refusal> {
    let bad = |found: &str| {
        Refusal::BadRequest(format!(
            "expected an image as data:TYPE;base64,DATA or omnimri:job/ID, found {found}"
        ))
    };
    let rest = url
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("data:"))
        .and_then(|_| url.get(5..))
        .ok_or_else(|| bad("another kind of address (nothing is fetched from elsewhere)"))?;
    let (kind, data) = rest.split_once(',').ok_or_else(|| bad("no data"))?;
    let kind = kind.to_ascii_lowercase();
    let kind = kind
        .strip_suffix(";base64")
        .ok_or_else(|| bad("data that is not in base64"))?;
    let bytes = STANDARD
        .decode(data.trim())
        .map_err(|e| bad(&format!("broken base64 ({e})")))?;
    // Readers go by content; only an archive is told by its name.
    let name = match kind.split(';').next().unwrap_or_default() {
        "application/zip" | "application/x-zip-compressed" => "image.zip",
        _ => "image",
    };
    Ok((name, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls() {
        assert_eq!(
            decode("data:image/png;base64,AAEC").unwrap(),
            ("image", vec![0, 1, 2])
        );
        assert_eq!(
            decode("DATA:application/zip;BASE64,AAEC").unwrap().0,
            "image.zip"
        );
        for bad in [
            "https://example.org/a.png",
            "file:///etc/passwd",
            "data:image/png;base64",
            "data:image/png,abc",
            "data:image/png;base64,@@@",
            "",
        ] {
            assert!(matches!(decode(bad), Err(Refusal::BadRequest(_))), "{bad}");
        }
    }
}
